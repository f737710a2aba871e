"""Translates errors of the engine to errors of `tocsin.errors`."""

from __future__ import annotations

import errno
import os
import re

import structlog
from clickhouse_connect.driver.exceptions import Error

from tocsin.errors import (
    CannotWrite,
    DataFolderInUse,
    QueryTooHeavy,
    Stopping,
    TocsinError,
    Unavailable,
)

log = structlog.get_logger()

# ClickHouse codes: too many rows, timeout, too slow, memory limit, too many bytes, too many rows
# in a result.
TOO_HEAVY = {158, 159, 160, 241, 307, 396}
CANCELLED = 394
_NOT_ENOUGH_SPACE = 243
_CANNOT_WRITE = 75
# CANNOT_READ_ALL_DATA, CHECKSUM_DOESNT_MATCH, CORRUPTED_DATA, CANNOT_DECOMPRESS.
_DAMAGED = {33, 40, 246, 271}
# Only writes fail with these system errors.
_WRITE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
_POCO = 1000
# A broken request has the code of Poco's exceptions, as some bad values have.
_BROKEN_REQUEST = re.compile("Net Exception|Timeout|Connection|HTML Form|SSL")
# Errors for a block with an unacceptable value: CANNOT_PARSE and CANNOT_READ in their variants,
# INCORRECT_DATA, TYPE_MISMATCH and the like.
_BAD_DATA = {6, 25, 26, 27, 32, 33, 38, 41, 43, 53, 70, 72, 117, 131, 349, 636, 691, _POCO}


def to_tocsin_error(error: Exception, *, is_logging: bool = True) -> TocsinError:
    """The error for the caller; the engine's message goes to the log."""
    text, code = str(error), code_of(error)
    if code in TOO_HEAVY:
        return QueryTooHeavy()
    if code == CANCELLED:
        return Stopping()
    if "Cannot lock file" in text or "another process" in text:
        return DataFolderInUse()
    if reason := write_failure(text, code):
        # Not logged here, because every append fails until there is room: `Disk` logs the state.
        return CannotWrite(f"The engine cannot write to its disk ({reason})", reason)
    if is_logging:
        log.error("engine failed", code=code, error=text[:2_000])
    if code in _DAMAGED and (part := re.search(r"from part .*/([^/]+)/ in table", text)):
        return Unavailable(
            f"The part {part[1]} of the engine is damaged: see “A damaged part” in "
            "docs/how-to/recover.md"
        )
    return Unavailable("The engine failed; its error is in the log")


def is_bad_data(error: Exception) -> bool:
    """Whether the engine rejected a value of the block; False if the engine itself failed."""
    code = code_of(error)
    if code == _POCO and _BROKEN_REQUEST.search(str(error)):
        return False
    return code in _BAD_DATA


def write_failure(text: str, code: int | None) -> str | None:
    """The system's reason for a failed write of the engine; None for other errors."""
    if code == _NOT_ENOUGH_SPACE:
        return os.strerror(errno.ENOSPC)
    number = re.search(r"errno: (\d+)", text)
    if number and (code == _CANNOT_WRITE or int(number[1]) in _WRITE_ERRORS):
        return os.strerror(int(number[1]))
    reasons = map(os.strerror, _WRITE_ERRORS)
    return next((reason for reason in reasons if reason in text), None)


def code_of(error: Exception) -> int | None:
    """ClickHouse's error code, from the driver or from the message of chDB; None if the error is
    not ClickHouse's."""
    if isinstance(error, Error) and error.code is not None:
        return error.code
    match = re.search(r"Code: (\d+)", str(error))
    return int(match[1]) if match else None

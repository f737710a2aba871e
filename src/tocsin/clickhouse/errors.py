"""What does an error of the engine mean to those who asked?"""

from __future__ import annotations

import errno
import os
import re

import structlog

from tocsin.errors import (
    CannotWrite,
    DataFolderInUse,
    QueryTooHeavy,
    Stopping,
    TocsinError,
    Unavailable,
)

log = structlog.get_logger()

# Codes of ClickHouse: too many rows, too slow, timeout, memory limit, too many bytes, too many
# rows in an answer.
_TOO_HEAVY = {158, 159, 160, 241, 307, 396}
_CANCELLED = 394
_NOT_ENOUGH_SPACE = 243
_CANNOT_WRITE = 75
# CHECKSUM_DOESNT_MATCH, CORRUPTED_DATA, CANNOT_DECOMPRESS.
_DAMAGED = {40, 246, 271}
# Only writes fail with these.
_WRITE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
# What a block that holds an unacceptable value fails with: the CANNOT_PARSE and CANNOT_READ
# family, INCORRECT_DATA, TYPE_MISMATCH and the like.
_BAD_DATA = {6, 25, 26, 27, 32, 33, 38, 41, 43, 53, 70, 72, 117, 131, 349, 636, 691, 1000}


def to_tocsin_error(error: Exception, *, is_logging: bool = True) -> TocsinError:
    """The error that a caller should see; the engine's own words go to the log."""
    text, code = str(error), _code(error)
    if code in _TOO_HEAVY:
        return QueryTooHeavy()
    if code == _CANCELLED:
        return Stopping()
    if "Cannot lock file" in text or "another process" in text:
        return DataFolderInUse()
    if reason := _write_failure(text, code):
        # Not logged here: every append fails alike until there is room. The state is logged once.
        return CannotWrite(f"The engine cannot write to its disk ({reason})", reason)
    if is_logging:
        log.error("engine failed", code=code, error=text[:2_000])
    if code in _DAMAGED and (part := re.search(r"from part .*/([^/]+)/ in table", text)):
        return Unavailable(
            f"The part {part[1]} of the engine is damaged: see “A damaged part” in "
            "docs/how-to/recover.md"
        )
    return Unavailable("The engine could not answer; its error is in the log")


def is_bad_data(error: Exception) -> bool:
    """Whether a value was refused, rather than that anything failed."""
    return _code(error) in _BAD_DATA


def _write_failure(text: str, code: int | None) -> str | None:
    """The system's word for why the engine could not write, if that is what failed."""
    if code == _NOT_ENOUGH_SPACE:
        return os.strerror(errno.ENOSPC)
    number = re.search(r"errno: (\d+)", text)
    if number and (code == _CANNOT_WRITE or int(number[1]) in _WRITE_ERRORS):
        return os.strerror(int(number[1]))
    return next((os.strerror(each) for each in _WRITE_ERRORS if os.strerror(each) in text), None)


def _code(error: Exception) -> int | None:
    """ClickHouse's number of an error, from the driver or from chDB's words."""
    told = re.search(r"Code: (\d+)", str(error))
    return int(told[1]) if told else None

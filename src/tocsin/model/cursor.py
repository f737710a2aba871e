"""Cursors of paged listings: the instant and number of the last row, as opaque text."""

from __future__ import annotations

import base64
from datetime import datetime

from tocsin.errors import InvalidInput
from tocsin.model.instant import from_milliseconds, to_milliseconds

InstantPosition = tuple[datetime, int]
"""The instant and the number of a row; several nodes write rows in another order."""


def write_cursor(milliseconds: int, number: int) -> str:
    place = f"{milliseconds}.{number}"
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[datetime, int]:
    """The instant and the number in a cursor; raises InvalidInput for any other text."""
    try:
        place = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        timestamp, number = place.split(".")
        position = from_milliseconds(int(timestamp)), int(number)
    except (ValueError, OverflowError):
        raise _wrong() from None
    # A database has no greater number, and rejects one.
    if position[1] >= 2**63:
        raise _wrong()
    return position


def position_of(cursor: str | None) -> InstantPosition | None:
    """The position in a cursor, if there is one; raises InvalidInput."""
    return None if cursor is None else read_cursor(cursor)


def write_position(position: InstantPosition | None) -> str | None:
    """The cursor of the page that follows a position, if there is one."""
    return write_cursor(to_milliseconds(position[0]), position[1]) if position else None


def _wrong() -> InvalidInput:
    return InvalidInput.at("cursor", "is not a cursor of a listing")

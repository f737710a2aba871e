"""Cursors of paged listings: the instant and number of the last row, as opaque text."""

from __future__ import annotations

import base64
from datetime import datetime

from tocsin.errors import InvalidInput
from tocsin.model.instant import from_milliseconds


def write_cursor(milliseconds: int, number: int) -> str:
    place = f"{milliseconds}.{number}"
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[datetime, int]:
    """The instant and the number in a cursor; raises InvalidInput for any other text."""
    try:
        place = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        timestamp, number = place.split(".")
        return from_milliseconds(int(timestamp)), int(number)
    except (ValueError, OverflowError):
        raise InvalidInput.at("cursor", "is not a cursor of a listing") from None

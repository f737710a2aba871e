"""Encodes an interaction as one line of NDJSON.

It is encoded when it is recorded: later changes of the payload have no effect, and each attempt
to send it has the same bytes, as the server requires of a repeat.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, time, timezone
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

_ENCODER = json.JSONEncoder(
    ensure_ascii=False,
    allow_nan=False,
    separators=(",", ":"),
    default=lambda value: _encodable(value),
)


def encode(members: Mapping[str, Any]) -> bytes:
    """The members as JSON. Raises TypeError, ValueError or RecursionError if that is impossible."""
    return _ENCODER.encode(members).encode()


def _encodable(value: object) -> object:
    """Values that JSON lacks. A Decimal is sent as a string, which Tocsin counts as a number, so
    that no digit is lost."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a value of type {type(value).__name__} cannot be encoded as JSON")


def instant(moment: datetime) -> str:
    """`moment` in UTC with milliseconds, as the server writes instants."""
    if moment.tzinfo is None:
        raise ValueError("the timestamp has no time zone")
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds")

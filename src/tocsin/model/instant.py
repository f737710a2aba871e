"""Parses instants from RFC 3339 and formats them in UTC with milliseconds.

The rules are "Interactions" in docs/reference/api.md.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

FIRST_YEAR = 1970
LAST_YEAR = 2299
MILLISECOND = timedelta(milliseconds=1)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:[.]\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)


def parse_instant(text: str) -> datetime:
    """The instant in UTC, truncated to milliseconds; ValueError describes a valid spelling."""
    return from_milliseconds(parse_milliseconds(text))


def parse_milliseconds(text: str) -> int:
    """The result of `parse_instant` as milliseconds since 1970."""
    if not _RFC_3339.fullmatch(text):
        raise ValueError(
            "must be RFC 3339 with Z or an offset, such as 2026-03-20T14:30:00.000Z "
            "(in a URL the + of an offset is written %2B)"
        )
    try:
        instant = datetime.fromisoformat(text.upper())
    except ValueError:
        raise ValueError("is not an existing date and time") from None
    milliseconds = to_milliseconds(instant)
    if not 0 <= milliseconds < _END:
        raise ValueError(f"must be in the years {FIRST_YEAR} to {LAST_YEAR}, in UTC")
    return milliseconds


def format_instant(instant: datetime) -> str:
    """`2026-03-20T14:30:00.000Z`; the instant must be aware, microseconds are truncated."""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    return instant.isoformat(timespec="milliseconds")[:-6] + "Z"


def cut(instant: datetime) -> datetime:
    """The instant truncated to milliseconds."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def format_milliseconds(milliseconds: int) -> str:
    """`format_instant` of milliseconds since 1970."""
    second, rest = divmod(milliseconds, 1_000)
    return f"{_format_second(second)}.{rest:03d}Z"


@lru_cache(maxsize=1024)
def _format_second(second: int) -> str:
    """Cached, because most of the interactions in one response are of few seconds."""
    return (_EPOCH + timedelta(seconds=second)).isoformat()[:-6]


def to_milliseconds(instant: datetime) -> int:
    since = instant - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000 + since.microseconds // 1_000


def from_milliseconds(milliseconds: int) -> datetime:
    return _EPOCH + milliseconds * MILLISECOND


_END = to_milliseconds(datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC))

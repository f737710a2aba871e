"""The header Retry-After (RFC 9110, 10.2.3): seconds, or a date in one of three forms (5.6.7)."""

from __future__ import annotations

import email.utils
import re
from datetime import UTC, datetime, timedelta

LONGEST_DELAY = timedelta(hours=24)
"""However long a receiver asks to be left alone, it is not longer than this."""

# Past the longest delay already; a timedelta cannot hold any number of digits.
_DIGITS = 9
# The year of `Sunday, 06-Nov-94 08:49:37 GMT`.
_TWO_DIGIT_YEAR = re.compile(r"\d-[A-Za-z]{3}-\d\d ")
_YEARS_AHEAD = 50


def read_retry_after(text: str, at: datetime) -> timedelta | None:
    """How long after `at` to try again: at most LONGEST_DELAY, zero for a date that has passed,
    None for anything that is neither seconds nor a date."""
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:_DIGITS])), LONGEST_DELAY)
    date = _http_date(text, at)
    return None if date is None else min(max(timedelta(0), date - at), LONGEST_DELAY)


def _http_date(text: str, at: datetime) -> datetime | None:
    """An IMF-fixdate, an RFC 850 or an asctime date. A year of two digits is the latest one that
    is at most 50 years after `at`."""
    try:
        parsed = email.utils.parsedate_to_datetime(text)
        if parsed.tzinfo is None:
            # asctime names no zone: it is UTC.
            parsed = parsed.replace(tzinfo=UTC)
        if _TWO_DIGIT_YEAR.search(text):
            latest = at.year + _YEARS_AHEAD
            parsed = parsed.replace(year=latest - (latest - parsed.year) % 100)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return parsed

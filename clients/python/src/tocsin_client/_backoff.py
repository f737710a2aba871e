"""Delays between attempts: exponential with full jitter, or as the header Retry-After requires."""

from __future__ import annotations

import random
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 30.0
LONGEST_RETRY_AFTER_SECONDS = 3600.0
_SPREAD_SECONDS = 1.0
"""Clients that get the same Retry-After return at different times within this span."""


def delay_after(failures: int, retry_after: float | None) -> float:
    """Seconds until the next attempt, after this number of consecutive failures, at least 1."""
    if retry_after is not None:
        return min(retry_after, LONGEST_RETRY_AFTER_SECONDS) + random.uniform(0, _SPREAD_SECONDS)
    # 2**6 * 0.5 s exceeds the longest delay.
    longest = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(failures - 1, 6))
    return random.uniform(0, longest)


def read_retry_after(text: str | None, now: datetime) -> float | None:
    """The delay of a Retry-After header, which has seconds or a date; None if it is invalid."""
    text = (text or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return max(0.0, (aware - now).total_seconds())

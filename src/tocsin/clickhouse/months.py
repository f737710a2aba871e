"""Holds the months that have interactions: each is a partition of its own, with files of its own.

Noted before each append, and from the parts at the start. An append that fails may leave a month
here that has nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np

from tocsin.model.ceilings import APPENDED_MONTHS

DAY = 86_400_000


def months_of(timestamps: Sequence[int]) -> list[int]:
    """The month of each timestamp, in months since January 1970."""
    instants = np.array(timestamps, dtype="datetime64[ms]")
    months: list[int] = instants.astype("datetime64[M]").astype(np.int64).tolist()
    return months


def month_count(first: int, last: int) -> int:
    """In how many months timestamps from `first` to `last` may lie; no fewer than there are."""
    return (last - first) // (28 * DAY) + 2


class RecordedMonths:
    """Changed by the thread that appends and by retention, read by any."""

    def __init__(self) -> None:
        self._months: frozenset[int] = frozenset()
        # The newest month that was noted: nearly all interactions are in it.
        self._usual = range(0)

    def __len__(self) -> int:
        return len(self._months)

    def __contains__(self, month: int) -> bool:
        return month in self._months

    def has_all(self, first: int, last: int) -> bool:
        """Whether timestamps from `first` to `last` surely are in known months."""
        usual = self._usual
        if usual.start <= first and last < usual.stop:
            return True
        if month_count(first, last) > APPENDED_MONTHS:
            return False
        earliest, latest = months_of([first, last])
        return self._months.issuperset(range(earliest, latest + 1))

    def note(self, months: Iterable[int]) -> None:
        """From now on these months may have interactions."""
        noted = set(months)
        if noted:
            self._months |= noted
            start, end = np.array([max(noted), max(noted) + 1], "datetime64[M]").astype(
                "datetime64[ms]"
            )
            self._usual = range(int(start.astype(np.int64)), int(end.astype(np.int64)))

    def forget_before(self, instant: datetime) -> None:
        """The months before that of an instant have been dropped."""
        earliest = (instant.year - 1970) * 12 + instant.month - 1
        self._months = frozenset(month for month in self._months if month >= earliest)
        self._usual = range(0)

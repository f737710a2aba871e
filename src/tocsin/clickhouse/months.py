"""Tracks the months that have interactions: each is a partition with separate files.

Updated before each append, and loaded from the parts at the start. A failed append may leave a
month here that has no interaction.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
import numpy as np

from tocsin.model.ceilings import APPENDED_MONTHS

DAY = 86_400_000


def months_of(timestamps: Sequence[int]) -> list[int]:
    """The month of each timestamp, in months since January 1970."""
    instants = np.array(timestamps, dtype="datetime64[ms]")
    months: list[int] = instants.astype("datetime64[M]").astype(np.int64).tolist()
    return months


def month_count(first: int, last: int) -> int:
    """An upper bound for the number of months of timestamps from `first` to `last`."""
    return (last - first) // (28 * DAY) + 2


class MonthSums(msgspec.Struct, frozen=True):
    """Sums over the interactions of a month, modulo 2**64: count, numbers, hashes of ids."""

    count: int
    numbers: int
    ids: int


class RecordedMonths:
    """Any number of threads may use the object."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._months: frozenset[int] = frozenset()
        # The timestamps of the newest month, which has nearly all interactions that arrive.
        self._newest = range(0)

    def __len__(self) -> int:
        return len(self._months)

    def __contains__(self, month: int) -> bool:
        return month in self._months

    def has_all(self, first: int, last: int) -> bool:
        """Whether all timestamps from `first` to `last` are in months with interactions. May be
        False although they are."""
        newest = self._newest
        if newest.start <= first and last < newest.stop:
            return True
        if month_count(first, last) > APPENDED_MONTHS:
            return False
        earliest, latest = months_of([first, last])
        return self._months.issuperset(range(earliest, latest + 1))

    def add(self, months: Iterable[int]) -> None:
        """Add months that have interactions, or may have them soon."""
        added = set(months)
        if not added:
            return
        with self._changing:
            self._months |= added
            start, end = np.array([max(added), max(added) + 1], "datetime64[M]").astype(
                "datetime64[ms]"
            )
            self._newest = range(int(start.astype(np.int64)), int(end.astype(np.int64)))

    def remove_before(self, instant: datetime) -> None:
        """Remove the months before that of an instant."""
        earliest = (instant.year - 1970) * 12 + instant.month - 1
        with self._changing:
            self._months = frozenset(month for month in self._months if month >= earliest)
            self._newest = range(0)

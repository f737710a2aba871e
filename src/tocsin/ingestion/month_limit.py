"""Limits the number of months with interactions: each adds files, and time to every start."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from tocsin.clickhouse.months import RecordedMonths, month_count, months_of
from tocsin.model.ceilings import APPENDED_MONTHS
from tocsin.model.instant import to_milliseconds
from tocsin.model.interactions.interaction import Interaction
from tocsin.process.clock import Clock

# Senders of old timestamps must not prevent others from recording recent interactions.
ALWAYS_ACCEPTED_MONTHS = 24


class MonthLimit:
    """Rejects interactions in new months beyond the limit, except for recent months."""

    def __init__(self, recorded: RecordedMonths, limit: int, clock: Clock) -> None:
        self._recorded = recorded
        self._limit = limit
        self._clock = clock

    def has_all(self, first: int, last: int) -> bool:
        """Whether all timestamps from `first` to `last` are in months with interactions."""
        return self._recorded.has_all(first, last)

    def admit(self, interactions: Sequence[Interaction]) -> list[Interaction]:
        """Add the months of the interactions; returns the interactions that exceed the limit."""
        months = months_of([interaction.timestamp for interaction in interactions])
        new = sorted(month for month in set(months) if month not in self._recorded)
        (this_month,) = months_of([to_milliseconds(self._clock.now())])
        recent = range(this_month - ALWAYS_ACCEPTED_MONTHS + 1, this_month + 2)
        old = [month for month in new if month not in recent]
        room = max(self._limit - len(self._recorded) - (len(new) - len(old)), 0)
        rejected = set(old[: max(len(old) - room, 0)])
        self._recorded.add(set(months) - rejected)
        if not rejected:
            return []
        pairs = zip(interactions, months, strict=True)
        return [interaction for interaction, month in pairs if month in rejected]

    @property
    def reason(self) -> str:
        return (
            f"is in a new month, and {len(self._recorded)} months have interactions already: "
            "TOCSIN_MAX_MONTHS raises the limit"
        )


class AppendedMonths:
    """Counts the months of the interactions that are collected for one append.

    It reads the individual timestamps only if the earliest and the latest one are far apart, so
    that one sender of old timestamps does not prevent others from sharing an append.
    """

    def __init__(self) -> None:
        self._ends: tuple[int, ...] = ()
        self._months: set[int] = set()
        self._uncounted: list[Sequence[Interaction]] = []

    def try_add(self, interactions: Sequence[Interaction], first: int, last: int) -> bool:
        """Add interactions with timestamps from `first` to `last`; False, without adding them, if
        the append would have more months than it may have."""
        ends = min(*self._ends, first, last), max(*self._ends, first, last)
        if month_count(*ends) <= APPENDED_MONTHS:
            self._uncounted.append(interactions)
        else:
            uncounted = chain(*self._uncounted, interactions)
            new = months_of([interaction.timestamp for interaction in uncounted])
            months = self._months.union(new)
            if len(months) > APPENDED_MONTHS:
                return False
            self._months, self._uncounted = months, []
        self._ends = ends
        return True


def split_by_months(interactions: Sequence[Interaction]) -> list[list[int]]:
    """The indexes of the interactions, split into portions with at most the months that one append
    may have. A portion keeps the order of its interactions."""
    months = months_of([interaction.timestamp for interaction in interactions])
    ranks = {month: rank for rank, month in enumerate(sorted(set(months)))}
    portions: list[list[int]] = [[] for _ in range(0, len(ranks), APPENDED_MONTHS)]
    for index, month in enumerate(months):
        portions[ranks[month] // APPENDED_MONTHS].append(index)
    return portions

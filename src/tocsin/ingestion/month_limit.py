"""Bounds the months that interactions may lie in, for each costs files and time at every start."""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.clickhouse.months import RecordedMonths, month_count, months_of
from tocsin.model.ceilings import APPENDED_MONTHS
from tocsin.model.instant import to_milliseconds
from tocsin.model.interactions.interaction import Interaction
from tocsin.process.clock import Clock

# Those who send old timestamps must not keep others from recording what happens now.
ALWAYS_ACCEPTED_MONTHS = 24


class MonthLimit:
    def __init__(self, known: RecordedMonths, most: int, clock: Clock) -> None:
        self._known = known
        self._most = most
        self._clock = clock

    def has_all(self, first: int, last: int) -> bool:
        """Whether timestamps from `first` to `last` surely are in months that are noted already."""
        return self._known.has_all(first, last)

    def admit(self, interactions: Sequence[Interaction]) -> list[Interaction]:
        """Note the months of the interactions; answers those that are in one month too many."""
        months = months_of([interaction.timestamp for interaction in interactions])
        lacking = sorted(month for month in set(months) if month not in self._known)
        (this_month,) = months_of([to_milliseconds(self._clock.now())])
        recent = range(this_month - ALWAYS_ACCEPTED_MONTHS + 1, this_month + 2)
        old = [month for month in lacking if month not in recent]
        fresh = len(lacking) - len(old)
        room = max(self._most - len(self._known) - fresh, 0)
        refused = set(old[: max(len(old) - room, 0)])
        self._known.note(set(months) - refused)
        if not refused:
            return []
        return [one for one, month in zip(interactions, months, strict=True) if month in refused]

    @property
    def reason(self) -> str:
        return (
            f"is in a new month, and there are interactions in {len(self._known)} months already: "
            "TOCSIN_MAX_MONTHS raises the limit"
        )


class AppendedMonths:
    """Counts the months of what is appended together, as it grows.

    Each timestamp is looked at only where the ends lie far apart: a sender of old ones among those
    who send live must not keep their interactions from sharing an append.
    """

    def __init__(self) -> None:
        self._ends: tuple[int, ...] = ()
        self._months: set[int] = set()
        self._uncounted: list[Sequence[Interaction]] = []

    def take(self, interactions: Sequence[Interaction], first: int, last: int) -> bool:
        """Add interactions, whose timestamps lie between `first` and `last`; False, and nothing is
        added, if there would be more months than an append may have."""
        ends = min(*self._ends, first, last), max(*self._ends, first, last)
        if month_count(*ends) <= APPENDED_MONTHS:
            self._uncounted.append(interactions)
        else:
            together = [*self._uncounted, interactions]
            new = months_of([one.timestamp for some in together for one in some])
            months = self._months.union(new)
            if len(months) > APPENDED_MONTHS:
                return False
            self._months, self._uncounted = months, []
        self._ends = ends
        return True


def split_by_months(interactions: Sequence[Interaction]) -> list[list[int]]:
    """Indexes of the interactions, divided so that no portion has more months than one append may
    have; within a portion in their order."""
    timestamps = [interaction.timestamp for interaction in interactions]
    if month_count(min(timestamps), max(timestamps)) <= APPENDED_MONTHS:
        return [list(range(len(interactions)))]
    months = months_of(timestamps)
    ranks = {month: rank for rank, month in enumerate(sorted(set(months)))}
    divided: list[list[int]] = [[] for _ in range(0, len(ranks), APPENDED_MONTHS)]
    for index, month in enumerate(months):
        divided[ranks[month] // APPENDED_MONTHS].append(index)
    return divided

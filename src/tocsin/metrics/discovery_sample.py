"""Chooses the interactions from which fields are discovered where there are too many to read.

Reading a payload takes microseconds. A sample consists of a slice of time of a few months, evenly
among the rows of the scope, of which the newest month is one: reading few parts matters as much as
reading few rows. A slice of time has rows of every pair of a resource type and an action, of which
the engine reads at least a granule each.

A field that is in one of n payloads is missing from a sample of r rows with a probability of
exp(-r / n), if it occurs evenly: 2% for one in 5,000. One that occurs only in some hours or months
may be missing altogether.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tocsin.clickhouse.sql.extent import Extent
from tocsin.model.metrics.window import Period

EXACT_ROWS = 10_000_000
"""Up to this number of interactions, what is answered is what all of them have."""
SAMPLE_ROWS = 20_000
MONTHS = 6
_INSTANT = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Sample:
    """The interactions of some periods; `rows` is their number, and `of` the number of those that
    they stand for."""

    periods: Sequence[Period]
    rows: int
    of: int

    def __str__(self) -> str:
        return f"{self.rows}/{self.of}"


def choose(
    rows: Mapping[str, int],
    extent: Extent,
    count: Callable[[Sequence[Period]], int],
    more_than: int,
) -> Sample | None:
    """A sample of a scope with these rows in each month, which is spelled `202603`; None if there
    are no more than `more_than`, or nearly all are in a small part of their months. `count` counts
    the rows of periods."""
    total = sum(rows.values())
    if total <= more_than:
        return None
    months = _evenly(rows)
    share = SAMPLE_ROWS / sum(rows[month] for month in months)
    while share < 1:
        periods = [_slice(month, share, extent) for month in months]
        if (sampled := count(periods)) >= SAMPLE_ROWS / 10:
            return Sample(periods, sampled, total)
        # Most rows are elsewhere in these months.
        share *= 8
    return None


def _evenly(rows: Mapping[str, int]) -> list[str]:
    """The months of MONTHS rows at equal distances, the last of all rows included."""
    total, seen = sum(rows.values()), 0
    chosen = []
    for month in sorted(rows):
        before, seen = seen, seen + rows[month]
        if before * MONTHS // total < seen * MONTHS // total:
            chosen.append(month)
    return chosen


def _slice(month: str, share: float, extent: Extent) -> Period:
    """The middle of the part of a month that has interactions."""
    start = datetime(int(month[:4]), int(month[4:]), 1, tzinfo=UTC)
    end = (start + timedelta(days=32)).replace(day=1)
    start, end = max(start, extent.earliest), min(end, extent.latest)
    length = max((end - start) * share, _INSTANT)
    after = start + (end - start - length) / 2
    return Period(after, after + length)

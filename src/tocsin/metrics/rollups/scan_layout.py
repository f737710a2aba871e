"""Divides the time of a shared scan into disjoint buckets, and assembles the rows of each read.

A scan assigns each interaction to one bucket. Where a read needs a day and another one an hour of
it, the scan reads the hours of the day, and the day is rolled up from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tocsin.clickhouse.sql.plan import Measure
from tocsin.metrics.rollups.buckets import (
    BEFORE_ALL,
    LENGTHS,
    BucketRange,
    Interval,
    children,
    intervals_of,
)
from tocsin.metrics.rollups.partials import PartialAggregates, combine, joined
from tocsin.metrics.rollups.read_plan import Read, disjoint

RowsAt = Callable[[int], PartialAggregates]
"""The scanned rows of a level."""

_ANY_TIME = -BEFORE_ALL * 10_000
"""Milliseconds; a bucket of this length holds every timestamp from 1970 on."""


class Layout(Protocol):
    """The buckets of a scan. A level has disjoint intervals and a length of its buckets in
    milliseconds; no two levels overlap."""

    @property
    def intervals(self) -> Sequence[Sequence[Interval]]: ...

    @property
    def lengths(self) -> Sequence[int]: ...

    def rows_of(self, read: Read, rows_at: RowsAt) -> PartialAggregates:
        """The rows of one read."""


class SegmentLayout:
    """Each segment is a level of its own, with one bucket."""

    def __init__(self, reads: Iterable[Read]) -> None:
        self._segments = disjoint(i for read in reads for i in read.bucket_set.intervals)

    @property
    def intervals(self) -> Sequence[Sequence[Interval]]:
        return [[segment] for segment in self._segments]

    @property
    def lengths(self) -> Sequence[int]:
        return [_ANY_TIME] * len(self._segments)

    def rows_of(self, read: Read, rows_at: RowsAt) -> PartialAggregates:
        """The rows of the read's intervals, each in the bucket of its index."""
        return joined(
            [
                rows_at(level).in_bucket(index)
                for index, interval in enumerate(read.bucket_set.intervals)
                for level, segment in enumerate(self._segments)
                if interval.after <= segment.after and segment.upto <= interval.upto
            ]
        )


@dataclass(frozen=True, slots=True)
class BucketLayout:
    """The buckets of each level that are scanned, and those (level, bucket) that are rolled up from
    shorter ones."""

    scanned: tuple[frozenset[int], ...]
    rolled_up: frozenset[tuple[int, int]]

    @classmethod
    def of(cls, reads: Iterable[Read]) -> BucketLayout:
        """The layout of a scan for all the reads."""
        scanned: list[set[int]] = [set() for _ in LENGTHS]
        for read in reads:
            scanned[read.level].update(read.buckets)
        rolled_up: set[tuple[int, int]] = set()
        for level in range(len(LENGTHS) - 1, 0, -1):
            length = LENGTHS[level]
            parents = {
                -(-bucket * LENGTHS[lower] // length)
                for lower in range(level)
                for bucket in scanned[lower]
            }
            for bucket in scanned[level] & parents:
                scanned[level].remove(bucket)
                scanned[level - 1].update(children(level, bucket).buckets)
                rolled_up.add((level, bucket))
        return cls(tuple(map(frozenset, scanned)), frozenset(rolled_up))

    @property
    def intervals(self) -> Sequence[Sequence[Interval]]:
        return [intervals_of(level, buckets) for level, buckets in enumerate(self.scanned)]

    @property
    def lengths(self) -> Sequence[int]:
        return LENGTHS

    def rows_of(self, read: Read, rows_at: RowsAt) -> PartialAggregates:
        """The rows of the read's buckets."""
        level, needed = read.level, frozenset(read.buckets)
        parts = []
        if self.scanned[level] & needed:
            rows = rows_at(level)
            parts.append(rows if self.scanned[level] <= needed else rows.within(needed))
        measure = read.view.rollup.measure
        parts += [
            self._roll_up(measure, level, bucket, rows_at)
            for bucket in sorted(needed)
            if (level, bucket) in self.rolled_up
        ]
        return joined(parts)

    def _roll_up(
        self, measure: Measure, level: int, bucket: int, rows_at: RowsAt
    ) -> PartialAggregates:
        """The rows of a bucket, combined from those of its children."""
        rows = self._rows_in(measure, children(level, bucket), rows_at)
        return combine(measure, rows.in_bucket(bucket))

    def _rows_in(
        self, measure: Measure, buckets: BucketRange, rows_at: RowsAt
    ) -> PartialAggregates:
        level, after, upto = buckets
        parts = [
            self._roll_up(measure, level, bucket, rows_at)
            for bucket in buckets.buckets
            if (level, bucket) in self.rolled_up
        ]
        return joined([rows_at(level).between(after, upto), *parts])

"""Plans the reads of a refresh: missing buckets in full, stale buckets from their watermarks on.

A bucket holds all interactions up to its watermark, and newer ones are added to it. So refreshing
costs in proportion to the interactions recorded since, whatever their timestamps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import NamedTuple, Protocol

from tocsin.metrics.rollups.buckets import (
    LENGTHS,
    BucketRange,
    Interval,
    interval_of,
    intervals_of,
    minute_of,
)
from tocsin.metrics.rollups.dirty import ReadView
from tocsin.metrics.rollups.partials import PartialAggregates
from tocsin.metrics.rollups.rollup import RollupView, Segments


class BucketSet(NamedTuple):
    """Ascending intervals, in buckets of a length in milliseconds; without a length each interval
    is a bucket, numbered by its index.

    Of each interval all interactions belong to the set or, with watermarks, those with a greater
    number than the watermark of the interval."""

    intervals: tuple[Interval, ...]
    length: int | None
    watermarks: tuple[int, ...] = ()


class Target(Enum):
    """The part of a view that a read is for: segments, buckets of a level, or the minutes at edges
    by millisecond."""

    SEGMENTS = "segments"
    BUCKETS = "buckets"
    EDGES = "edges"


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """Reads a part of a view: some buckets of a level, or minutes, or segments."""

    view: RollupView
    target: Target
    bucket_set: BucketSet
    level: int = 0
    buckets: Collection[int] = ()

    @property
    def span(self) -> int:
        """Milliseconds."""
        return sum(interval.upto - interval.after for interval in self.bucket_set.intervals)

    @property
    def watermark(self) -> int | None:
        """The least number after which interactions are read; None for all interactions."""
        return min(self.bucket_set.watermarks, default=None)

    def for_scan(self) -> Read:
        """The read that replaces this one where too many interactions would be fetched: stale
        buckets are read anew, and edges as segments, which are not kept."""
        match self.target:
            case Target.EDGES:
                edges = (e for e in self.view.edges if minute_of(e) in self.buckets)
                return _segment_read(self.view, disjoint(edges))
            case Target.BUCKETS if self.watermark is not None:
                return _whole(self.view, self.target, self.level, frozenset(self.buckets))
            case _:
                return self

    def apply(self, rows: PartialAggregates, watermark: int) -> None:
        """Store the rows of this read, which include interactions up to a watermark."""
        view, is_whole = self.view, self.watermark is None
        match self.target:
            case Target.SEGMENTS:
                view.segments.append(Segments(self.bucket_set.intervals, rows))
            case Target.EDGES:
                store = view.replace_minutes if is_whole else view.add_to_minutes
                store(self.buckets, rows, watermark)
            case Target.BUCKETS:
                change = view.replace_buckets if is_whole else view.add_to_buckets
                change(self.level, self.buckets, rows, watermark)


class BucketReader(Protocol):
    """Reads interactions as partial aggregates."""

    def read(self, reads: Collection[Read]) -> Mapping[Read, PartialAggregates]:
        """The rows of the reads that this reader could do."""


RequiredBuckets = Sequence[tuple[int, Mapping[int, int]]]
"""The required buckets of each level, with their last changes."""


@dataclass(frozen=True, slots=True)
class Staleness:
    """The required buckets that were never read, and those with newer interactions: their
    watermarks."""

    missing: frozenset[int]
    stale: Mapping[int, int]

    @classmethod
    def of(cls, required: Mapping[int, int], watermarks: Mapping[int, int]) -> Staleness:
        """Of required buckets, each with its last change, in a state with these watermarks."""
        get = watermarks.get
        # Mostly none: each calculation compares thousands of buckets.
        outdated = [bucket for bucket, change in required.items() if get(bucket, -1) < change]
        stale = {bucket: watermarks[bucket] for bucket in outdated if bucket in watermarks}
        return cls(frozenset(outdated).difference(stale), stale)


class ReadPlan:
    """Plans for the views of one calculation."""

    def __init__(self, read_view: ReadView) -> None:
        self._read_view = read_view
        self._required: dict[tuple[Interval, ...], RequiredBuckets] = {}

    def reads(self, views: Iterable[RollupView]) -> Iterator[Read]:
        """The reads that the windows of the views need."""
        for view in views:
            if view.is_transient:
                yield _segment_read(view, disjoint(view.windows))
            else:
                yield from self._edge_reads(view)
                yield from self._bucket_reads(view)

    def _edge_reads(self, view: RollupView) -> Iterator[Read]:
        """Reads of the minutes in which windows begin and end."""
        required = self._read_view.last_changes(0, view.edge_minutes)
        minutes = view.minutes
        watermarks = {m: minutes[m].watermark for m in required if m in minutes}
        yield from _reads_of(view, Target.EDGES, 0, Staleness.of(required, watermarks))

    def _bucket_reads(self, view: RollupView) -> Iterator[Read]:
        for level, required in self._required_by(view):
            staleness = Staleness.of(required, view.resolutions[level].watermarks)
            yield from _reads_of(view, Target.BUCKETS, level, staleness)

    def _required_by(self, view: RollupView) -> RequiredBuckets:
        """The buckets of the view's windows. Many views have the same windows."""
        windows = tuple(view.windows)
        if windows not in self._required:
            ranges = [r for window in view.windows.values() for r in window.ranges]
            self._required[windows] = self._last_changes(ranges)
        return self._required[windows]

    def _last_changes(self, ranges: Iterable[BucketRange]) -> RequiredBuckets:
        required: defaultdict[int, dict[int, int]] = defaultdict(dict)
        for range_ in ranges:
            level = range_.level
            required[level] |= self._read_view.last_changes(level, range_.buckets)
        return list(required.items())


def segments(times: Iterable[int]) -> list[Interval]:
    """The intervals between ascending times."""
    return [Interval(*pair) for pair in pairwise(times)]


def disjoint(intervals: Iterable[Interval]) -> list[Interval]:
    """Ascending intervals without overlaps, of which each given one is made."""
    given = set(intervals)
    pieces = segments(sorted({time for interval in given for time in interval}))
    return [p for p in pieces if any(i.after <= p.after and p.upto <= i.upto for i in given)]


def _segment_read(view: RollupView, intervals: Sequence[Interval]) -> Read:
    return Read(view, Target.SEGMENTS, BucketSet(tuple(intervals), None))


def _reads_of(view: RollupView, target: Target, level: int, staleness: Staleness) -> Iterator[Read]:
    if staleness.missing:
        yield _whole(view, target, level, staleness.missing)
    if staleness.stale:
        buckets = sorted(staleness.stale)
        intervals = tuple(interval_of(level, bucket) for bucket in buckets)
        watermarks = tuple(staleness.stale[bucket] for bucket in buckets)
        bucket_set = BucketSet(intervals, _length(target, level), watermarks)
        yield Read(view, target, bucket_set, level, buckets)


def _whole(view: RollupView, target: Target, level: int, buckets: frozenset[int]) -> Read:
    intervals = tuple(intervals_of(level, buckets))
    return Read(view, target, BucketSet(intervals, _length(target, level)), level, buckets)


def _length(target: Target, level: int) -> int:
    return 1 if target is Target.EDGES else LENGTHS[level]

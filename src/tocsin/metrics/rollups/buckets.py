"""Divides time into buckets of four lengths, and windows into buckets and edges.

Buckets are numbered from 1970 on: bucket `b` of length `l` holds the milliseconds later than
`(b - 1) * l` and up to `b * l`. Like a window, it is open at its beginning. A window consists of
the longest buckets that fit into it, and of an edge on each side that is shorter than a minute.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple

MINUTE = 60_000
LENGTHS = (MINUTE, 60 * MINUTE, 24 * 60 * MINUTE, 32 * 24 * 60 * MINUTE)
"""Milliseconds of a bucket, by level: minutes, hours, days, and spans of 32 days."""

BEFORE_ALL = -LENGTHS[-1]
"""Milliseconds; earlier than every timestamp, and the beginning of a bucket at every level."""


class BucketRange(NamedTuple):
    """Consecutive buckets of a level: those after `after` and up to `upto`."""

    level: int
    after: int
    upto: int

    @property
    def buckets(self) -> range:
        return range(self.after + 1, self.upto + 1)


class Interval(NamedTuple):
    """The milliseconds later than `after` and up to `upto`."""

    after: int
    upto: int


class Decomposition(NamedTuple):
    """The buckets and edges of a window."""

    ranges: tuple[BucketRange, ...]
    edges: tuple[Interval, ...]


@lru_cache(maxsize=256)
def decompose(begin: int, end: int) -> Decomposition:
    """The buckets and edges of the window later than `begin` and up to `end`, in milliseconds since
    1970."""
    first, last = -(-begin // MINUTE), end // MINUTE
    edges = [Interval(begin, first * MINUTE), Interval(last * MINUTE, end)]
    if last < first:
        edges = [Interval(begin, end)]
    ranges = _ranges(0, first, last)
    return Decomposition(tuple(ranges), tuple(edge for edge in edges if edge.after < edge.upto))


def _ranges(level: int, after: int, upto: int) -> list[BucketRange]:
    """Buckets of a level where no longer ones fit, and longer ones elsewhere."""
    if upto <= after:
        return []
    if level + 1 == len(LENGTHS):
        return [BucketRange(level, after, upto)]
    factor = LENGTHS[level + 1] // LENGTHS[level]
    first, last = -(-after // factor), upto // factor
    if last <= first:
        return [BucketRange(level, after, upto)]
    sides = BucketRange(level, after, first * factor), BucketRange(level, last * factor, upto)
    return [side for side in sides if side.after < side.upto] + _ranges(level + 1, first, last)


def intervals_of(level: int, buckets: Collection[int]) -> list[Interval]:
    """The time of buckets in ascending order; consecutive buckets become one interval."""
    length = LENGTHS[level]
    starts = sorted((bucket - 1) * length for bucket in buckets if bucket - 1 not in buckets)
    ends = sorted(bucket * length for bucket in buckets if bucket + 1 not in buckets)
    return [Interval(*times) for times in zip(starts, ends, strict=True)]


def interval_of(level: int, bucket: int) -> Interval:
    """The time of one bucket."""
    return Interval((bucket - 1) * LENGTHS[level], bucket * LENGTHS[level])


def bucket_of(level: int, instant: int) -> int:
    """The bucket of a level that holds an instant."""
    return -(-instant // LENGTHS[level])


def children(level: int, bucket: int) -> BucketRange:
    """The buckets of the level below that a bucket consists of."""
    factor = LENGTHS[level] // LENGTHS[level - 1]
    return BucketRange(level - 1, (bucket - 1) * factor, bucket * factor)


def minute_of(edge: Interval) -> int:
    """The minute that holds the edge of a window."""
    return -(-edge.upto // MINUTE)

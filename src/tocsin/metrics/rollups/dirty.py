"""Marks the buckets in which interactions were recorded recently.

A watermark is the number of the last interaction that was known to be on disk: partial aggregates
with a watermark include every interaction up to that number and none after it. They are current
while nothing was recorded in their bucket after it. The committer marks the buckets of a block
after the block is on disk and before its senders are answered, so every calculation that starts
afterwards sees all acknowledged interactions.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tocsin.metrics.rollups.buckets import LENGTHS
from tocsin.metrics.rollups.partials import unique

MAX_BUCKETS = 200_000


class DirtyBuckets:
    """The last change of each bucket. Any number of threads may use the object."""

    def __init__(self, watermark: int) -> None:
        """`watermark` is the number of the last interaction that is recorded."""
        self._watermark = watermark
        self._generation = 0
        self._last_reset = 0
        self._dropped_before: int | None = None
        self._changes: tuple[dict[int, int], ...] = tuple({} for _ in LENGTHS)
        self._lock = threading.Lock()

    @property
    def watermark(self) -> int:
        """The number up to which all interactions can be read."""
        return self._watermark

    @property
    def generation(self) -> int:
        """Differs after a reset or a drop: partial aggregates of another generation are invalid,
        apart from those that `valid_since` names."""
        return self._generation

    def valid_since(self, generation: int) -> int | None:
        """The time in milliseconds from which on the partial aggregates of an earlier generation
        are valid; None if none of them is."""
        with self._lock:
            return self._dropped_before if generation >= self._last_reset else None

    def mark(self, timestamps: Sequence[int], number: int) -> None:
        """Mark the buckets of recorded interactions, by their timestamps in milliseconds; `number`
        is that of the last one."""
        instants = np.asarray(timestamps, dtype=np.int64)
        with self._lock:
            for length, changes in zip(LENGTHS, self._changes, strict=True):
                buckets = unique(-(-instants // length))
                changes.update(dict.fromkeys(buckets.tolist(), number))
            self._watermark = number
            if len(self._changes[0]) > MAX_BUCKETS:
                self._reset()

    def reset(self) -> None:
        """Invalidate all partial aggregates: interactions of any time may have been deleted."""
        with self._lock:
            self._reset()

    def drop_before(self, instant: int) -> None:
        """Invalidate the partial aggregates of the time before an instant in milliseconds: its
        interactions were deleted."""
        with self._lock:
            self._generation += 1
            self._dropped_before = max(instant, self._dropped_before or instant)

    def last_changes(self, level: int, buckets: Iterable[int], watermark: int) -> dict[int, int]:
        """The watermark of the last change of each bucket, `watermark` for a later one; 0 if it did
        not change recently."""
        get = self._changes[level].get
        return {
            bucket: change if (change := get(bucket, 0)) < watermark else watermark
            for bucket in buckets
        }

    def _reset(self) -> None:
        self._generation += 1
        self._last_reset = self._generation
        self._changes = tuple({} for _ in LENGTHS)


@dataclass(frozen=True, slots=True)
class ReadView:
    """The recorded interactions that a calculation sees: those up to a watermark."""

    dirty: DirtyBuckets
    watermark: int

    def last_changes(self, level: int, buckets: Iterable[int]) -> dict[int, int]:
        """For each bucket, the least watermark at which its partial aggregates are current."""
        return self.dirty.last_changes(level, buckets, self.watermark)

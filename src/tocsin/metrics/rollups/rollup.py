"""The cached partial aggregates of a rollup, and the view of it that a calculation refreshes.

A rollup holds its partial aggregates by minute, hour, day and 32 days, and those of the minutes at
the edges of windows by millisecond. It is never the record: it can be dropped at any time and is
then built again. Its state is replaced as a whole, so a calculation that has it in hand is not
disturbed by others.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tocsin.clickhouse.sql.plan import Measure
from tocsin.metrics.rollups.buckets import (
    LENGTHS,
    Decomposition,
    Interval,
    bucket_of,
    decompose,
    interval_of,
    minute_of,
)
from tocsin.metrics.rollups.dictionaries import GroupDictionary, HashDictionary
from tocsin.metrics.rollups.partials import DistinctValues, PartialAggregates, empty, joined
from tocsin.model.metrics.question import Question
from tocsin.model.metrics.time_window import TimeWindow

MAX_BUCKETS = 4_000
"""Buckets of one length in a rollup."""
MANY_TEXTS, MAX_RANGES = 10_000, 8
"""Texts of a range of buckets from which on they are kept without buckets, and such ranges."""
MAX_SPARE_MINUTES = 16
"""Minutes kept by millisecond beyond those that the current windows need."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """The buckets of one length: their partial aggregates, and the watermark of each bucket."""

    rows: PartialAggregates
    watermarks: Mapping[int, int]
    _texts: dict[tuple[int, int], DistinctValues] = field(default_factory=dict, compare=False)
    """Those of long ranges, which consecutive calculations request again."""

    @property
    def bytes(self) -> int:
        return self.rows.bytes + sum(texts.keys.nbytes for texts in self._texts.values())

    def between(self, after: int, upto: int) -> PartialAggregates:
        """The rows of the buckets later than `after` and up to `upto`, to be totalled: texts may
        have lost their buckets."""
        rows = self.rows.between(after, upto)
        if rows.texts is None or len(rows.texts.keys) < MANY_TEXTS:
            return rows
        texts = self._texts.get((after, upto))
        if texts is None:
            if len(self._texts) >= MAX_RANGES:
                self._texts.clear()
            texts = self._texts[after, upto] = rows.texts.without_buckets()
        return replace(rows, texts=texts)

    def replaced(
        self, buckets: Collection[int], rows: PartialAggregates, watermark: int
    ) -> Resolution:
        """With all rows of some buckets as of a watermark."""
        kept = self.rows
        if any(bucket in self.watermarks for bucket in buckets):
            kept = kept.within(buckets, invert=True)
        parts = [part for part in (kept, rows) if len(part.buckets)]
        watermarks = {**self.watermarks, **dict.fromkeys(buckets, watermark)}
        resolution = Resolution(joined(parts) if parts else kept, watermarks)
        return resolution if len(watermarks) <= MAX_BUCKETS else resolution._without_older_half()

    def plus(
        self, measure: Measure, buckets: Collection[int], rows: PartialAggregates, watermark: int
    ) -> Resolution:
        """With the rows of some buckets since their watermark added."""
        watermarks = {**self.watermarks, **dict.fromkeys(buckets, watermark)}
        return Resolution(
            self.rows.plus(measure, rows) if len(rows.buckets) else self.rows, watermarks
        )

    def later_than(self, bucket: int) -> Resolution:
        """Without the buckets up to this one."""
        return self._without({each for each in self.watermarks if each <= bucket})

    def _without_older_half(self) -> Resolution:
        """Without the buckets that were read first: minutes of the distant past are not requested
        again."""
        return self._without(set(list(self.watermarks)[: len(self.watermarks) // 2]))

    def _without(self, buckets: Collection[int]) -> Resolution:
        if not buckets:
            return self
        watermarks = {b: number for b, number in self.watermarks.items() if b not in buckets}
        return Resolution(self.rows.within(buckets, invert=True), watermarks)


@dataclass(frozen=True, slots=True)
class Minute:
    """The partial aggregates of a minute by millisecond, so a window can begin or end anywhere in
    it, and their watermark."""

    rows: PartialAggregates
    watermark: int


@dataclass(frozen=True, slots=True)
class Segments:
    """The partial aggregates of ascending intervals, each in the bucket of its index."""

    intervals: Sequence[Interval]
    rows: PartialAggregates

    def within(self, time: Interval) -> PartialAggregates | None:
        """The rows of the intervals of a time; None if it does not consist of intervals."""
        first = bisect_left(self.intervals, time.after, key=lambda interval: interval.after)
        last = bisect_right(self.intervals, time.upto, key=lambda interval: interval.upto)
        if first >= last or self.intervals[first].after != time.after:
            return None
        return self.rows.between(first - 1, last - 1)


Minutes = Mapping[int, Minute]
Resolutions = tuple[Resolution, ...]
"""One for each length of buckets, the shortest first."""


class Rollup:
    """The partial aggregates of all questions with one rollup key; `question` is one of them."""

    def __init__(self, question: Question, groups: GroupDictionary, texts: HashDictionary) -> None:
        self.question = question
        self.groups = groups
        self.measure = Measure.of(question.aggregation)
        self.texts = texts
        self.watermark = 0
        """That of the last calculation that refreshed the rollup."""
        self.requests: dict[TimeWindow | None, float] = {}
        """When each window was last requested by itself, in seconds of the monotonic clock."""
        nothing = Resolution(empty(self.measure), {})
        self.resolutions: Resolutions = tuple(nothing for _ in LENGTHS)
        self.minutes: Minutes = {}
        self.size = 0
        """The bytes of the state that was stored last."""

    @property
    def bytes(self) -> int:
        """Without the dictionaries, which other rollups may share."""
        minutes = sum(minute.rows.bytes for minute in self.minutes.values())
        return minutes + sum(resolution.bytes for resolution in self.resolutions)

    def forget_before(self, instant: int) -> None:
        """Drop the buckets and minutes that begin before an instant in milliseconds."""
        self.resolutions = tuple(
            resolution.later_than(bucket_of(level, instant))
            for level, resolution in enumerate(self.resolutions)
        )
        last = bucket_of(0, instant)
        self.minutes = {minute: rows for minute, rows in self.minutes.items() if minute > last}
        self.size = self.bytes


@dataclass(slots=True, eq=False)
class RollupView:
    """The state of a rollup in one calculation, and the windows that the calculation requests.

    A rollup that is requested for the first time (`is_transient`) may not be requested again: only
    the segments between the ends of its windows are read, and nothing is kept. Edges that hold too
    many interactions to be kept by millisecond are read as segments, too.
    """

    rollup: Rollup
    resolutions: Resolutions
    minutes: Minutes
    is_transient: bool
    windows: dict[Interval, Decomposition] = field(default_factory=dict)
    segments: list[Segments] = field(default_factory=list)
    bypass: bool = False
    """Its questions are to be queried one by one."""
    exceeds_limit: bool = False
    """Its partial aggregates are too many to be read or kept."""

    @classmethod
    def of(cls, rollup: Rollup, *, is_transient: bool) -> RollupView:
        """The current state of a rollup."""
        return cls(rollup, rollup.resolutions, rollup.minutes, is_transient)

    def add_window(self, window: Interval) -> None:
        """Request a window, in milliseconds since 1970."""
        if window not in self.windows:
            self.windows[window] = decompose(*window)

    @property
    def edges(self) -> set[Interval]:
        return {edge for window in self.windows.values() for edge in window.edges}

    @property
    def edge_minutes(self) -> list[int]:
        """The minutes that hold the edges of the windows, ascending."""
        return sorted({minute_of(edge) for edge in self.edges})

    def replace_buckets(
        self, level: int, buckets: Collection[int], rows: PartialAggregates, watermark: int
    ) -> None:
        """Store all rows of some buckets of a level."""
        self._set_resolution(level, self.resolutions[level].replaced(buckets, rows, watermark))

    def add_to_buckets(
        self, level: int, buckets: Collection[int], rows: PartialAggregates, watermark: int
    ) -> None:
        """Add the rows of some buckets of a level since their watermarks."""
        measure = self.rollup.measure
        self._set_resolution(level, self.resolutions[level].plus(measure, buckets, rows, watermark))

    def replace_minutes(
        self, minutes: Collection[int], rows: PartialAggregates, watermark: int
    ) -> None:
        """Store all rows of some minutes, by millisecond."""
        self._store_minutes(
            {minute: Minute(rows.between(*interval_of(0, minute)), watermark) for minute in minutes}
        )

    def add_to_minutes(
        self, minutes: Collection[int], rows: PartialAggregates, watermark: int
    ) -> None:
        """Add the rows of some minutes since their watermarks, by millisecond."""
        measure = self.rollup.measure
        self._store_minutes(
            {
                minute: Minute(
                    self.minutes[minute].rows.plus(measure, rows.between(*interval_of(0, minute))),
                    watermark,
                )
                for minute in minutes
            }
        )

    def rows_of(self, window: Interval) -> list[PartialAggregates]:
        """The rows of all buckets and edges of a window."""
        parts = self.windows[window]
        if self.is_transient:
            return [self._edge_rows(window)]
        rows = [self.resolutions[r.level].between(r.after, r.upto) for r in parts.ranges]
        rows += [self._edge_rows(edge) for edge in parts.edges]
        return rows or [empty(self.rollup.measure)]

    def _edge_rows(self, edge: Interval) -> PartialAggregates:
        for segments in self.segments:
            rows = segments.within(edge)
            if rows is not None:
                return rows
        return self.minutes[minute_of(edge)].rows.between(*edge)

    def _set_resolution(self, level: int, resolution: Resolution) -> None:
        before, after = self.resolutions[:level], self.resolutions[level + 1 :]
        self.resolutions = (*before, resolution, *after)

    def _store_minutes(self, changed: Minutes) -> None:
        """Of the minutes that no window needs now, those stored first are dropped."""
        needed = set(self.edge_minutes)
        spare = [minute for minute in self.minutes if minute not in needed]
        dropped = set(spare[:-MAX_SPARE_MINUTES])
        kept = {minute: rows for minute, rows in self.minutes.items() if minute not in dropped}
        self.minutes = {**kept, **changed}

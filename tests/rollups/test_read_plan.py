"""A plan reads missing buckets in full, and stale ones from their watermarks on."""

from __future__ import annotations

import numpy as np

from tocsin.metrics.rollups.buckets import LENGTHS, Interval, children, interval_of
from tocsin.metrics.rollups.dictionaries import GroupDictionary, HashDictionary
from tocsin.metrics.rollups.dirty import DirtyBuckets, ReadView
from tocsin.metrics.rollups.partials import PartialAggregates, empty
from tocsin.metrics.rollups.read_plan import (
    BucketSet,
    Read,
    ReadPlan,
    Staleness,
    Target,
    disjoint,
)
from tocsin.metrics.rollups.rollup import Rollup, RollupView
from tocsin.metrics.rollups.scan_layout import BucketLayout
from tocsin.model.metrics.question import Question

HOUR, DAY = 1, 2
QUESTION = Question.model_validate({"metricType": "COUNT", "timeWindow": "3h"})


def view_of_three_hours() -> RollupView:
    rollup = Rollup(QUESTION, GroupDictionary(), HashDictionary())
    view = RollupView.of(rollup, is_transient=False)
    view.add_window(Interval(27 * LENGTHS[HOUR], 30 * LENGTHS[HOUR]))
    return view


def bucket_read(view: RollupView, level: int, bucket: int) -> Read:
    bucket_set = BucketSet((interval_of(level, bucket),), LENGTHS[level])
    return Read(view, Target.BUCKETS, bucket_set, level, frozenset([bucket]))


def counts(buckets: list[int], groups: list[int]) -> PartialAggregates:
    """One interaction for each bucket and group."""
    return PartialAggregates(np.array(buckets), np.array(groups), np.ones((1, len(buckets))))


def as_tuples(rows: PartialAggregates) -> list[tuple[int, int, float]]:
    return list(zip(rows.buckets.tolist(), rows.groups.tolist(), rows.values[0], strict=True))


def reads(view: RollupView, dirty: DirtyBuckets) -> list[Read]:
    return list(ReadPlan(ReadView(dirty, dirty.watermark)).reads([view]))


def test_missing_and_stale_buckets_are_kept_apart() -> None:
    staleness = Staleness.of({1: 0, 2: 7, 3: 7}, {2: 6, 3: 7, 4: 1})
    assert staleness.missing == {1}
    assert staleness.stale == {2: 6}


def test_a_new_rollup_reads_its_buckets_in_full_as_one_interval() -> None:
    (read,) = reads(view_of_three_hours(), DirtyBuckets(7))
    assert (read.target, read.level, sorted(read.buckets)) == (Target.BUCKETS, HOUR, [28, 29, 30])
    assert read.watermark is None
    assert read.bucket_set.intervals == (Interval(27 * LENGTHS[HOUR], 30 * LENGTHS[HOUR]),)


def test_a_current_rollup_reads_nothing_and_a_marked_bucket_its_new_interactions() -> None:
    dirty = DirtyBuckets(7)
    view = view_of_three_hours()
    for read in reads(view, dirty):
        read.apply(empty(view.rollup.measure), dirty.watermark)
    assert reads(view, dirty) == []
    dirty.mark([28 * LENGTHS[HOUR] + 1], 9)
    (read,) = reads(view, dirty)
    assert (list(read.buckets), read.watermark) == ([29], 7)
    whole = read.for_scan()
    assert (set(whole.buckets), whole.watermark, whole.target) == ({29}, None, Target.BUCKETS)


def test_overlapping_intervals_are_divided_into_disjoint_ones() -> None:
    assert disjoint([Interval(0, 5), Interval(3, 9), Interval(20, 21)]) == [
        (0, 3), (3, 5), (5, 9), (20, 21),
    ]  # fmt: skip


def test_a_scan_reads_no_time_twice_and_rolls_up_the_longer_buckets() -> None:
    view = view_of_three_hours()
    day, hour = bucket_read(view, DAY, 2), bucket_read(view, HOUR, 30)
    layout = BucketLayout.of([day, hour])
    assert layout.scanned[DAY] == frozenset()
    assert layout.scanned[HOUR] == set(children(DAY, 2).buckets)
    rows = {HOUR: counts([25, 30, 30], [0, 0, 1])}
    assert as_tuples(layout.rows_of(day, rows.__getitem__)) == [(2, 0, 2), (2, 1, 1)]
    assert as_tuples(layout.rows_of(hour, rows.__getitem__)) == [(30, 0, 1), (30, 1, 1)]

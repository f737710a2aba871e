"""Partial aggregates are stale once an interaction is recorded in their bucket."""

import pytest

from tocsin.metrics.rollups import dirty as module
from tocsin.metrics.rollups.dirty import DirtyBuckets

MINUTE, HOUR = 0, 1
AT = 90 * 60_000


@pytest.fixture
def dirty() -> DirtyBuckets:
    return DirtyBuckets(7)


def last_change(dirty: DirtyBuckets, level: int, bucket: int) -> int:
    return dirty.last_changes(level, [bucket], dirty.watermark)[bucket]


def test_a_bucket_is_marked_at_every_level_and_its_neighbours_are_not(dirty: DirtyBuckets) -> None:
    before = dirty.watermark
    assert last_change(dirty, MINUTE, 90) <= before == 7
    dirty.mark([AT], 8)
    assert last_change(dirty, MINUTE, 90) > before
    assert last_change(dirty, HOUR, 2) > before
    assert last_change(dirty, MINUTE, 91) <= before
    assert last_change(dirty, HOUR, 1) <= before


def test_a_watermark_after_the_mark_is_current(dirty: DirtyBuckets) -> None:
    dirty.mark([AT, AT], 9)
    assert last_change(dirty, MINUTE, 90) <= dirty.watermark == 9


def test_the_end_of_a_bucket_belongs_to_it_and_its_beginning_does_not(dirty: DirtyBuckets) -> None:
    before = dirty.watermark
    dirty.mark([AT, AT + 1], 9)
    assert last_change(dirty, MINUTE, 90) > before
    assert last_change(dirty, MINUTE, 91) > before
    assert last_change(dirty, MINUTE, 89) <= before


def test_a_reset_starts_another_generation(dirty: DirtyBuckets) -> None:
    generation = dirty.generation
    dirty.mark([AT], 8)
    assert dirty.generation == generation
    dirty.reset()
    assert dirty.generation != generation
    assert dirty.watermark == 8


def test_after_a_drop_only_what_is_later_is_valid(dirty: DirtyBuckets) -> None:
    first = dirty.generation
    dirty.drop_before(AT)
    second = dirty.generation
    assert second != first
    assert dirty.valid_since(first) == AT
    dirty.drop_before(2 * AT)
    dirty.drop_before(AT)
    assert dirty.valid_since(first) == dirty.valid_since(second) == 2 * AT


def test_nothing_before_a_reset_is_valid_whatever_is_dropped_afterwards(
    dirty: DirtyBuckets,
) -> None:
    dirty.drop_before(AT)
    before = dirty.generation
    dirty.reset()
    after = dirty.generation
    dirty.drop_before(2 * AT)
    assert dirty.valid_since(before) is None
    assert dirty.valid_since(after) == 2 * AT


def test_a_drop_forgets_no_marked_bucket(dirty: DirtyBuckets) -> None:
    dirty.mark([AT], 8)
    dirty.drop_before(AT // 2)
    assert last_change(dirty, MINUTE, 90) == 8


def test_too_many_marked_buckets_reset_all(
    dirty: DirtyBuckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BUCKETS", 3)
    generation = dirty.generation
    dirty.mark([minute * 60_000 for minute in range(5)], 12)
    assert dirty.generation != generation

"""Cached metrics have the values of the oracle.

The same metrics are calculated together repeatedly: while their windows slide, after late and early
interactions, after all parts were merged, and when some of them cannot be cached.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from random import Random

import pytest

from support.worlds import (
    AT,
    LARGE,
    World,
    cache_repeated_questions,
    check_all_together,
    check_metrics,
    check_with_late_interactions,
    merge,
    open_world,
)
from tocsin.metrics.rollups import cost, rollup

COUNT = 12
MANY = 160
COSTS: dict[str, dict[str, int]] = {
    "fetched": {},
    "fetched-bit-by-bit": {"fetch_rows": 100},
    "scanned": {"max_rows": 1},
    "both": {"max_rows": 300},
}


@pytest.fixture(scope="module", params=COSTS)
def costs(request: pytest.FixtureRequest) -> Iterator[str]:
    """Missing buckets are read as rows, or by scans, or some by each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cost, "MODEL", replace(cost.MODEL, **COSTS[request.param]))
        patch.setattr(rollup, "MANY_TEXTS", 2)
        yield request.param


@pytest.fixture(scope="module")
def world(costs: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    opened = open_world(tmp_path_factory.mktemp(costs), seed=2)
    yield opened
    opened.runtime.close()


@pytest.fixture(scope="module")
def large_world(costs: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    opened = open_world(tmp_path_factory.mktemp(costs), seed=2, size=LARGE)
    yield opened
    opened.runtime.close()


@pytest.mark.parametrize(
    "later",
    [timedelta(), timedelta(milliseconds=1), timedelta(minutes=3, seconds=7), timedelta(days=40)],
)
def test_windows_slide_exactly_over_cached_buckets(world: World, later: timedelta) -> None:
    check_all_together(world, seed=21, count=COUNT, at=AT + later)


@pytest.mark.long
@pytest.mark.timeout(1_200)
def test_many_cached_metrics_have_the_values_of_the_oracle(large_world: World) -> None:
    for later in (timedelta(), timedelta(), timedelta(minutes=3, seconds=7), timedelta(days=40)):
        check_all_together(large_world, seed=25, count=MANY, at=AT + later)


def test_no_rollups_are_built_while_another_calculation_builds_some(world: World) -> None:
    cache = world.runtime.calculator.cache
    before = cache.store.keys()
    with cache.build_lock:
        for _ in range(2):
            check_all_together(world, seed=24, count=COUNT)
    assert cache.store.keys() == before
    check_all_together(world, seed=24, count=COUNT)
    assert cache.store.keys() > before


def test_late_interactions_are_added_to_cached_buckets(world: World) -> None:
    check = partial(check_all_together, world, seed=21, count=COUNT)
    check_with_late_interactions(world, Random(22), check, rounds=2)


def test_a_metric_that_is_calculated_repeatedly_has_the_same_value(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache_repeated_questions(monkeypatch)
    for _ in range(3):
        check_metrics(world, seed=23, count=COUNT // 2)


def test_metrics_whose_rollups_exceed_the_limit_are_queried(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "MODEL", replace(cost.MODEL, rollup_bytes=200))
    check_all_together(world, seed=21, count=COUNT)
    check_all_together(world, seed=21, count=COUNT)


def test_cached_buckets_are_valid_after_a_merge(world: World) -> None:
    merge(world)
    check_all_together(world, seed=21, count=COUNT, at=AT + timedelta(hours=5))

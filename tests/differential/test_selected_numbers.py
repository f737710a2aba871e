"""A PERCENTILE and a LATEST have the values of the oracle in every path."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from random import Random

import pytest

from support.worlds import (
    AT,
    World,
    cache_repeated_questions,
    check_all_together,
    check_metrics,
    check_series,
    check_with_late_interactions,
    merge,
)

KINDS = ("PERCENTILE", "LATEST")
WITH_OTHERS = ("PERCENTILE", "LATEST", "LATEST", "COUNT", "MAX")

WORLD_SEED = 6


def test_they_have_the_values_of_the_oracle(world: World) -> None:
    check_metrics(world, seed=61, count=24, kinds=KINDS)


def test_calculated_with_other_metrics_they_have_the_values_of_the_oracle(world: World) -> None:
    for later in (timedelta(), timedelta(minutes=3, seconds=7)):
        check_all_together(world, seed=62, count=12, at=AT + later, kinds=WITH_OTHERS)


def test_over_time_they_have_the_values_of_the_oracle(world: World) -> None:
    check_series(world, seed=63, count=15, kinds=KINDS)


def test_late_interactions_count_in_rollups(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    cache_repeated_questions(monkeypatch)
    check = partial(check_metrics, world, seed=65, count=5, kinds=KINDS)
    check_with_late_interactions(world, Random(64), check, rounds=2)


def test_they_are_the_same_after_a_merge(world: World) -> None:
    merge(world)
    check_metrics(world, seed=66, count=8, kinds=KINDS)
    check_series(world, seed=67, count=4, kinds=KINDS)


@pytest.mark.long
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("number", range(5))
def test_thousands_of_them_have_the_values_of_the_oracle(large_world: World, number: int) -> None:
    check_metrics(large_world, seed=900 + number, count=700, kinds=KINDS)
    check_all_together(large_world, seed=910 + number, count=150, kinds=WITH_OTHERS)
    check_series(large_world, seed=920 + number, count=150, kinds=KINDS)

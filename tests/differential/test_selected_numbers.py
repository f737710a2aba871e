"""A PERCENTILE and a LATEST have the values of the oracle in every path."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from random import Random

import pytest

from support import nasty
from support.worlds import (
    AT,
    World,
    check_all_together,
    check_metrics,
    check_series,
    merge,
    open_world,
    record,
)
from tocsin.metrics.rollups import admission

KINDS = ("PERCENTILE", "LATEST")
WITH_OTHERS = ("PERCENTILE", "LATEST", "LATEST", "COUNT", "MAX")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    opened = open_world(tmp_path_factory.mktemp("world"), seed=6)
    yield opened
    opened.runtime.close()


def test_they_have_the_values_of_the_oracle(world: World) -> None:
    check_metrics(world, seed=61, count=24, kinds=KINDS)


def test_calculated_with_other_metrics_they_have_the_values_of_the_oracle(world: World) -> None:
    for later in (timedelta(), timedelta(minutes=3, seconds=7)):
        check_all_together(world, seed=62, count=12, at=AT + later, kinds=WITH_OTHERS)


def test_over_time_they_have_the_values_of_the_oracle(world: World) -> None:
    check_series(world, seed=63, count=15, kinds=KINDS)


def test_late_interactions_count_in_rollups(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "SLOW_SECONDS", 0)
    # A query of a few interactions is always faster.
    monkeypatch.setattr(admission, "SLOWER_RESULTS", 1 << 62)
    random = Random(64)
    for _ in range(2):
        check_metrics(world, seed=65, count=5, kinds=KINDS)
        payloads = [nasty.payload(random) for _ in range(6)]
        record(world, nasty.interactions(random, 6, AT, payloads), random)
    check_metrics(world, seed=65, count=5, kinds=KINDS)


def test_they_are_the_same_after_a_merge(world: World) -> None:
    merge(world)
    check_metrics(world, seed=66, count=8, kinds=KINDS)
    check_series(world, seed=67, count=4, kinds=KINDS)


@pytest.mark.long
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("number", range(5))
def test_thousands_of_them_have_the_values_of_the_oracle(world: World, number: int) -> None:
    check_metrics(world, seed=900 + number, count=700, kinds=KINDS)
    check_all_together(world, seed=910 + number, count=150, kinds=WITH_OTHERS)
    check_series(world, seed=920 + number, count=150, kinds=KINDS)

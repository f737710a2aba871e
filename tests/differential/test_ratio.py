"""A RATIO has the value of the oracle in every path: alone, together, from rollups, over time."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from random import Random

import pytest

from support import nasty
from support.oracle import series_disagreement
from support.worlds import (
    AT,
    World,
    cache_repeated_questions,
    check_all_together,
    check_metrics,
    check_series,
    check_with_late_interactions,
    merge,
    written_series,
)
from tocsin.clickhouse.sql.series import MAX_LINES
from tocsin.model.metrics.answer import ReadingValue

RATIO = ("RATIO",)
RATIOS_AND_SIDES = ("RATIO", "RATIO", "COUNT", "SUM", "DISTINCT_COUNT")

WORLD_SEED = 5


def test_a_ratio_has_the_value_of_the_oracle(world: World) -> None:
    check_metrics(world, seed=51, count=48, kinds=RATIO)


def test_ratios_calculated_with_other_metrics_have_the_value_of_the_oracle(world: World) -> None:
    for later in (timedelta(), timedelta(minutes=3, seconds=7), timedelta(days=40)):
        check_all_together(world, seed=52, count=20, at=AT + later, kinds=RATIOS_AND_SIDES)


def test_a_ratio_over_time_has_the_values_of_the_oracle(world: World) -> None:
    check_series(world, seed=53, count=24, kinds=RATIO)


def test_late_interactions_count_in_ratios_from_rollups(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache_repeated_questions(monkeypatch)
    check = partial(check_metrics, world, seed=55, count=8, kinds=RATIO)
    check_with_late_interactions(world, Random(54), check, rounds=2)


def test_ratios_are_the_same_after_a_merge(world: World) -> None:
    merge(world)
    check_metrics(world, seed=56, count=16, kinds=RATIO)
    check_series(world, seed=57, count=6, kinds=RATIO)


def test_the_ratio_of_a_side_to_itself_is_one_or_null(world: World) -> None:
    random = Random(58)
    values: set[ReadingValue] = set()
    for _ in range(15):
        metric = nasty.metric(random, world.interactions, RATIO)
        metric = {**metric, "denominator": metric["numerator"], "scale": 1}
        question = world.question(metric)
        answer = world.runtime.calculator.calculate(question, AT)
        (together, _) = world.runtime.calculator.calculate_all([question, question], AT)
        assert together == answer
        values.update(reading.value for reading in answer.readings)
    assert values == {1, None}


def test_more_groups_than_a_series_shows_are_truncated_by_the_ratio(world: World) -> None:
    metric = {
        "metricType": "RATIO",
        "numerator": {"metricType": "DISTINCT_COUNT", "field": "action"},
        "denominator": {"metricType": "COUNT"},
        "groupBy": ["userId", "resourceId", "uowId"],
    }
    step = timedelta(days=10)
    for window in (None, "1h", "30d"):
        windowed = {**metric, "timeWindow": window}
        series = world.runtime.calculator.series(world.question(windowed), AT - 3 * step, AT, step)
        assert len(series.lines) == MAX_LINES
        assert (
            series_disagreement(
                windowed, world.interactions, AT - 3 * step, AT, step, written_series(series)
            )
            is None
        )


@pytest.mark.long
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("number", range(5))
def test_thousands_of_ratios_have_the_values_of_the_oracle(large_world: World, number: int) -> None:
    check_metrics(large_world, seed=600 + number, count=700, kinds=RATIO)
    check_all_together(large_world, seed=700 + number, count=150, kinds=RATIOS_AND_SIDES)
    check_series(large_world, seed=800 + number, count=150, kinds=RATIO)

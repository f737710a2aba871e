"""A comparison has the value of the oracle in every path: alone, together, from rollups, over
time."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from random import Random

import pytest

from support import nasty
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
from tocsin.model.metrics.answer import Answer, ReadingValue

COMPARED = (nasty.COMPARED,)
COMPARED_AND_PARTS = (nasty.COMPARED, nasty.COMPARED, "COUNT", "SUM", "RATIO")

WORLD_SEED = 6


def test_a_comparison_has_the_value_of_the_oracle(world: World) -> None:
    check_metrics(world, seed=61, count=48, kinds=COMPARED)


def test_comparisons_calculated_with_other_metrics_have_the_value_of_the_oracle(
    world: World,
) -> None:
    for later in (timedelta(), timedelta(minutes=3, seconds=7), timedelta(days=40)):
        check_all_together(world, seed=62, count=20, at=AT + later, kinds=COMPARED_AND_PARTS)


def test_a_comparison_over_time_has_the_values_of_the_oracle(world: World) -> None:
    check_series(world, seed=63, count=24, kinds=COMPARED)


def test_late_interactions_count_in_comparisons_from_rollups(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache_repeated_questions(monkeypatch)
    check = partial(check_metrics, world, seed=65, count=8, kinds=COMPARED)
    check_with_late_interactions(world, Random(64), check, rounds=2)


def test_comparisons_are_the_same_after_a_merge(world: World) -> None:
    merge(world)
    check_metrics(world, seed=66, count=16, kinds=COMPARED)
    check_series(world, seed=67, count=6, kinds=COMPARED)


def test_a_comparison_has_the_values_of_its_metric_at_both_instants(world: World) -> None:
    random = Random(68)
    for _ in range(15):
        metric = nasty.metric(random, world.interactions, COMPARED)
        plain = {**metric, "compare": None}
        question = world.question(metric)
        offset = question.compare
        assert offset
        calculator = world.runtime.calculator
        now = values_by_group(calculator.calculate(world.question(plain), AT))
        earlier = AT - offset.offset.length
        before = values_by_group(calculator.calculate(world.question(plain), earlier))
        nothing = None if question.base.aggregation.empty_value is None else 0
        compared = calculator.calculate(question, AT)
        assert {group_of(reading.dimensions) for reading in compared.readings} == {*now, *before}
        for reading in compared.readings:
            group = group_of(reading.dimensions)
            assert reading.sides == (now.get(group, nothing), before.get(group, nothing))


Group = tuple[str | None, ...]


def group_of(dimensions: dict[str, str | None] | None) -> Group:
    return tuple((dimensions or {}).values())


def values_by_group(answer: Answer) -> dict[Group, ReadingValue]:
    return {group_of(reading.dimensions): reading.value for reading in answer.readings}


@pytest.mark.long
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("number", range(5))
def test_thousands_of_comparisons_have_the_values_of_the_oracle(
    large_world: World, number: int
) -> None:
    check_metrics(large_world, seed=610 + number, count=700, kinds=COMPARED)
    check_all_together(large_world, seed=710 + number, count=150, kinds=COMPARED_AND_PARTS)
    check_series(large_world, seed=810 + number, count=150, kinds=COMPARED)

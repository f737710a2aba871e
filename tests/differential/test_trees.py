"""Filter trees have the values of the oracle in every path, and `not` is the complement."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from support import nasty
from support.nasty_trees import tree
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

Tree = dict[str, Any]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    opened = open_world(tmp_path_factory.mktemp("world"), seed=79)
    yield opened
    opened.runtime.close()


def counts(world: World, *filters: Tree) -> int:
    """The number of interactions for which all filters hold, of all that are recorded; alone and
    in a scan for several metrics."""
    question = world.question({"metricType": "COUNT", "filters": list(filters)})
    opposite = world.question(
        {"metricType": "COUNT", "filters": [{"not": {"all": filters}}] if filters else []}
    )
    alone = world.runtime.calculator.calculate(question, AT)
    together, _ = world.runtime.calculator.calculate_all([question, opposite], AT)
    assert together == alone
    (reading,) = alone.readings
    assert isinstance(reading.value, int)
    return reading.value


def trees(world: World, seed: int, count: int) -> Iterator[Tree]:
    """Trees of at most two levels, so that tests can combine them."""
    rng = Random(seed)
    for _ in range(count):
        model = rng.choice(world.interactions)
        yield tree(rng, lambda: nasty.filter_(rng, world.interactions, model), 2)  # noqa: B023


def test_metrics_with_trees_have_the_values_of_the_oracle(world: World) -> None:
    check_metrics(world, seed=791, count=50)


def test_metrics_with_trees_calculated_together_have_the_values_of_the_oracle(
    world: World,
) -> None:
    for later in (timedelta(), timedelta(minutes=3, seconds=7), timedelta(days=40)):
        check_all_together(world, seed=792, count=15, at=AT + later)


def test_series_with_trees_have_the_values_of_the_oracle(world: World) -> None:
    check_series(world, seed=793, count=15)


def test_a_tree_and_its_negation_divide_the_interactions(world: World) -> None:
    everything = counts(world)
    for drawn in trees(world, seed=794, count=12):
        holding = counts(world, drawn)
        assert holding + counts(world, {"not": drawn}) == everything, drawn
        assert counts(world, {"not": {"not": drawn}}) == holding, drawn


def test_a_negation_of_any_is_all_of_the_negations_and_the_other_way_round(world: World) -> None:
    rng = Random(795)
    drawn = list(trees(world, seed=796, count=16))
    for _ in range(6):
        parts = rng.sample(drawn, rng.randint(1, 3))
        negated = [{"not": part} for part in parts]
        assert counts(world, {"not": {"any": parts}}) == counts(world, {"all": negated}), parts
        assert counts(world, {"not": {"all": parts}}) == counts(world, {"any": negated}), parts
        assert counts(world, {"all": parts}) == counts(world, *parts), parts


def test_late_interactions_count_in_trees_from_rollups(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "SLOW_SECONDS", 0)
    # A query of a few interactions is always faster.
    monkeypatch.setattr(admission, "SLOWER_RESULTS", 1 << 62)
    random = Random(797)
    for _ in range(2):
        check_metrics(world, seed=798, count=8)
        payloads = [nasty.payload(random) for _ in range(6)]
        record(world, nasty.interactions(random, 6, AT, payloads), random)
    check_metrics(world, seed=798, count=8)


def test_trees_have_the_same_values_after_a_merge(world: World) -> None:
    merge(world)
    check_metrics(world, seed=799, count=20)


@pytest.mark.parametrize("size", [2, 3, 4])
def test_the_number_zero_is_found_among_alternatives_with_either_sign(
    world: World, size: int
) -> None:
    """The engine converts three alternatives to IN, which compares bits."""
    for field in ("interaction.a", "interaction.total"):
        values = [0, *range(1_001, 1_000 + size)]
        expected = counts(world, has(field, "in", values))
        assert expected
        any_of = {"any": [has(field, "eq", value) for value in values]}
        nested = {"any": [{"all": [has(field, "eq", value)]} for value in values]}
        negated = {"not": {"all": [has(field, "neq", value) for value in values]}}
        assert [counts(world, each) for each in (any_of, nested, negated)] == [expected] * 3


def has(field: str, operator: str, value: Any) -> Tree:
    return {"field": field, "operator": operator, "value": value}


@pytest.mark.long
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("number", range(5))
def test_thousands_of_metrics_with_trees_have_the_values_of_the_oracle(
    world: World, number: int
) -> None:
    check_metrics(world, seed=8_000 + number, count=700)
    check_all_together(world, seed=8_100 + number, count=150)
    check_series(world, seed=8_200 + number, count=150)

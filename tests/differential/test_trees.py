"""Filter trees have the values of the oracle in every path, and `not` is the complement."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

import pytest

from support import nasty
from support.nasty_trees import tree as random_tree
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
from tocsin.model.metrics.answer import Answer

Tree = dict[str, Any]
ALWAYS: Tree = {"field": "resourceId", "operator": "exists"}

WORLD_SEED = 79


def counts(world: World, *trees: Tree) -> list[int]:
    """The numbers of interactions for which each tree holds, of all that are recorded; in one scan
    for all of them, which agrees with a query for the first one alone."""
    metrics = [{"metricType": "COUNT", "filters": [tree]} for tree in trees]
    questions = list(map(world.question, metrics))
    answers = world.runtime.calculator.calculate_all(questions, AT)
    assert answers[0] == world.runtime.calculator.calculate(questions[0], AT)
    return [value_of(answer) for answer in answers]


def value_of(answer: Answer | Exception) -> int:
    assert isinstance(answer, Answer), answer
    (reading,) = answer.readings
    assert isinstance(reading.value, int)
    return reading.value


def trees(world: World, seed: int, count: int) -> Iterator[Tree]:
    """Trees of at most two levels, so that tests can combine them."""
    rng = Random(seed)
    for _ in range(count):
        model = rng.choice(world.interactions)
        yield random_tree(rng, lambda: nasty.filter_(rng, world.interactions, model), 2)  # noqa: B023


def test_metrics_with_trees_have_the_values_of_the_oracle(world: World) -> None:
    check_metrics(world, seed=791, count=20)


def test_metrics_with_trees_calculated_together_have_the_values_of_the_oracle(
    world: World,
) -> None:
    for later in (timedelta(), timedelta(days=40)):
        check_all_together(world, seed=792, count=8, at=AT + later)


def test_series_with_trees_have_the_values_of_the_oracle(world: World) -> None:
    check_series(world, seed=793, count=8)


def test_a_tree_and_its_negation_divide_the_interactions(world: World) -> None:
    for drawn in trees(world, seed=794, count=5):
        negated = {"not": drawn}
        total, holding, others, again = counts(world, ALWAYS, drawn, negated, {"not": negated})
        assert (holding + others, again) == (total, holding), drawn


def test_a_negation_of_any_is_all_of_the_negations_and_the_other_way_round(world: World) -> None:
    rng = Random(795)
    drawn = list(trees(world, seed=796, count=8))
    for _ in range(3):
        parts = rng.sample(drawn, rng.randint(1, 3))
        negated = [{"not": part} for part in parts]
        of_any, all_negated = {"not": {"any": parts}}, {"all": negated}
        of_all, any_negated = {"not": {"all": parts}}, {"any": negated}
        values = counts(world, of_any, all_negated, of_all, any_negated)
        assert (values[0], values[2]) == (values[1], values[3]), parts


def test_late_interactions_count_in_trees_from_rollups(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache_repeated_questions(monkeypatch)
    check = partial(check_metrics, world, seed=798, count=5)
    check_with_late_interactions(world, Random(797), check, rounds=2)


def test_trees_have_the_same_values_after_a_merge(world: World) -> None:
    merge(world)
    check_metrics(world, seed=799, count=8)


@pytest.mark.parametrize("size", [2, 3, 4])
def test_the_number_zero_is_found_among_alternatives_with_either_sign(
    world: World, size: int
) -> None:
    """The engine converts three alternatives to IN, which compares bits."""
    for field in ("interaction.a", "interaction.total"):
        values = [0, *range(1_001, 1_000 + size)]
        is_in = has(field, "in", values)
        any_of = {"any": [has(field, "eq", value) for value in values]}
        nested = {"any": [{"all": [has(field, "eq", value)]} for value in values]}
        negated = {"not": {"all": [has(field, "neq", value) for value in values]}}
        for tree in (any_of, nested, negated):
            of_tree, expected = counts(world, tree, is_in)
            assert of_tree == expected > 0, tree


def has(field: str, operator: str, value: Any) -> Tree:
    return {"field": field, "operator": operator, "value": value}


@pytest.mark.long
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("number", range(5))
def test_thousands_of_metrics_with_trees_have_the_values_of_the_oracle(
    large_world: World, number: int
) -> None:
    check_metrics(large_world, seed=8_000 + number, count=700)
    check_all_together(large_world, seed=8_100 + number, count=150)
    check_series(large_world, seed=8_200 + number, count=150)

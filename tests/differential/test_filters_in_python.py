"""Filters evaluated in Python hold exactly where they hold in the engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from random import Random
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from support import nasty
from support.deployments import settings_in
from support.nasty_trees import tree as random_tree
from support.oracle import holds
from support.worlds import AT, World, record
from tocsin.clickhouse.sql.fields import Fields
from tocsin.clickhouse.sql.filters import condition
from tocsin.clickhouse.sql.query import Binder, Query
from tocsin.model.interactions.filter_evaluation import FieldValues, predicate
from tocsin.model.interactions.filter_tree import FilterTree, read_filter
from tocsin.model.interactions.interaction import Interaction
from tocsin.process.events import InteractionsRecorded
from tocsin.runtime import Runtime

OPERATORS = (
    *("eq", "neq", "gt", "gte", "lt", "lte", "contains", "in", "not_in"),
    *("exists", "not_exists", "starts_with", "ends_with", "matches"),
)
TOGETHER = 20

# Values of one field, as JSON: those whose text, number or type is easily mistaken.
AWKWARD = (
    *("null", "true", "false", '"true"', '""', '" "', '"a\\u0000b"', '"a\\nb"', '"\\n"', '"A"'),
    *("0", "-0", "-0.0", '"-0"', "1", "1.0", '"1"', '"1.0"', '" 1"', '"01"', '"1e0"', "12"),
    *("1e22", '"1e22"', "10000000000000000000000", "1e-7", '"1e999"', '"NaN"', '"inf"', '"0x1"'),
    *("9007199254740993", '"9007199254740993"', "18446744073709551616", "-9223372036854775809"),
    *("123456789012345678901234567890", '"123456789012345678901234567890"', "0.1", "0.30000000004"),
    *("[]", "{}", '["a", 1, true, null]', '["1", [1], {"t": 1}]', '{"t": "1"}', "[1.0]", "[12]"),
    *('"\\ud83d\\ude00"', '"😀"', '"é"', '"e\u0301"', '"ZA"', '"za"', '"2026-03-20"', '"\uffff"'),
)
OPERANDS = (
    *(None, True, False, "", " ", "a", "A", "true", "1", "1.0", "1e0", "12", "NaN", "😀", "é"),
    *("\n", "a\x00", "1e22", "9007199254740993", "\uffff", "2026"),
    *(0, -0.0, 1, 1.0, 12, 1e22, 1e-7, 9007199254740993, 2**64, 123456789012345678901234567890),
)
PATTERNS = (
    *(".", "^.$", "(?s)^.$", "^a.b$", "(?s)^a.b$", "^$", "\\x00", "[^a]", "(?i)^za$", "^\\pL+$"),
    *("(a|1)+", "😀*$", "^é?$", "\\d{2,}", "e", "^-?0", "(?m)^b", "\\C\\C\\C\\C", "true|false"),
)

Recorded = list[Interaction]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Recorded]]:
    """Nasty interactions, and the objects that deliveries of them would be created from."""
    random = Random(86)
    runtime = Runtime(settings_in(tmp_path_factory.mktemp("filters")))
    recorded: Recorded = []
    runtime.events.subscribe(
        InteractionsRecorded, lambda event: recorded.extend(event.interactions)
    )
    payloads = [nasty.payload(random) for _ in range(700)] + nasty.many_keys(random, 20)
    payloads += [f'{{"awkward": {{"{key}": {json}}}}}' for json in AWKWARD for key in ("t", "`t`")]
    interactions = nasty.interactions(random, len(payloads), AT, payloads)
    for interaction in interactions:
        interaction["interactionId"] = str(UUID(int=random.getrandbits(128), version=4))
        # No filter reads it, and each month would be a partition.
        interaction["timestamp"] = AT
    world = World(runtime, [])
    record(world, interactions, random)
    yield world, recorded
    runtime.close()


def in_engine(world: World, trees: Sequence[FilterTree]) -> dict[bytes, list[bool]]:
    """For each interaction id, whether each tree holds."""
    bind = Binder()
    fields = Fields(world.runtime.engine.table(world.runtime.catalog), bind)
    tests = [f"ifNull({condition(tree, fields, bind)}, false)" for tree in trees]
    text = f"SELECT interactionId, [{', '.join(tests)}] FROM interactions"
    rows = world.runtime.engine.run(Query(text, bind.parameters))
    return {id.bytes: list(map(bool, held)) for id, held in rows}


def check(world: World, recorded: Recorded, drawn: Sequence[dict[str, Any]]) -> None:
    trees = list(map(read_filter, drawn))
    predicates = [predicate([tree]) for tree in trees]
    expected = in_engine(world, trees)
    assert len(expected) == len(recorded) == len(world.interactions)
    for interaction in recorded:
        values = FieldValues(interaction, world.runtime.catalog)
        of_python = [holds_for(values) for holds_for in predicates]
        of_engine = expected[interaction.interaction_id]
        for each, in_python, held in zip(drawn, of_python, of_engine, strict=True):
            assert in_python is held, (each, interaction.payload)


def filters(world: World, seed: int, count: int, operator: str) -> Iterator[dict[str, Any]]:
    rng = Random(seed)
    while count:
        drawn = nasty.filter_(rng, world.interactions, rng.choice(world.interactions))
        if drawn["operator"] == operator:
            count -= 1
            yield drawn


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_filter_of_each_operator_holds_in_python_where_it_holds_in_the_engine(
    opened: tuple[World, Recorded], operator: str
) -> None:
    world, recorded = opened
    seed = 860 + OPERATORS.index(operator)
    check(world, recorded, list(filters(world, seed, TOGETHER, operator)))


def awkward(field: str) -> Iterator[dict[str, Any]]:
    """Every operator with every operand that it takes, on the awkward values."""
    for operator in OPERATORS:
        if operator in ("exists", "not_exists"):
            yield {"field": field, "operator": operator}
            continue
        for operand in PATTERNS if operator == "matches" else OPERANDS:
            value = [operand, "no such text"] if operator in ("in", "not_in") else operand
            drawn = {"field": field, "operator": operator, "value": value}
            with suppress(ValidationError):
                read_filter(drawn)
                yield drawn


@pytest.mark.parametrize("key", ["t", "`t`", "t.t", "none"])
def test_filters_of_awkward_values_hold_in_python_where_they_hold_in_the_engine(
    opened: tuple[World, Recorded], key: str
) -> None:
    """A key with backticks is read from the raw payload, all others from subcolumns."""
    world, recorded = opened
    drawn = list(awkward(f"interaction.awkward.{key}"))
    assert len(drawn) > 150
    for first in range(0, len(drawn), 60):
        check(world, recorded, drawn[first : first + 60])


def trees(world: World, seed: int, count: int) -> Iterator[dict[str, Any]]:
    rng = Random(seed)
    for _ in range(count):
        model = rng.choice(world.interactions)
        yield random_tree(rng, lambda: nasty.filter_(rng, world.interactions, model))  # noqa: B023


@pytest.mark.parametrize("seed", range(3))
def test_a_tree_holds_in_python_where_it_holds_in_the_engine(
    opened: tuple[World, Recorded], seed: int
) -> None:
    world, recorded = opened
    check(world, recorded, list(trees(world, 880 + seed, TOGETHER)))


def test_a_tree_holds_in_python_where_it_holds_by_the_oracle(
    opened: tuple[World, Recorded],
) -> None:
    world, recorded = opened
    drawn = list(trees(world, 890, 40))
    predicates = [predicate([read_filter(each)]) for each in drawn]
    models = {UUID(each["interactionId"]).bytes: each for each in world.interactions}
    for interaction in recorded[::4]:
        values, model = (
            FieldValues(interaction, world.runtime.catalog),
            models[interaction.interaction_id],
        )
        for each, holds_for in zip(drawn, predicates, strict=True):
            assert holds_for(values) is holds(each, model), (each, interaction.payload)

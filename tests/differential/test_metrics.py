"""Does Tocsin answer what the plain-Python oracle of docs/reference/semantics.md answers?

Random metrics over random and nasty interactions, recorded through the recorder in several parts,
asked through the calculator: alone, all together and as series, before and after a merge.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support import oracle
from support.worlds import World, check_all_together, check_metrics, check_series, merge, open_world
from tocsin.clickhouse.sql.table import JsonType

SAMPLE = 250


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    opened = open_world(tmp_path_factory.mktemp("world"), seed=1)
    yield opened
    opened.runtime.close()


def test_every_metric_is_what_the_oracle_says(world: World) -> None:
    check_metrics(world, seed=11, count=SAMPLE)


def test_every_series_is_what_the_oracle_says(world: World) -> None:
    check_series(world, seed=12, count=SAMPLE // 4)


def test_metrics_calculated_together_are_what_they_are_alone(world: World) -> None:
    check_all_together(world, seed=13, count=SAMPLE // 4)


def test_types_learned_from_the_table_are_those_learned_from_the_senders(world: World) -> None:
    """After a restart, a query must look for every type that occurs."""
    engine = world.runtime.engine
    told = {path: engine.field_types.of(path) for path in engine.field_types._types}
    fresh = type(engine.field_types)()
    engine.field_types = fresh
    engine.load_field_types()
    for path, types in told.items():
        # A sender's integer past 63 bits is taken for one that could have been smaller, too.
        large = types & {JsonType.UNSIGNED, JsonType.BIG_INTEGER}
        too_much = {JsonType.INTEGER} if large else set()
        assert "" in path or types - fresh.of(path) <= too_much, path


def test_after_a_merge_and_types_read_from_the_table_the_answers_are_the_same(
    world: World,
) -> None:
    merge(world)
    check_metrics(world, seed=14, count=SAMPLE // 2)
    check_series(world, seed=15, count=SAMPLE // 8)


def test_discovery_finds_the_fields_types_and_occurrences_of_the_oracle(world: World) -> None:
    expected = oracle.discover(world.interactions)
    assert [str(f) for f in world.runtime.discovery.fields()] == sorted(expected)
    reports = world.runtime.discovery.details()
    found = {str(r.field): {"types": list(r.types), "occurrences": r.occurrences} for r in reports}
    assert found == expected

"""Metrics have the values of the oracle, which implements docs/reference/semantics.md in Python.

Random metrics over random and nasty interactions, recorded in several parts, are calculated by
themselves, all together and as series, before and after a merge.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from support import oracle
from support.worlds import World, check_all_together, check_metrics, check_series, merge
from tocsin.clickhouse.sql.discovery import (
    EXAMPLES,
    compile_details,
    compile_most_frequent,
    compile_occurring_paths,
    compile_types,
    path_of,
    type_of,
)
from tocsin.clickhouse.sql.query import ResultRow
from tocsin.clickhouse.sql.raw_values import has_subcolumn
from tocsin.clickhouse.sql.table import JsonType
from tocsin.model.interactions.scope import ANY_SCOPE
from tocsin.model.metrics.window import Period

WORLD_SEED = 1
SAMPLE = 160
INSTANT = timedelta(milliseconds=1)
ALL_TIME = (Period(datetime(1969, 12, 31, tzinfo=UTC), datetime(2300, 1, 1, tzinfo=UTC) - INSTANT),)


def test_every_metric_has_the_value_of_the_oracle(world: World) -> None:
    check_metrics(world, seed=11, count=SAMPLE)


def test_every_series_has_the_values_of_the_oracle(world: World) -> None:
    check_series(world, seed=12, count=SAMPLE // 4)


def test_metrics_calculated_together_have_their_single_values(world: World) -> None:
    check_all_together(world, seed=13, count=SAMPLE // 4)


def test_the_table_gives_the_types_that_recording_gave(world: World) -> None:
    """After a restart, a query must read every type that occurs."""
    engine = world.runtime.engine
    recorded = {path: engine.field_types.of(path) for path in engine.field_types.by_path()}
    fresh = type(engine.field_types)()
    engine.field_types = fresh
    engine.load_field_types()
    for path, types in recorded.items():
        # An integer beyond 63 bits counts as one that could have been smaller, too.
        large = types & {JsonType.UNSIGNED, JsonType.BIG_INTEGER}
        surplus = {JsonType.INTEGER} if large else set()
        assert "" in path or types - fresh.of(path) <= surplus, path


def test_after_a_merge_the_values_are_the_same(
    world: World,
) -> None:
    merge(world)
    check_metrics(world, seed=14, count=SAMPLE // 2)
    check_series(world, seed=15, count=SAMPLE // 8)


def test_discovery_has_the_fields_types_and_occurrences_of_the_oracle(world: World) -> None:
    expected = oracle.discover(world.interactions)
    assert [str(f) for f in world.runtime.discovery.fields().fields] == sorted(expected)
    reports = world.runtime.discovery.details().fields
    discovered = {
        str(r.field): {"types": list(r.types), "occurrences": r.occurrences} for r in reports
    }
    assert discovered == expected


def test_discovery_parses_the_payloads_of_periods_as_they_were_when_recorded(world: World) -> None:
    """But for the engine's types of arrays, which Tocsin does not tell apart."""
    rows = world.runtime.engine.run
    read, parsed = (
        {path: set(map(type_of, types)) for path, types in rows(query)[0][0].items()}
        for query in (compile_types(ANY_SCOPE), compile_types(ANY_SCOPE, ALL_TIME))
    )
    assert parsed == read
    most = rows(compile_most_frequent(ANY_SCOPE, 50))
    assert rows(compile_most_frequent(ANY_SCOPE, 50, ALL_TIME)) == most
    for number in (None, 50):
        read, parsed = (
            tallied(rows(compile_details(ANY_SCOPE, number, periods))) for periods in ((), ALL_TIME)
        )
        assert parsed == read
        assert len(read) > 50


def tallied(rows: list[ResultRow]) -> dict[tuple[str, JsonType], Any]:
    """The number of values, and their texts where all are examples."""
    tallies: dict[tuple[str, JsonType], Any] = defaultdict(int)
    for path, name, count, examples in rows:
        key = path, type_of(name)
        tallies[key] += count
        if key[1] is not JsonType.ARRAY and len(examples) < EXAMPLES:
            tallies[key] = count, sorted(examples)
    return tallies


def test_a_path_that_is_sought_occurs_only_with_a_value_that_is_no_object(world: World) -> None:
    ((types,),) = world.runtime.engine.run(compile_types(ANY_SCOPE))
    occurring = set(map(path_of, types))
    known = [path for path in world.runtime.engine.field_types.by_path() if "" not in path]
    sought = [path for path in [*known[::6], ("no such key",)] if has_subcolumn(path)]
    assert len(sought) > 100
    assert not occurring.issuperset(sought)
    (occurs,) = world.runtime.engine.run(compile_occurring_paths(ANY_SCOPE, sought))
    assert {path for path, each in zip(sought, occurs, strict=True) if each} == occurring & {
        *sought
    }

"""Metrics have the values of the oracle, which implements docs/reference/semantics.md in Python.

Random metrics over random and nasty interactions, recorded in several parts, are calculated by
themselves, all together and as series, before and after a merge.
"""

from __future__ import annotations

from support import oracle
from support.worlds import World, check_all_together, check_metrics, check_series, merge
from tocsin.clickhouse.sql.table import JsonType

WORLD_SEED = 1
SAMPLE = 160


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
    assert [str(f) for f in world.runtime.discovery.fields()] == sorted(expected)
    reports = world.runtime.discovery.details()
    discovered = {
        str(r.field): {"types": list(r.types), "occurrences": r.occurrences} for r in reports
    }
    assert discovered == expected

"""A backtest gives the transitions that live evaluation at the same instants gives.

The metrics and interactions are random and nasty.
"""

from __future__ import annotations

import json
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from support import nasty
from support.backtests import check, check_guarded, span_of
from support.worlds import AT, World
from tocsin.clickhouse.sql.backtest import compile_slab
from tocsin.clickhouse.sql.lines import Slab
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.instant import format_instant

WORLD_SEED = 3


# Of each aggregation, with and without windows and groups.
METRICS: list[dict[str, Any]] = [
    {"metricType": "COUNT", "groupBy": ["action"], "timeWindow": "10m"},
    {"metricType": "COUNT", "groupBy": ["resourceType", "userId"]},
    {"metricType": "RATE", "timeWindow": "5m"},
    {"metricType": "RATE", "timeWindow": "70m", "rateUnit": "s", "groupBy": ["action"]},
    {"metricType": "DISTINCT_COUNT", "field": "userId", "groupBy": ["origin"], "timeWindow": "1h"},
    {"metricType": "DISTINCT_COUNT", "field": "resourceId"},
    {"metricType": "MIN", "field": "userId", "groupBy": ["origin"], "timeWindow": "1h"},
    {"metricType": "MAX", "field": "userId", "groupBy": ["action"], "timeWindow": "10m"},
    {
        **{"metricType": "PERCENTILE", "percentile": 50, "field": "interaction.n"},
        **{"groupBy": ["origin"], "timeWindow": "1h"},
    },
    {"metricType": "PERCENTILE", "percentile": 99.9, "field": "interaction.total"},
    {
        **{"metricType": "LATEST", "field": "interaction.total"},
        **{"groupBy": ["action"], "timeWindow": "1h"},
    },
    {"metricType": "LATEST", "field": "interaction.n"},
    {
        "metricType": "RATIO",
        "numerator": {"metricType": "DISTINCT_COUNT", "field": "userId"},
        "denominator": {"metricType": "COUNT"},
        "groupBy": ["action"],
        "timeWindow": "10m",
        "scale": 100,
        "minimumDenominator": 3,
    },
    {
        "metricType": "RATIO",
        "numerator": {"metricType": "SUM", "field": "interaction.total"},
        "denominator": {"metricType": "SUM", "field": "interaction.n"},
        "groupBy": ["origin", "resourceType"],
        "timeWindow": "1h",
    },
]


def test_a_backtest_gives_what_live_evaluation_gave(world: World) -> None:
    random = Random(31)
    assert sum(check(world, random, world.question(metric)) for metric in METRICS) > 5


def test_a_backtest_of_a_ratio_gives_what_live_evaluation_gave(world: World) -> None:
    random = Random(34)
    drawn = (nasty.metric(random, world.interactions, ("RATIO",)) for _ in range(5))
    assert sum(check(world, random, world.question(metric)) for metric in drawn) > 1


def test_a_backtest_of_percentiles_and_latest_numbers_gives_what_live_evaluation_gave(
    world: World,
) -> None:
    random = Random(37)
    drawn = (nasty.metric(random, world.interactions, ("PERCENTILE", "LATEST")) for _ in range(4))
    assert sum(check(world, random, world.question(metric)) for metric in drawn) > 1


def test_a_backtest_with_guards_gives_what_live_evaluation_gave(world: World) -> None:
    random = Random(39)
    guarded = [metric for metric in METRICS if metric.get("groupBy")][1::3]
    assert sum(check_guarded(world, random, metric) for metric in guarded) > 0


@pytest.mark.long
@pytest.mark.timeout(3_000)
def test_a_backtest_of_any_metric_with_guards_gives_what_live_evaluation_gave(
    large_world: World,
) -> None:
    random = Random(36)
    drawn = (nasty.metric(random, large_world.interactions) for _ in range(200))
    assert sum(check_guarded(large_world, random, metric) for metric in drawn) > 30


@pytest.mark.long
@pytest.mark.timeout(3_000)
def test_a_backtest_of_any_metric_gives_what_live_evaluation_gave(large_world: World) -> None:
    random = Random(33)
    questions = (
        large_world.question(nasty.metric(random, large_world.interactions)) for _ in range(300)
    )
    changes = [check(large_world, random, q) for q in questions]
    assert sum(changes) > 30


TOTAL = {"metricType": "SUM", "field": "interaction.n"}
MEASURED: dict[str, dict[str, Any]] = {
    "SUM": {"field": "interaction.n"},
    "AVG": {"field": "interaction.n"},
    "RATIO": {"numerator": TOTAL, "denominator": {"metricType": "COUNT"}, "scale": 100},
    "RATE": {"rateUnit": "h"},
}
AMOUNTS = {
    "whole numbers": ["1", "2", "64", "-4", "null"],
    "money": ["0.1", "0.2", "0.7", "12.34", "-0.3", "null"],
    "far apart": ["1e16", "-1e16", "0.1", "1e-300", "1.7e308", "5e-324", "-0.0"],
}


@pytest.mark.parametrize(
    "windows", [(None, "10m"), pytest.param(("1m", "1h"), marks=pytest.mark.long)]
)
@pytest.mark.parametrize(
    ("aggregation", "amounts"),
    [
        *((aggregation, amounts) for aggregation in ("SUM", "AVG") for amounts in AMOUNTS),
        ("RATIO", "money"),
        ("RATE", "money"),
    ],
)
def test_a_threshold_at_the_edge_of_a_sum_is_judged_as_live_evaluation_judged_it(
    world: World, aggregation: str, amounts: str, windows: tuple[str | None, ...]
) -> None:
    random = Random(32)
    action = f"{aggregation}{list(AMOUNTS).index(amounts)}"
    members = {"resourceType": "EXACT", "resourceId": "1", "action": action, "origin": "TEST"}
    sent = [
        json.dumps(
            members | {"timestamp": format_instant(AT - timedelta(seconds=random.randrange(7_000)))}
        )[:-1]
        + f', "interaction": {{"n": {random.choice(AMOUNTS[amounts])}, '
        + f'"g": "{random.choice("abc")}"}}}}'
        for _ in range(300)
    ]
    batch = world.runtime.recorder.record_batch(
        [s.encode() for s in sent], RequestContext(received=0)
    )
    assert not batch.rejected
    changes = 0
    for window in windows:
        for groups in ([], ["interaction.g"]):
            metric = {
                "metricType": aggregation,
                "action": action,
                "timeWindow": window,
                "groupBy": groups,
                **MEASURED[aggregation],
            }
            if aggregation == "RATE" and window is None:
                continue
            changes += check(world, random, world.question(metric))
    assert changes > (3 if amounts == "whole numbers" else 1)


def test_slabs_hold_every_group_once(world: World) -> None:
    metric = {"metricType": "COUNT", "groupBy": ["resourceId", "userId", "interaction.a"]}
    question, backtester = world.question(metric), world.runtime.backtester
    points = backtester.points(span_of(Random(1)))
    table = world.runtime.calculator.table()

    def groups(slab: int, slabs: int) -> list[str]:
        rows = world.runtime.engine.run(compile_slab(question, points, Slab(slab, slabs), table))
        return [repr(row[:3]) for row in rows]

    whole = groups(0, 1)
    parts = [groups(slab, 5) for slab in range(5)]
    assert sorted(whole) == sorted(group for part in parts for group in part)
    assert sum(bool(part) for part in parts) > 1

"""A backtest gives the transitions that live evaluation at the same instants gives.

Live evaluation calculates as of each instant, evaluates every group and keeps the changes, as the
evaluator does. The metrics and interactions are random and nasty.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from support import nasty
from support.worlds import AT, World, open_world
from tocsin.alerting.backtest import BacktestInput
from tocsin.clickhouse.sql.backtest import compile_slab
from tocsin.clickhouse.sql.lines import Slab
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.alerts.alert import Comparison, NoData, Rule
from tocsin.model.alerts.backtest import PastSpan
from tocsin.model.alerts.evaluation import evaluate_groups
from tocsin.model.alerts.state import AlertState, GroupKey, StateChange
from tocsin.model.ceilings import ANSWERED_GROUPS
from tocsin.model.instant import format_instant
from tocsin.model.metrics.question import Question

POINTS = 24


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    opened = open_world(tmp_path_factory.mktemp("world"), seed=3)
    yield opened
    opened.runtime.close()


def span_of(random: Random) -> PastSpan:
    step = random.choice(["10s", "1m", "3m", "17m", "1h", "24h"])
    to = AT + timedelta(milliseconds=random.choice([0, 0, 1, -1, 600_000]))
    span = PastSpan.model_validate({"from": "2026-01-01T00:00:00Z", "to": to, "step": step})
    return span.model_copy(update={"start": to - POINTS * span.step.length})


def instants(span: PastSpan) -> list[datetime]:
    return [span.to - n * span.step.length for n in reversed(range(span.points))]


def rule_of(random: Random, step: timedelta, seen: list[Any]) -> Rule:
    operator = random.choice(list(Comparison))
    threshold = random.choice(seen) if seen else 1
    seconds = int(step.total_seconds())
    waits = [f"{seconds * n}s" for n in (0, 0, 1, 2, 5)]
    body = {
        "operator": operator,
        "threshold": threshold,
        "for": random.choice(waits),
        "keepFiringFor": random.choice(waits),
        "noData": random.choice(list(NoData)),
    }
    if operator.is_ordering and random.random() < 0.4:
        distance = abs(threshold) / 2 + 1
        body["recoveryThreshold"] = threshold + (-distance if operator.is_upward else distance)
    return Rule.model_validate(body)


def live(world: World, trial: BacktestInput, span: PastSpan) -> dict[str, list[StateChange]]:
    states: dict[GroupKey, AlertState] = {}
    changes: dict[str, list[StateChange]] = defaultdict(list)
    for at in instants(span):
        answer = world.runtime.calculator.calculate(
            trial.question, at - trial.delay, ANSWERED_GROUPS
        )
        judgement = evaluate_groups(trial.rule, states, answer.readings, at)
        for key, state in judgement.states.items():
            states.pop(key, None)
            if state:
                states[key] = state
        for change in judgement.changes:
            changes[json.dumps(change.dimensions)].append(change)
    return changes


def backtested(world: World, trial: BacktestInput, span: PastSpan) -> dict[str, list[StateChange]]:
    return {
        json.dumps(past.dimensions): past.changes
        for past in world.runtime.backtester.backtest(trial, span)
        if past.changes
    }


def values_seen(world: World, question: Question, span: PastSpan) -> list[Any]:
    middle = instants(span)[-1 - POINTS // 4]
    readings = world.runtime.calculator.calculate(question, middle, 1_000).readings
    return [reading.value for reading in readings if reading.value is not None]


def check(world: World, random: Random, question: Question) -> int:
    """The number of transitions, all of which are equal."""
    span = span_of(random)
    rule = rule_of(random, span.step.length, values_seen(world, question, span))
    trial = BacktestInput(rule, question, timedelta(seconds=random.choice([0, 0, 45])))
    expected = live(world, trial, span)
    assert backtested(world, trial, span) == expected, (question, rule, span)
    return sum(map(len, expected.values()))


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
    drawn = (nasty.metric(random, world.interactions, ("RATIO",)) for _ in range(8))
    assert sum(check(world, random, world.question(metric)) for metric in drawn) > 1


@pytest.mark.long
@pytest.mark.timeout(3_000)
def test_a_backtest_of_any_metric_gives_what_live_evaluation_gave(world: World) -> None:
    random = Random(33)
    questions = (world.question(nasty.metric(random, world.interactions)) for _ in range(300))
    changes = [check(world, random, q) for q in questions]
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


@pytest.mark.parametrize("amounts", AMOUNTS)
@pytest.mark.parametrize("aggregation", ["SUM", "AVG", "RATIO", "RATE"])
def test_a_threshold_at_the_edge_of_a_sum_is_judged_as_live_evaluation_judged_it(
    world: World, aggregation: str, amounts: str
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
    for window in (None, "1m", "10m", "1h"):
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
    assert changes > (10 if amounts == "whole numbers" else 3)


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

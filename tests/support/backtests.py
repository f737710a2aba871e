"""A backtest beside the live evaluation that it must equal.

Live evaluation calculates as of each instant, evaluates every group and keeps the changes, as the
evaluator does.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime, timedelta
from random import Random
from typing import Any

from support.worlds import AT, World
from tocsin.alerting.backtest import BacktestInput
from tocsin.model.alerts.alert import Comparison, NoData, Rule
from tocsin.model.alerts.backtest import PastSpan
from tocsin.model.alerts.evaluation import evaluate_groups
from tocsin.model.alerts.state import AlertState, GroupKey, StateChange
from tocsin.model.ceilings import ANSWERED_GROUPS
from tocsin.model.metrics.question import Question

POINTS = 24


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
    return check_over(world, random, question, span_of(random))


def check_over(world: World, random: Random, question: Question, span: PastSpan) -> int:
    """The number of transitions over a span, all of which are equal."""
    rule = rule_of(random, span.step.length, values_seen(world, question, span))
    trial = BacktestInput(rule, question, timedelta(seconds=random.choice([0, 0, 45])))
    expected = live(world, trial, span)
    assert backtested(world, trial, span) == expected, (question, rule, span)
    return sum(map(len, expected.values()))

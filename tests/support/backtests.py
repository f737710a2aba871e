"""A backtest beside the live evaluation that it must equal.

Live evaluation calculates as of each instant, evaluates every group and keeps the changes, as the
evaluator does.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from support import nasty
from support.builders import a_metric
from support.worlds import AT, World
from tocsin.alerting.backtest import BacktestInput
from tocsin.model.alerts.alert import Comparison, Guard, NoData, Rule
from tocsin.model.alerts.backtest import PastSpan
from tocsin.model.alerts.evaluation import evaluate_groups
from tocsin.model.alerts.guards import GuardRows
from tocsin.model.alerts.state import AlertState, GroupKey, StateChange
from tocsin.model.ceilings import ANSWERED_GROUPS
from tocsin.model.metrics.question import Question

POINTS = 16


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
        guards = [_guard_rows(world, each, at - trial.delay) for each in trial.guards]
        judgement = evaluate_groups(trial.rule, states, answer.readings, at, guards)
        for key, state in judgement.states.items():
            states.pop(key, None)
            if state:
                states[key] = state
        for change in judgement.changes:
            # A backtest knows whether a guard held, and not the value that it had.
            changes[json.dumps(change.dimensions)].append(replace(change, guards=()))
    return changes


def _guard_rows(world: World, guarding: tuple[Guard, Question], at: datetime) -> GuardRows:
    guard, question = guarding
    readings = world.runtime.calculator.calculate(question, at, ANSWERED_GROUPS).readings
    metric = a_metric().model_copy(update={"question": question})
    without_row = world.runtime.calculator.empty_value(question, at)
    return GuardRows.of(guard, metric, readings, without_row)


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


def check_guarded(world: World, random: Random, metric: dict[str, Any]) -> int:
    """The number of transitions of an alert with guards; 0 if these change nothing."""
    question, span = world.question(metric), span_of(random)
    rule = rule_of(random, span.step.length, values_seen(world, question, span))
    if rule.no_data is NoData.FIRING:
        rule = rule.model_copy(update={"no_data": NoData.OK})
    guards = tuple(_guard_of(world, random, metric, span) for _ in range(random.randint(1, 2)))
    trial = BacktestInput(rule, question, timedelta(seconds=random.choice([0, 45])), guards)
    expected = live(world, trial, span)
    assert backtested(world, trial, span) == expected, (question, rule, guards, span)
    unguarded = backtested(world, replace(trial, guards=()), span)
    return sum(map(len, expected.values())) if unguarded != expected else 0


def _guard_of(
    world: World, random: Random, metric: dict[str, Any], span: PastSpan
) -> tuple[Guard, Question]:
    """A guard whose groups are some of the metric's, or all of them in another order."""
    groups = metric.get("groupBy") or []
    drawn = nasty.metric(random, world.interactions)
    # Sometimes wide enough that there is something to guard.
    drawn |= {"filters": []} if random.random() < 0.5 else {}
    drawn["groupBy"] = random.sample(groups, random.randint(0, len(groups)))
    question = world.question(drawn)
    threshold = random.choice([0, 1, 2, *values_seen(world, question, span)])
    operator = random.choice(list(Comparison))
    return Guard(metric_id=UUID(int=1), operator=operator, threshold=threshold), question

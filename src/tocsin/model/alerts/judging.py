"""What becomes of all groups of an alert at one instant?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tocsin.model.alerts.alert import Rule
from tocsin.model.alerts.state import AlertState, Change, Key, Status, advance, key_of
from tocsin.model.metrics.metric import Reading

States = Mapping[Key, AlertState]


@dataclass(slots=True)
class Judgement:
    """What an evaluation found: the states that changed (None for a group that is forgotten), the
    changes worth telling, and how many groups there are and fire."""

    states: dict[Key, AlertState | None] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    groups: int = 0
    firing: int = 0


def judge(rule: Rule, states: States, readings: Iterable[Reading], at: datetime) -> Judgement:
    """Hold every group against the rule: those among the rows, and those remembered but missing."""
    judgement = Judgement(firing=_firing(states.values()))
    missing = dict(states)
    for reading in readings:
        judgement.groups += 1
        key = key_of(reading.dimensions)
        _judge(judgement, rule, key, missing.pop(key, None), reading, at)
    for key, state in missing.items():
        _judge(judgement, rule, key, state, None, at)
    return judgement


def judge_rising(
    rule: Rule, states: States, readings: Iterable[Reading], at: datetime
) -> Judgement:
    """The same between slots, where conditions may come true but never clear."""
    judgement = Judgement(firing=_firing(states.values()))
    for reading in readings:
        judgement.groups += 1
        if reading.value is not None and rule.holds(reading.value, is_firing=False):
            key = key_of(reading.dimensions)
            _judge(judgement, rule, key, states.get(key), reading, at)
    return judgement


def _judge(
    judgement: Judgement,
    rule: Rule,
    key: Key,
    state: AlertState | None,
    reading: Reading | None,
    at: datetime,
) -> None:
    after, change = advance(rule, state, reading, at)
    if after is not state:
        judgement.states[key] = after
    if change:
        judgement.changes.append(change)
        judgement.firing += 1 if change.status is Status.FIRING else -1


def _firing(states: Iterable[AlertState]) -> int:
    return sum(state.status is Status.FIRING for state in states)

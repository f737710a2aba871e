"""Evaluates the groups of an alert at one instant; defines the results of evaluations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from tocsin.model.alerts.alert import Alert, GuardReading, Health, Rule, Value
from tocsin.model.alerts.guards import Guards, guard_readings, guarded
from tocsin.model.alerts.state import (
    AlertState,
    Dimensions,
    GroupKey,
    StateChange,
    Status,
    advance,
    key_of,
)
from tocsin.model.alerts.transition import Transition
from tocsin.model.metrics.answer import Reading

States = Mapping[GroupKey, AlertState]


@dataclass(slots=True)
class GroupChanges:
    """The states that changed (None for a group that is forgotten), the changes that become
    transitions, and the numbers of all groups and of firing groups."""

    guards: Guards = ()
    states: dict[GroupKey, AlertState | None] = field(default_factory=dict)
    changes: list[StateChange] = field(default_factory=list)
    groups: int = 0
    firing: int = 0

    def advance(
        self,
        rule: Rule,
        key: GroupKey,
        state: AlertState | None,
        reading: Reading | None,
        at: datetime,
    ) -> None:
        """Add one group."""
        after, change = advance(rule, state, reading, at)
        if after is not state:
            self.states[key] = after
        if change:
            guards = guard_readings(self.guards, change.dimensions)
            self.changes.append(replace(change, guards=guards) if guards else change)
            self.firing += 1 if change.status is Status.FIRING else -1


def evaluate_groups(
    rule: Rule,
    states: States,
    readings: Iterable[Reading],
    at: datetime,
    guards: Guards = (),
) -> GroupChanges:
    """Advance every group: those with a reading, and those with a state but no reading."""
    result = GroupChanges(guards, firing=_firing(states.values()))
    missing = dict(states)
    for reading in guarded(readings, guards):
        result.groups += 1
        key = key_of(reading.dimensions)
        result.advance(rule, key, missing.pop(key, None), reading, at)
    for key, state in missing.items():
        result.advance(rule, key, state, None, at)
    return result


def evaluate_rising(
    rule: Rule,
    states: States,
    readings: Iterable[Reading],
    at: datetime,
    guards: Guards = (),
) -> GroupChanges:
    """Advance only the groups whose condition holds, because no group recovers between slots."""
    result = GroupChanges(guards, firing=_firing(states.values()))
    for reading in guarded(readings, guards):
        result.groups += 1
        if reading.value is not None and rule.holds(reading.value, is_firing=False):
            key = key_of(reading.dimensions)
            result.advance(rule, key, states.get(key), reading, at)
    return result


def _firing(states: Iterable[AlertState]) -> int:
    return sum(state.status is Status.FIRING for state in states)


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """The result of one alert at one instant, which is saved if `version` is still current.

    `version` is the version of the states that the evaluation read. `states` holds the changed
    states, and None for a group that is forgotten. With an `error`, the other members are empty.
    """

    alert: Alert
    at: datetime
    version: int
    elapsed_ms: float
    error: str | None = None
    states: Mapping[GroupKey, AlertState | None] = field(default_factory=dict)
    transitions: Sequence[Transition] = ()
    groups: int = 0
    firing: int = 0

    @property
    def health(self) -> Health:
        return Health.ERROR if self.error else Health.OK


@dataclass(frozen=True, slots=True)
class EvaluationStatus:
    """The last claimed slot, and the outcome of the last evaluation; None before the first one."""

    slot: datetime
    evaluated_at: datetime | None
    error: str | None
    elapsed_ms: float | None

    @property
    def health(self) -> Health:
        return Health.ERROR if self.error else Health.OK


@dataclass(frozen=True, slots=True)
class Group:
    """One group of an alert as the API shows it; `since` is None for a group without a state."""

    status: Status
    dimensions: Dimensions
    value: Value
    since: datetime | None = None
    clear_since: datetime | None = None
    guards: tuple[GuardReading, ...] = ()


def groups_of(states: States, readings: Iterable[Reading], guards: Guards = ()) -> list[Group]:
    """Join stored states and calculated values; firing groups come first, then pending ones."""
    values = {key_of(reading.dimensions): reading for reading in guarded(readings, guards)}
    groups = [
        _with_state(state, values[key].value if key in values else state.value, guards)
        for key, state in states.items()
    ]
    groups += [
        Group(
            Status.OK,
            reading.dimensions,
            reading.value,
            guards=guard_readings(guards, reading.dimensions),
        )
        for key, reading in values.items()
        if key not in states
    ]
    return sorted(groups, key=lambda group: _ORDER[group.status])


def _with_state(state: AlertState, value: Value, guards: Guards) -> Group:
    readings = guard_readings(guards, state.dimensions)
    return Group(state.status, state.dimensions, value, state.since, state.clear_since, readings)


_ORDER = {Status.FIRING: 0, Status.PENDING: 1, Status.OK: 2}

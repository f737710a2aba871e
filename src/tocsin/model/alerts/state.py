"""The state machine of one group of an alert, a pure function of its arguments.

"States" in docs/reference/alerts.md defines the rules. A group without a state is OK and takes no
row in the store.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from tocsin.model.alerts.alert import GuardReading, Rule, Value
from tocsin.model.metrics.answer import Reading

Dimensions = dict[str, str | None] | None
GroupKey = tuple[str | None, ...]
Sides = tuple[Value, Value] | None
"""Both sides of the row of a RATIO or a comparison; None for other metrics, and without a row."""


class Status(StrEnum):
    OK = "OK"
    PENDING = "PENDING"
    FIRING = "FIRING"


class Reason(StrEnum):
    """Why a group fired or stopped firing."""

    THRESHOLD = "threshold"
    NO_DATA = "no-data"
    RECOVERED = "recovered"
    DISABLED = "disabled"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class AlertState:
    """The stored state of a group.

    `since` is when the group entered its status. `clear_since` is set while it fires although its
    condition no longer holds. `value` is the one with which it entered its status.
    """

    status: Status
    since: datetime
    value: Value
    dimensions: Dimensions = None
    clear_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class StateChange:
    """A group fired (`status` FIRING), or stopped firing (OK) after it had since `fired_at`."""

    status: Status
    reason: Reason
    at: datetime
    value: Value
    dimensions: Dimensions
    fired_at: datetime
    sides: Sides = None
    guards: tuple[GuardReading, ...] = ()


Advance = tuple[AlertState | None, StateChange | None]


def advance(rule: Rule, state: AlertState | None, reading: Reading | None, at: datetime) -> Advance:
    """The state of a group after an evaluation, and the change that becomes a transition, if any.

    `reading` is None for a group without a row. An unchanged state is returned as the same object.
    """
    if state is None and reading is None:
        return None, None
    value = reading.value if reading else None
    holds = rule.holds(value, is_firing=state is not None and state.status is Status.FIRING)
    if holds is None:
        return state, None
    dimensions = state.dimensions if state else reading.dimensions if reading else None
    group = _GroupReading(rule, at, value, dimensions, reading.sides if reading else None)
    return group.holding(state) if holds else group.clear(state)


def resolve(state: AlertState, reason: Reason, at: datetime) -> StateChange | None:
    """The change that ends a group which is no longer evaluated; None if it does not fire."""
    if state.status is not Status.FIRING:
        return None
    return StateChange(Status.OK, reason, at, state.value, state.dimensions, state.since)


def key_of(dimensions: Dimensions) -> GroupKey:
    return tuple(dimensions.values()) if dimensions else ()


@dataclass(frozen=True, slots=True)
class _GroupReading:
    """The value of a group at an instant, and the rule it is held against."""

    rule: Rule
    at: datetime
    value: Value
    dimensions: Dimensions
    sides: Sides

    def holding(self, state: AlertState | None) -> Advance:
        if state is None or state.status is Status.OK:
            state = self._state(Status.PENDING)
        elif state.status is Status.FIRING:
            return (replace(state, clear_since=None) if state.clear_since else state), None
        # A clock that was set back must not make the wait longer than it is.
        since = min(state.since, self.at)
        if self.at - since < self.rule.for_.length:
            return (state if since == state.since else replace(state, since=since)), None
        reason = Reason.NO_DATA if self.value is None else Reason.THRESHOLD
        return self._state(Status.FIRING), self._change(Status.FIRING, reason, self.at)

    def clear(self, state: AlertState | None) -> Advance:
        if state is None or state.status is not Status.FIRING:
            return self._forgotten(state), None
        since = min(state.clear_since or self.at, self.at)
        if self.at - since >= self.rule.keep_firing_for.length:
            change = self._change(Status.OK, Reason.RECOVERED, state.since)
            return self._forgotten(state), change
        return (state if since == state.clear_since else replace(state, clear_since=since)), None

    def _forgotten(self, state: AlertState | None) -> AlertState | None:
        if not self.rule.remembers_clear_groups:
            return None
        return state if state and state.status is Status.OK else self._state(Status.OK)

    def _state(self, status: Status) -> AlertState:
        return AlertState(status, self.at, self.value, self.dimensions)

    def _change(self, status: Status, reason: Reason, fired_at: datetime) -> StateChange:
        value, dimensions = self.value, self.dimensions
        return StateChange(status, reason, self.at, value, dimensions, fired_at, self.sides)

"""What came of looking at an alert once, and how does it stand since?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tocsin.model.alerts.alert import Alert, Health, Value
from tocsin.model.alerts.state import AlertState, Dimensions, Key, Status
from tocsin.model.alerts.transition import Transition
from tocsin.model.metrics.metric import Reading


@dataclass(frozen=True, slots=True)
class Finding:
    """One alert as of one instant: what is to be kept if nobody came before.

    `version` is that of the states it was judged by; `states` holds those that changed, None for
    a group that is forgotten. Where there is an `error`, nothing else was found.
    """

    alert: Alert
    at: datetime
    version: int
    elapsed_ms: float
    error: str | None = None
    states: Mapping[Key, AlertState | None] = field(default_factory=dict)
    transitions: Sequence[Transition] = ()
    groups: int = 0
    firing: int = 0

    @property
    def health(self) -> Health:
        return Health.ERROR if self.error else Health.OK


@dataclass(frozen=True, slots=True)
class Group:
    """One group of an alert as it is seen: `since` is None of one that is simply OK."""

    status: Status
    dimensions: Dimensions
    value: Value
    since: datetime | None = None
    clear_since: datetime | None = None


def groups_of(states: Mapping[Key, AlertState], values: Mapping[Key, Reading]) -> list[Group]:
    """What is remembered and what was calculated, put together: those that fire come first."""
    groups = [
        _remembered(state, values[key].value if key in values else state.value)
        for key, state in states.items()
    ]
    groups += [
        Group(Status.OK, reading.dimensions, reading.value)
        for key, reading in values.items()
        if key not in states
    ]
    return sorted(groups, key=lambda group: _ORDER[group.status])


def _remembered(state: AlertState, value: Value) -> Group:
    return Group(state.status, state.dimensions, value, state.since, state.clear_since)


_ORDER = {Status.FIRING: 0, Status.PENDING: 1, Status.OK: 2}


@dataclass(frozen=True, slots=True)
class Standing:
    """The last slot that was taken, and how the last evaluation went; None before the first."""

    slot: datetime
    evaluated_at: datetime | None
    error: str | None
    elapsed_ms: float | None

    @property
    def health(self) -> Health:
        return Health.ERROR if self.error else Health.OK

"""Which groups of which alerts fire, or are about to? Read once for all who look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tocsin.model.alert import Alert, Health, Value
from tocsin.model.alert_state import AlertState, Dimensions, Status
from tocsin.model.evaluation import Standing
from tocsin.runtime import Runtime
from tocsin.web.shared import Shared

_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Watched:
    """An alert, how it stands, and its groups that are not simply OK."""

    alert: Alert
    standing: Standing
    states: Sequence[AlertState]

    @property
    def firing(self) -> list[AlertState]:
        return [state for state in self.states if state.status is Status.FIRING]

    @property
    def pending(self) -> list[AlertState]:
        return [state for state in self.states if state.status is Status.PENDING]

    @property
    def word(self) -> str:
        """The one word that says most of it."""
        if not self.alert.enabled:
            return "disabled"
        if self.firing:
            return "firing"
        if self.standing.health is Health.ERROR:
            return "error"
        return "pending" if self.pending else "ok"


@dataclass(frozen=True, slots=True)
class Firing:
    """One group that fires."""

    alert: Alert
    dimensions: Dimensions
    value: Value
    since: datetime


class Watch:
    """What pages share of alerts."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._all: Shared[None, list[Watched]] = Shared(self._read, _SECONDS)

    def all(self) -> list[Watched]:
        """Every alert, the first made first."""
        return self._all.get(None)

    def firing(self) -> list[Firing]:
        """Every group that fires, the latest first."""
        found = [
            Firing(one.alert, state.dimensions, state.value, state.since)
            for one in self.all()
            for state in one.firing
        ]
        return sorted(found, key=lambda firing: firing.since, reverse=True)

    def of_metric(self, metric_id: UUID) -> list[Watched]:
        return [one for one in self.all() if one.alert.metric_id == metric_id]

    def forget(self) -> None:
        """An alert was changed or evaluated."""
        self._all.forget()

    def _read(self, _: None) -> list[Watched]:
        alerts = self._runtime.alerts.all()
        standings = self._runtime.evaluations.standings()
        found = self._runtime.evaluations.found([alert.alert_id for alert in alerts])
        return [
            Watched(alert, standings[id], list(found[id].states.values()))
            for alert in alerts
            if (id := alert.alert_id) in standings and id in found
        ]

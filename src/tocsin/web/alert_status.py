"""A cache of the states of all alerts and their groups, shared by all viewers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tocsin.model.alerts.alert import Alert, Health, Value
from tocsin.model.alerts.evaluation import EvaluationStatus
from tocsin.model.alerts.state import AlertState, Dimensions, Status
from tocsin.model.severity import MOST_SEVERE_FIRST
from tocsin.runtime import Runtime
from tocsin.web.shared_cache import SharedCache

_SECONDS = 2


@dataclass(frozen=True, slots=True)
class AlertStatus:
    """An alert, its evaluation status, and its groups that are firing or pending."""

    alert: Alert
    evaluation: EvaluationStatus
    firing: Sequence[AlertState]
    pending: Sequence[AlertState]

    @property
    def label(self) -> str:
        """The most important state: disabled, firing, error, pending or ok."""
        if not self.alert.enabled:
            return "disabled"
        if self.firing:
            return "firing"
        if self.evaluation.health is Health.ERROR:
            return "error"
        return "pending" if self.pending else "ok"


@dataclass(frozen=True, slots=True)
class ShownGroup:
    alert: Alert
    dimensions: Dimensions
    value: Value
    unit: str | None
    since: datetime


@dataclass(frozen=True, slots=True)
class _Statuses:
    alerts: list[AlertStatus]
    firing: list[ShownGroup]


class AlertStatusCache:
    """Keeps the states of alerts for some seconds."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._statuses: SharedCache[None, _Statuses] = SharedCache(self._read, _SECONDS)

    def all(self) -> list[AlertStatus]:
        """All alerts, oldest first."""
        return self._statuses.get(None).alerts

    def firing(self) -> list[ShownGroup]:
        """All groups that are firing, the most severe first, then the latest."""
        return self._statuses.get(None).firing

    def of_metric(self, metric_id: UUID) -> list[AlertStatus]:
        """The alerts that watch a metric or have a guard on it."""
        return [status for status in self.all() if metric_id in status.alert.metric_ids]

    def forget(self) -> None:
        """Discard the states after a change or evaluation; the next call reads them again."""
        self._statuses.forget()

    def _read(self, _: None) -> _Statuses:
        alerts = self._runtime.alerts.all()
        evaluations = self._runtime.evaluations.statuses()
        stored = self._runtime.evaluations.stored_states([alert.alert_id for alert in alerts])
        statuses = [
            _status(alert, evaluations[id], stored[id].states.values())
            for alert in alerts
            if (id := alert.alert_id) in evaluations and id in stored
        ]
        units = {each.metric_id: each.question.unit for each in self._runtime.metrics.all()}
        firing = [
            ShownGroup(
                status.alert,
                state.dimensions,
                state.value,
                units.get(status.alert.metric_id),
                state.since,
            )
            for status in statuses
            for state in status.firing
        ]
        firing.sort(key=lambda group: group.since, reverse=True)
        firing.sort(key=lambda group: MOST_SEVERE_FIRST.index(group.alert.severity))
        return _Statuses(statuses, firing)


def _status(
    alert: Alert, evaluation: EvaluationStatus, states: Collection[AlertState]
) -> AlertStatus:
    firing = [state for state in states if state.status is Status.FIRING]
    pending = [state for state in states if state.status is Status.PENDING]
    return AlertStatus(alert, evaluation, firing, pending)

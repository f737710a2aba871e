"""Which groups of which alerts fire, or are about to? Read once for all who look."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tocsin.model.alerts.alert import Alert, Health, Value
from tocsin.model.alerts.evaluation import EvaluationStatus
from tocsin.model.alerts.state import AlertState, Dimensions, Status
from tocsin.runtime import Runtime
from tocsin.web.shared_cache import Shared

_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Watched:
    """An alert, how it stands, and its groups that are not simply OK."""

    alert: Alert
    evaluation: EvaluationStatus
    firing: Sequence[AlertState]
    pending: Sequence[AlertState]

    @property
    def word(self) -> str:
        """The one word that says most of it."""
        if not self.alert.enabled:
            return "disabled"
        if self.firing:
            return "firing"
        if self.evaluation.health is Health.ERROR:
            return "error"
        return "pending" if self.pending else "ok"


@dataclass(frozen=True, slots=True)
class Firing:
    """One group that fires."""

    alert: Alert
    dimensions: Dimensions
    value: Value
    since: datetime


@dataclass(frozen=True, slots=True)
class _Seen:
    alerts: list[Watched]
    firing: list[Firing]


class Watch:
    """What pages share of alerts."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._seen: Shared[None, _Seen] = Shared(self._look, _SECONDS)

    def all(self) -> list[Watched]:
        """Every alert, the first made first."""
        return self._seen.get(None).alerts

    def firing(self) -> list[Firing]:
        """Every group that fires, the latest first."""
        return self._seen.get(None).firing

    def of_metric(self, metric_id: UUID) -> list[Watched]:
        return [one for one in self.all() if one.alert.metric_id == metric_id]

    def forget(self) -> None:
        """An alert was changed or evaluated."""
        self._seen.forget()

    def _look(self, _: None) -> _Seen:
        alerts = self._runtime.alerts.all()
        statuses = self._runtime.evaluations.statuses()
        found = self._runtime.evaluations.stored_states([alert.alert_id for alert in alerts])
        watched = [
            _watched(alert, statuses[id], found[id].states.values())
            for alert in alerts
            if (id := alert.alert_id) in statuses and id in found
        ]
        firing = [
            Firing(one.alert, state.dimensions, state.value, state.since)
            for one in watched
            for state in one.firing
        ]
        return _Seen(watched, sorted(firing, key=lambda one: one.since, reverse=True))


def _watched(alert: Alert, evaluation: EvaluationStatus, states: Collection[AlertState]) -> Watched:
    def those(status: Status) -> list[AlertState]:
        return [state for state in states if state.status is status]

    return Watched(alert, evaluation, those(Status.FIRING), those(Status.PENDING))

"""Creates, replaces and deletes alerts; logs and publishes each change."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import structlog

from tocsin.alerting.evaluator import Evaluator
from tocsin.alerting.triggers import ArrivalTriggers
from tocsin.errors import TocsinError
from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.draft import AlertDraft
from tocsin.process.audit import Actor
from tocsin.process.clock import Clock
from tocsin.process.events import DefinitionsChanged, Events, TransitionsStored
from tocsin.store.alerts import Alerts
from tocsin.store.metrics import Metrics

log = structlog.get_logger()


class AlertService:
    """Drafts are those that `read_alert` returned."""

    def __init__(
        self,
        alerts: Alerts,
        metrics: Metrics,
        evaluator: Evaluator,
        triggers: ArrivalTriggers,
        events: Events,
        clock: Clock,
    ) -> None:
        self._alerts = alerts
        self._metrics = metrics
        self._evaluator = evaluator
        self._triggers = triggers
        self._events = events
        self._clock = clock
        self._watch_arrivals()

    def create(self, draft: AlertDraft, actor: Actor) -> Alert:
        """Create an alert and, if it is enabled, evaluate it immediately."""
        alert = self._alerts.create(draft, self._clock.now())
        actor.log_change("alert created", **_fields(alert))
        self._events.publish(DefinitionsChanged())
        self._evaluate_first(alert)
        return alert

    def replace(self, id: UUID, draft: AlertDraft, actor: Actor) -> Alert:
        """Replace an alert; one that becomes enabled is evaluated immediately. Raises NotFound."""
        former = self._alerts.get(id)
        metric = self._metrics.get(former.metric_id)
        alert = self._alerts.replace(id, draft, metric, self._clock.now())
        actor.log_change("alert replaced", **_fields(alert))
        self._events.publish(DefinitionsChanged())
        self._events.publish(TransitionsStored())
        if not former.enabled:
            self._evaluate_first(alert)
        return alert

    def delete(self, id: UUID, actor: Actor) -> None:
        """Delete an alert, which resolves its firing groups. Raises NotFound."""
        alert = self._alerts.get(id)
        self._alerts.delete(id, self._metrics.get(alert.metric_id), self._clock.now())
        actor.log_change("alert deleted", **_fields(alert))
        self._events.publish(DefinitionsChanged())
        self._events.publish(TransitionsStored())

    def on_definitions_changed(self, _event: DefinitionsChanged) -> None:
        self._watch_arrivals()

    def _evaluate_first(self, alert: Alert) -> None:
        if not alert.enabled:
            return
        try:
            self._evaluator.evaluate([alert.alert_id], self._clock.now())
        except TocsinError as error:
            # The definition is stored; its next slot evaluates it.
            log.warning("new alert not evaluated", alert=str(alert.alert_id), error=str(error))

    def _watch_arrivals(self) -> None:
        with self._alerts.locked(), self._metrics.locked():
            alerts = self._alerts.all()
            self._triggers.watch((alert, self._metrics.get(alert.metric_id)) for alert in alerts)


def _fields(alert: Alert) -> dict[str, Any]:
    """Without labels and addresses, which may hold secrets."""
    return {
        "alert": str(alert.alert_id),
        "alert_title": alert.title,
        "metric": str(alert.metric_id),
        "enabled": alert.enabled,
    }

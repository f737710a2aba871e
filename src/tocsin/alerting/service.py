"""Creates and replaces alerts, and tells everything that works by their definitions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from tocsin.alerting.evaluator import Evaluator
from tocsin.alerting.triggers import Arrivals
from tocsin.errors import TocsinError
from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.draft import AlertDraft
from tocsin.process.audit import Actor
from tocsin.store.alerts import Alerts
from tocsin.store.metrics import Metrics

log = structlog.get_logger()


class AlertService:
    def __init__(
        self,
        alerts: Alerts,
        metrics: Metrics,
        evaluator: Evaluator,
        arrivals: Arrivals,
        look_again: Callable[[], None],
        report: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:
        """`look_again` has slots computed anew, `report` has transitions recorded."""
        self._alerts = alerts
        self._metrics = metrics
        self._evaluator = evaluator
        self._arrivals = arrivals
        self._look_again = look_again
        self._report = report
        self._now = now
        self._watch_arrivals()

    def create(self, draft: AlertDraft, actor: Actor) -> Alert:
        """Create an alert and, if it is enabled, evaluate it immediately."""
        alert = self._alerts.create(draft, self._now())
        actor.log_change("alert created", **_fields(alert))
        self._begin(alert)
        return alert

    def replace(self, id: UUID, draft: AlertDraft, actor: Actor) -> None:
        """Replace an alert; one that becomes enabled is evaluated immediately. Raises NotFound."""
        former = self._alerts.get(id)
        metric = self._metrics.get(former.metric_id)
        alert = self._alerts.replace(id, draft, metric, self._now())
        actor.log_change("alert replaced", **_fields(alert))
        if former.enabled:
            self.definitions_changed()
        else:
            self._begin(alert)

    def delete(self, id: UUID, actor: Actor) -> None:
        """Delete an alert, which resolves what fires. Raises NotFound."""
        alert = self._alerts.get(id)
        self._alerts.delete(id, self._metrics.get(alert.metric_id), self._now())
        actor.log_change("alert deleted", **_fields(alert))
        self.definitions_changed()

    def definitions_changed(self) -> None:
        """To be called after each change of an alert's or a metric's definition."""
        self._watch_arrivals()
        self._look_again()
        self._report()

    def _begin(self, alert: Alert) -> None:
        self.definitions_changed()
        if not alert.enabled:
            return
        try:
            self._evaluator.evaluate([alert.alert_id], self._now())
        except TocsinError as error:
            # The definition is stored; its next slot evaluates it.
            log.warning("new alert not evaluated", alert=str(alert.alert_id), error=str(error))

    def _watch_arrivals(self) -> None:
        with self._alerts.steady(), self._metrics.steady():
            alerts = self._alerts.all()
            self._arrivals.watch((alert, self._metrics.get(alert.metric_id)) for alert in alerts)


def _fields(alert: Alert) -> dict[str, Any]:
    """Without labels and addresses, which may hold secrets."""
    return {
        "alert": str(alert.alert_id),
        "alert_title": alert.title,
        "metric": str(alert.metric_id),
        "enabled": alert.enabled,
    }

"""Creates, replaces, deletes, evaluates and backtests alerts; logs and publishes each change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from tocsin.alerting.alert_values import metrics_of
from tocsin.alerting.backtest import Backtester, BacktestInput, GroupHistory
from tocsin.alerting.evaluator import Evaluator
from tocsin.alerting.triggers import ArrivalTriggers
from tocsin.errors import Conflict, TocsinError
from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.backtest import PastSpan
from tocsin.model.alerts.draft import AlertDraft
from tocsin.model.alerts.evaluation import EvaluationResult, Group
from tocsin.model.audit.entry import AuditAction, AuditEntry, AuditSubject
from tocsin.process.audit import Actor
from tocsin.process.clock import Clock
from tocsin.process.events import DefinitionsChanged, Events, TransitionsStored
from tocsin.store.alerts import Alerts
from tocsin.store.audit import AuditTrail
from tocsin.store.metrics import Metrics

log = structlog.get_logger()


class AlertService:
    """Manages alerts. Methods accept the drafts that `read_alert` returns."""

    def __init__(
        self,
        alerts: Alerts,
        metrics: Metrics,
        evaluator: Evaluator,
        backtester: Backtester,
        triggers: ArrivalTriggers,
        audit: AuditTrail,
        events: Events,
        clock: Clock,
    ) -> None:
        self._alerts = alerts
        self._metrics = metrics
        self._evaluator = evaluator
        self._backtester = backtester
        self._triggers = triggers
        self._audit = audit
        self._events = events
        self._clock = clock
        self._watch_arrivals()

    def create(self, draft: AlertDraft, actor: Actor) -> Alert:
        """Create an alert and, if it is enabled, evaluate it immediately."""
        alert = self._alerts.create(draft, self._clock.now(), actor)
        actor.log_change("alert created", **_fields(alert))
        self._events.publish(DefinitionsChanged())
        self._evaluate_first(alert)
        return alert

    def replace(
        self, id: UUID, draft: AlertDraft, actor: Actor, expected: Alert | None = None
    ) -> Alert:
        """Replace an alert; one that becomes enabled is evaluated immediately. Raises NotFound, or
        ChangedMeanwhile if it is not `expected`."""
        former = self._alerts.get(id)
        metric = self._metrics.get(former.metric_id)
        alert = self._alerts.replace(id, draft, metric, self._clock.now(), expected, actor)
        actor.log_change("alert replaced", **_fields(alert))
        self._events.publish(DefinitionsChanged())
        self._events.publish(TransitionsStored())
        if not former.enabled:
            self._evaluate_first(alert)
        return alert

    def delete(self, id: UUID, actor: Actor) -> None:
        """Delete an alert, which resolves its firing groups. Raises NotFound."""
        alert = self._alerts.get(id)
        metric = self._metrics.get(alert.metric_id)
        self._alerts.delete(id, metric, self._clock.now(), actor)
        actor.log_change("alert deleted", **_fields(alert))
        self._events.publish(DefinitionsChanged())
        self._events.publish(TransitionsStored())

    def evaluate(self, id: UUID, actor: Actor) -> EvaluationResult:
        """Evaluate an alert now, independently of its slots. Raises NotFound, or Conflict if it is
        disabled or changes meanwhile."""
        alert = self._alerts.get(id)
        if not alert.enabled:
            raise Conflict("This alert is disabled: enable it, or use a backtest")
        at = self._clock.now()
        self._audit.record(_evaluated(at, actor, alert))
        results = self._evaluator.evaluate([id], at)
        if not results:
            raise Conflict("This alert was changed meanwhile; evaluate it again")
        return results[0]

    def evaluate_all(self, actor: Actor) -> list[EvaluationResult]:
        """Evaluate every enabled alert now, as of one instant."""
        enabled = [alert.alert_id for alert in self._alerts.all() if alert.enabled]
        at = self._clock.now()
        self._audit.record(_evaluated(at, actor))
        return self._evaluator.evaluate(enabled, at)

    def groups(self, id: UUID) -> list[Group]:
        """The groups of an alert as of its last evaluation, firing ones first. Raises NotFound."""
        return self._evaluator.groups(self._alerts.get(id))

    def backtest(self, alert: Alert, span: PastSpan) -> Iterator[GroupHistory]:
        """The history that each group of an alert would have over a span; the alert need not be
        stored. Raises NotFound for its metric, QueryTooHeavy or Unavailable."""
        metrics = metrics_of(alert, self._metrics)
        questions = (metric.question for metric in metrics.guards)
        input = BacktestInput(
            alert.rule,
            metrics.watched.question,
            alert.evaluation_delay.length,
            tuple(zip(alert.only_when, questions, strict=True)),
        )
        return self._backtester.backtest(input, span)

    def on_definitions_changed(self, _event: DefinitionsChanged) -> None:
        self._watch_arrivals()

    def _evaluate_first(self, alert: Alert) -> None:
        if not alert.enabled:
            return
        try:
            self._evaluator.evaluate([alert.alert_id], self._clock.now())
        except TocsinError as error:
            # The definition is stored, so the alert is evaluated at its next slot.
            log.warning("new alert not evaluated", alert=str(alert.alert_id), error=str(error))

    def _watch_arrivals(self) -> None:
        with self._alerts.cached.unchanging(), self._metrics.cached.unchanging():
            alerts = self._alerts.all()
            self._triggers.watch((alert, metrics_of(alert, self._metrics)) for alert in alerts)


def _evaluated(at: datetime, actor: Actor, alert: Alert | None = None) -> AuditEntry:
    """The row of an evaluation by hand, of one alert or of all."""
    return AuditEntry(
        at=at,
        by=actor.author,
        action=AuditAction.EVALUATED,
        kind=AuditSubject.ALERT,
        id=alert.alert_id if alert else None,
        name=alert.title if alert else None,
    )


def _fields(alert: Alert) -> dict[str, Any]:
    """The logged members of an alert; without labels and URLs, which may hold secrets."""
    return {
        "alert": str(alert.alert_id),
        "alert_title": alert.title,
        "metric": str(alert.metric_id),
        "enabled": alert.enabled,
    }

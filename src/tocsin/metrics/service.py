"""Creates, replaces and deletes metrics; logs and publishes each change."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tocsin.errors import InvalidInput
from tocsin.model.alerts.waits import window_problems
from tocsin.model.metrics.draft import MetricDraft
from tocsin.model.metrics.metric import Metric
from tocsin.model.metrics.question import Question
from tocsin.process.audit import Actor
from tocsin.process.clock import Clock
from tocsin.process.events import DefinitionsChanged, Events, TransitionsStored
from tocsin.process.optimistic_locking import retry_changed
from tocsin.store.alerts import Alerts
from tocsin.store.metrics import Metrics


class MetricService:
    """Drafts and questions are those that `read_metric` returned."""

    def __init__(self, metrics: Metrics, alerts: Alerts, events: Events, clock: Clock) -> None:
        self._metrics = metrics
        self._alerts = alerts
        self._events = events
        self._clock = clock

    def create(self, draft: MetricDraft, question: Question, actor: Actor) -> Metric:
        metric = self._metrics.create(draft, question, self._clock.now(), actor)
        actor.log_change("metric created", **_fields(metric))
        self._events.publish(DefinitionsChanged())
        return metric

    def replace(
        self,
        id: UUID,
        draft: MetricDraft,
        question: Question,
        actor: Actor,
        expected: Metric | None = None,
    ) -> Metric:
        """Replace a metric; another question resolves the firing groups of its alerts. Raises
        NotFound, ChangedMeanwhile if it is not `expected`, or InvalidInput for a window that is
        shorter than the wait of an alert."""
        watching = (alert for alert in self._alerts.all() if alert.metric_id == id)
        if problems := list(window_problems(question, watching)):
            raise InvalidInput(problems=problems)
        at = self._clock.now()
        metric = self._metrics.replace(id, draft, question, at, self._alerts, expected, actor)
        actor.log_change("metric replaced", **_fields(metric))
        self._events.publish(DefinitionsChanged())
        self._events.publish(TransitionsStored())
        return metric

    def enable(self, id: UUID, actor: Actor, *, enabled: bool) -> Metric:
        """Enable or disable a metric. Raises NotFound."""

        def change() -> Metric:
            metric = self._metrics.get(id)
            draft = MetricDraft(
                name=metric.name,
                description=metric.description,
                enabled=enabled,
                expose=metric.expose,
            )
            return self.replace(id, draft, metric.question, actor, metric)

        return retry_changed(change)

    def delete(self, id: UUID, actor: Actor) -> None:
        """Raises NotFound, or Conflict if an alert uses the metric."""
        metric = self._metrics.get(id)
        self._metrics.delete(id, self._clock.now(), actor)
        actor.log_change("metric deleted", **_fields(metric))
        self._events.publish(DefinitionsChanged())


def _fields(metric: Metric) -> dict[str, Any]:
    return {"metric": str(metric.metric_id), "metric_name": metric.name, "enabled": metric.enabled}

"""Creates, replaces and deletes metrics for the API and the pages, and logs each change once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from tocsin.model.metrics.draft import MetricDraft
from tocsin.model.metrics.metric import Metric, Question
from tocsin.process.audit import Actor
from tocsin.store.alerts import Alerts
from tocsin.store.metrics import Metrics


class MetricService:
    """Drafts are those that `read_metric` accepted. Methods raise what the store raises."""

    def __init__(
        self,
        metrics: Metrics,
        alerts: Alerts,
        definitions_changed: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:
        self._metrics = metrics
        self._alerts = alerts
        self._definitions_changed = definitions_changed
        self._now = now

    def create(self, draft: MetricDraft, question: Question, actor: Actor) -> Metric:
        metric = self._metrics.create(draft, question, self._now())
        actor.log_change("metric created", **_metric_fields(metric))
        return metric

    def replace(self, id: UUID, draft: MetricDraft, question: Question, actor: Actor) -> Metric:
        """Another question resolves what fires of the metric's alerts."""
        metric = self._metrics.replace(id, draft, question, self._now(), self._alerts.end_all_of)
        actor.log_change("metric replaced", **_metric_fields(metric))
        self._definitions_changed()
        return metric

    def delete(self, id: UUID, actor: Actor) -> None:
        metric = self._metrics.get(id)
        self._metrics.delete(id)
        actor.log_change("metric deleted", **_metric_fields(metric))


def _metric_fields(metric: Metric) -> dict[str, Any]:
    return {"metric": str(metric.metric_id), "metric_name": metric.name, "enabled": metric.enabled}

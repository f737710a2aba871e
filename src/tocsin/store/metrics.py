"""The stored metrics, read from memory, so that a calculation waits for no disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, RowMapping, or_, select

from tocsin.errors import Conflict
from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.guards import unmatched_fields
from tocsin.model.audit.definitions import METRIC
from tocsin.model.instant import cut
from tocsin.model.metrics.draft import MetricDraft
from tocsin.model.metrics.metric import Metric
from tocsin.model.metrics.question import Question
from tocsin.model.slug import with_kept_keys
from tocsin.process.audit import BY_TOCSIN, Actor
from tocsin.process.optimistic_locking import unchanged
from tocsin.store import tables
from tocsin.store.alerts import Alerts
from tocsin.store.cached_table import CachedTable
from tocsin.store.database import Database
from tocsin.store.first_names import first_names

_SCOPE = ("resource_type_id", "action_id", "origin_id")


class Metrics:
    def __init__(self, database: Database) -> None:
        self._table = CachedTable(
            database, tables.metrics, METRIC, _metric, _row, key_of=lambda metric: metric.key
        )
        self.all = self._table.all
        self.get = self._table.get
        self.cached = self._table.cached

    def __contains__(self, id: object) -> bool:
        return isinstance(id, UUID) and self._table.find(id) is not None

    def create(
        self, draft: MetricDraft, question: Question, at: datetime, by: Actor = BY_TOCSIN
    ) -> Metric:
        """Store a metric that `read_metric` accepted, with the question it returned."""
        at = cut(at)
        metric = draft.metric(question, uuid4(), at, at)
        return self._table.create(metric.metric_id, metric, at, by)

    def replace(
        self,
        id: UUID,
        draft: MetricDraft,
        question: Question,
        at: datetime,
        alerts: Alerts | None = None,
        expected: Metric | None = None,
        by: Actor = BY_TOCSIN,
    ) -> Metric:
        """Raises NotFound, ChangedMeanwhile if it is not `expected`, or Conflict if a guard of an
        alert would be grouped by fields that the alert's metric is not. With a question that
        measures something else, the firing groups of the metric's alerts, and of those with a
        guard on it, are resolved in the same transaction."""
        with self._table.locked():
            former = unchanged(self.get(id), expected)
            draft = with_kept_keys(draft, former)
            metric = draft.metric(question, id, former.created_date, cut(at))
            with self._table.changing(at, by) as change:
                change.update(id, metric)
                if alerts and not question.measures_as(former.question):
                    using = alerts.using(id)
                    self._reject_unmatched_guards(metric, using)
                    watched = [(alert, self.get(alert.metric_id)) for alert in using]
                    alerts.resolve_all(change.connection, watched, at)
        return metric

    def _reject_unmatched_guards(self, metric: Metric, alerts: Sequence[Alert]) -> None:
        """Raises Conflict. The metric is as it would be; memory has the former one."""
        for alert in alerts:
            questions = {id: self.get(id).question for id in alert.metric_ids}
            questions[metric.metric_id] = metric.question
            for guard in alert.only_when:
                watched = questions[alert.metric_id]
                if fields := unmatched_fields(questions[guard.metric_id], watched):
                    raise Conflict(
                        f"The alert {alert.title} has a guard that is grouped by "
                        f"{', '.join(fields)}, and its metric would not be"
                    )

    def delete(self, id: UUID, at: datetime, by: Actor = BY_TOCSIN) -> None:
        """Raises NotFound, or Conflict if an alert watches the metric or has a guard on it."""
        with self._table.locked():
            self.get(id)
            with self._table.changing(at, by) as change:
                _reject_watched(change.connection, id)
                change.delete(id)


def _reject_watched(connection: Connection, id: UUID) -> None:
    alerts, guards = tables.alerts.c, tables.alert_guards.c
    is_guard = alerts.alert_id.in_(select(guards.alert_id).where(guards.metric_id == id))
    titles = select(alerts.title).where(or_(alerts.metric_id == id, is_guard))
    if watching := connection.execute(titles.limit(4)).scalars().all():
        raise Conflict(f"This metric is watched by alerts: {first_names(watching)}")


def _row(metric: Metric) -> dict[str, Any]:
    question = metric.question
    # json writes an integer of 40 digits as it is; the scope has columns of its own.
    definition = question.model_dump(mode="json", by_alias=True, exclude=set(_SCOPE))
    return {
        "metric_id": metric.metric_id,
        "name": metric.name,
        "description": metric.description,
        **{member: getattr(question, member) for member in _SCOPE},
        "question": json.dumps(definition),
        "enabled": metric.enabled,
        "expose": metric.expose,
        "key": metric.key,
        "managed_by": metric.managed_by,
        "created_date": metric.created_date,
        "modified_date": metric.modified_date,
    }


def _metric(row: RowMapping) -> Metric:
    definition = json.loads(row["question"])
    scope = {member: row[member] for member in _SCOPE}
    return Metric(
        metric_id=row["metric_id"],
        name=row["name"],
        description=row["description"],
        question=Question.model_validate({**definition, **scope}),
        enabled=row["enabled"],
        expose=row["expose"],
        key=row["key"],
        managed_by=row["managed_by"],
        created_date=row["created_date"],
        modified_date=row["modified_date"],
    )

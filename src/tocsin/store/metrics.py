"""The stored metrics, read from memory, so that a calculation waits for no disk."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID, uuid4

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from tocsin.errors import Conflict, NotFound
from tocsin.model.instant import cut
from tocsin.model.metrics.draft import MetricDraft
from tocsin.model.metrics.metric import Metric, Question
from tocsin.store.database import Database
from tocsin.store.tables import alerts, metrics

_SCOPE = ("resource_type_id", "action_id", "origin_id")


class MetricAlerts(Protocol):
    def resolve_all(self, connection: Connection, metric: Metric, at: datetime) -> None:
        """Resolve the firing groups of every alert that watches the metric."""


class Metrics:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._changing = threading.Lock()
        with database.reading() as connection:
            rows = connection.execute(select(metrics).order_by(metrics.c.number)).mappings()
            self._by_id = {row["metric_id"]: _metric(row) for row in rows}

    def all(self) -> list[Metric]:
        """All metrics, the first made first."""
        return list(self._by_id.values())

    def get(self, id: UUID) -> Metric:
        metric = self._by_id.get(id)
        if metric is None:
            raise NotFound("There is no metric with this id")
        return metric

    def __contains__(self, id: object) -> bool:
        return id in self._by_id

    @contextmanager
    def locked(self) -> Iterator[None]:
        """While this is held no definition changes, and what is on disk is what is in memory."""
        with self._changing:
            yield

    def create(self, draft: MetricDraft, question: Question, at: datetime) -> Metric:
        """Keep a definition that `read_metric` found good, with the question it asks."""
        with self._changing:
            at = cut(at)
            metric = _drafted(draft, question, id=uuid4(), created=at, modified=at)
            with self._database.writing() as connection:
                connection.execute(insert(metrics), _row(metric))
            self._by_id = {**self._by_id, metric.metric_id: metric}
        return metric

    def replace(
        self,
        id: UUID,
        draft: MetricDraft,
        question: Question,
        at: datetime,
        alerts: MetricAlerts | None = None,
    ) -> Metric:
        """Raises NotFound. With another question, the firing groups of the metric's alerts are
        resolved in the same transaction."""
        with self._changing:
            former = self.get(id)
            metric = _drafted(draft, question, id=id, created=former.created_date, modified=cut(at))
            with self._database.writing() as connection:
                connection.execute(update(metrics).where(metrics.c.metric_id == id), _row(metric))
                if alerts and question != former.question:
                    alerts.resolve_all(connection, former, at)
            self._by_id = {**self._by_id, id: metric}
        return metric

    def delete(self, id: UUID) -> None:
        """Raises NotFound, or Conflict for one that an alert watches."""
        with self._changing:
            self.get(id)
            with self._database.writing() as connection:
                used = select(alerts.c.title).where(alerts.c.metric_id == id)
                if titles := connection.execute(used.limit(4)).scalars().all():
                    raise Conflict(f"This metric is watched by alerts: {some_of(titles)}")
                connection.execute(delete(metrics).where(metrics.c.metric_id == id))
            self._by_id = {key: metric for key, metric in self._by_id.items() if key != id}


def some_of(names: Sequence[str]) -> str:
    """The first three names of what stands against something."""
    return ", ".join(names[:3]) + (" and others" if len(names) > 3 else "")


def _drafted(
    draft: MetricDraft, question: Question, *, id: UUID, created: datetime, modified: datetime
) -> Metric:
    assert draft.name is not None, "read_metric requires a name of what is to be kept"
    return Metric(
        metric_id=id,
        name=draft.name,
        description=draft.description,
        question=question,
        enabled=draft.enabled,
        created_date=created,
        modified_date=modified,
    )


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
        created_date=row["created_date"],
        modified_date=row["modified_date"],
    )

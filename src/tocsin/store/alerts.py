"""The stored alerts, read from memory. A change resolves firing groups in its own transaction.

Groups are resolved if the alert is disabled or deleted, and if it measures or compares something
else from then on.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from tocsin.errors import NotFound
from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.draft import AlertDraft
from tocsin.model.alerts.slots import slot_at
from tocsin.model.alerts.state import Reason
from tocsin.model.instant import cut
from tocsin.model.metrics.metric import Metric
from tocsin.store.database import Database
from tocsin.store.evaluations import Evaluations
from tocsin.store.tables import alerts

_REFERENCES = ("metric_id", "alert_action_id", "recovery_action_id", "resource_type_id")
_COLUMNS = ("alert_id", "title", *_REFERENCES)


class Alerts:
    def __init__(self, database: Database, evaluations: Evaluations) -> None:
        self._database = database
        self._evaluations = evaluations
        self._changing = threading.Lock()
        with database.reading() as connection:
            rows = connection.execute(select(alerts).order_by(alerts.c.number)).mappings()
            self._by_id: Mapping[UUID, Alert] = {row["alert_id"]: _alert(row) for row in rows}

    def all(self) -> list[Alert]:
        """All alerts, the first made first."""
        return list(self._by_id.values())

    def get(self, id: UUID) -> Alert:
        alert = self._by_id.get(id)
        if alert is None:
            raise NotFound("There is no alert with this id")
        return alert

    @contextmanager
    def locked(self) -> Iterator[None]:
        """While this is held no definition changes, and what is on disk is what is in memory."""
        with self._changing:
            yield

    def create(self, draft: AlertDraft, at: datetime) -> Alert:
        """Keep a definition that `read_alert` found good; its first slot is the next one."""
        with self._changing:
            at = cut(at)
            alert = draft.alert(uuid4(), at, at)
            with self._database.writing() as connection:
                connection.execute(insert(alerts), _row(alert))
                self._evaluations.insert(connection, alert.alert_id, slot_at(alert, at))
            self._by_id = {**self._by_id, alert.alert_id: alert}
            return alert

    def replace(self, id: UUID, draft: AlertDraft, metric: Metric, at: datetime) -> Alert:
        """Raises NotFound. `metric` is the one that the former definition watches."""
        with self._changing:
            former, at = self.get(id), cut(at)
            alert = draft.alert(id, former.created_date, at)
            with self._database.writing() as connection:
                connection.execute(update(alerts).where(alerts.c.alert_id == id), _row(alert))
                self._evaluations.supersede(connection, id, _begins(former, alert, at))
                reason = _ends(former, alert)
                if reason:
                    self._evaluations.resolve(connection, former, metric, reason, at)
            self._by_id = {**self._by_id, id: alert}
            return alert

    def delete(self, id: UUID, metric: Metric, at: datetime) -> None:
        """Raises NotFound. Its transitions stay."""
        with self._changing:
            former = self.get(id)
            with self._database.writing() as connection:
                self._evaluations.resolve(connection, former, metric, Reason.DISABLED, cut(at))
                connection.execute(delete(alerts).where(alerts.c.alert_id == id))
            self._by_id = {key: alert for key, alert in self._by_id.items() if key != id}

    def resolve_all(self, connection: Connection, metric: Metric, at: datetime) -> None:
        """Resolve the firing groups of every alert that watches a metric, in the transaction that
        changes its question; `metric` is the former one."""
        for alert in self.all():
            if alert.metric_id == metric.metric_id:
                self._evaluations.resolve(connection, alert, metric, Reason.CHANGED, cut(at))


def _ends(former: Alert, alert: Alert) -> Reason | None:
    """Why what was found by the former definition ends, if it does."""
    if former.enabled and not alert.enabled:
        return Reason.DISABLED
    return None if former.measures_as(alert) else Reason.CHANGED


def _begins(former: Alert, alert: Alert, at: datetime) -> datetime | None:
    """Where the slots of the new definition begin, if they are others than before."""
    is_enabled = alert.enabled and not former.enabled
    return slot_at(alert, at) if is_enabled or alert.interval != former.interval else None


def _row(alert: Alert) -> dict[str, Any]:
    definition = alert.model_dump(mode="json", exclude=set(_COLUMNS))
    columns = {member: getattr(alert, member) for member in _COLUMNS}
    return {**columns, "definition": json.dumps(definition)}


def _alert(row: RowMapping) -> Alert:
    columns = {member: row[member] for member in _COLUMNS}
    return Alert.model_validate({**json.loads(row["definition"]), **columns})

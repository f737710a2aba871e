"""The stored alerts, read from memory. A change resolves firing groups in its own transaction.

Groups are resolved if the alert is disabled or deleted, and if it measures or compares something
else from then on.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, RowMapping, Table, delete, insert

from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.draft import AlertDraft
from tocsin.model.alerts.slots import slot_at
from tocsin.model.alerts.state import Reason
from tocsin.model.audit.definitions import ALERT
from tocsin.model.instant import cut
from tocsin.model.metrics.metric import Metric
from tocsin.model.slug import with_kept_keys
from tocsin.process.audit import BY_TOCSIN, Actor
from tocsin.process.optimistic_locking import unchanged
from tocsin.store.cached_table import CachedTable
from tocsin.store.database import Database
from tocsin.store.evaluations import Evaluations
from tocsin.store.tables import alert_channels, alert_guards, alerts

_REFERENCES = ("metric_id", "alert_action_id", "recovery_action_id", "resource_type_id")
_COLUMNS = ("alert_id", "title", "key", "managed_by", *_REFERENCES)


class Alerts:
    def __init__(self, database: Database, evaluations: Evaluations) -> None:
        self._table = CachedTable(
            database, alerts, ALERT, _alert, _row, key_of=lambda alert: alert.key
        )
        self._evaluations = evaluations
        self.all = self._table.all
        self.find = self._table.find
        self.get = self._table.get
        self.cached = self._table.cached

    def create(self, draft: AlertDraft, at: datetime, by: Actor = BY_TOCSIN) -> Alert:
        """Store an alert that `read_alert` accepted; the slot in progress counts as evaluated."""
        at = cut(at)
        alert = draft.alert(uuid4(), at, at)
        with self._table.changing(at, by) as change:
            change.insert(alert.alert_id, alert)
            _write_references(change.connection, alert)
            self._evaluations.insert(change.connection, alert.alert_id, slot_at(alert, at))
        return alert

    def replace(
        self,
        id: UUID,
        draft: AlertDraft,
        metric: Metric,
        at: datetime,
        expected: Alert | None = None,
        by: Actor = BY_TOCSIN,
    ) -> Alert:
        """Raises NotFound, or ChangedMeanwhile if it is not `expected`. `metric` is the one that
        the former definition watches."""
        with self._table.locked():
            former, at = unchanged(self.get(id), expected), cut(at)
            alert = with_kept_keys(draft, former).alert(id, former.created_date, at)
            with self._table.changing(at, by) as change:
                change.update(id, alert)
                _write_references(change.connection, alert)
                slot = _first_slot(former, alert, at)
                self._evaluations.supersede(change.connection, id, slot)
                if reason := _reason_to_resolve(former, alert):
                    self._evaluations.resolve(change.connection, former, metric, reason, at)
        return alert

    def delete(self, id: UUID, metric: Metric, at: datetime, by: Actor = BY_TOCSIN) -> None:
        """Raises NotFound. The transitions of the alert stay."""
        with self._table.locked():
            former = self.get(id)
            with self._table.changing(at, by) as change:
                reason = Reason.DISABLED
                self._evaluations.resolve(change.connection, former, metric, reason, cut(at))
                change.delete(id)

    def using(self, metric_id: UUID) -> list[Alert]:
        """The alerts that watch a metric or have a guard on it."""
        return [alert for alert in self.all() if metric_id in alert.metric_ids]

    def resolve_all(
        self, connection: Connection, alerts: Iterable[tuple[Alert, Metric]], at: datetime
    ) -> None:
        """Resolve the firing groups of alerts, each given with the metric that it watches, in the
        transaction that changes the question of a metric that they use."""
        for alert, metric in alerts:
            self._evaluations.resolve(connection, alert, metric, Reason.CHANGED, cut(at))


def _write_references(connection: Connection, alert: Alert) -> None:
    """Write the foreign keys of the members of the definition that are lists."""
    metric_ids = {guard.metric_id for guard in alert.only_when}
    _replace(connection, alert_guards, alert.alert_id, "metric_id", metric_ids)
    _replace(connection, alert_channels, alert.alert_id, "channel_id", alert.channel_ids)


def _replace(
    connection: Connection, table: Table, id: UUID, column: str, referred: Collection[UUID]
) -> None:
    connection.execute(delete(table).where(table.c.alert_id == id))
    if referred:
        rows = [{"alert_id": id, column: each} for each in referred]
        connection.execute(insert(table), rows)


def _reason_to_resolve(former: Alert, alert: Alert) -> Reason | None:
    """The reason why firing groups of the former definition are resolved; None if they are not."""
    if former.enabled and not alert.enabled:
        return Reason.DISABLED
    return None if former.measures_as(alert) else Reason.CHANGED


def _first_slot(former: Alert, alert: Alert, at: datetime) -> datetime | None:
    """The slot from which the new definition counts; None if it keeps the slots of the former."""
    is_enabled = alert.enabled and not former.enabled
    return slot_at(alert, at) if is_enabled or alert.interval != former.interval else None


def _row(alert: Alert) -> dict[str, Any]:
    definition = alert.model_dump(mode="json", exclude=set(_COLUMNS))
    columns = {member: getattr(alert, member) for member in _COLUMNS}
    return {**columns, "definition": json.dumps(definition)}


def _alert(row: RowMapping) -> Alert:
    columns = {member: row[member] for member in _COLUMNS}
    return Alert.model_validate({**json.loads(row["definition"]), **columns})

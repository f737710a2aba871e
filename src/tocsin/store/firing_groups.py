"""The groups of all alerts that fire, page by page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, RowMapping, select

from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.firing import FiringGroup, FiringPosition
from tocsin.model.alerts.state import Status
from tocsin.model.severity import MOST_SEVERE_FIRST, Severity
from tocsin.store.alerts import Alerts
from tocsin.store.database import Database
from tocsin.store.evaluations import state_of
from tocsin.store.tables import alert_states

_States = alert_states.c
_FIRES = _States.status == Status.FIRING.value


class FiringGroups:
    def __init__(self, database: Database, alerts: Alerts) -> None:
        self._database = database
        self._alerts = alerts

    def page(self, limit: int, after: FiringPosition | None = None) -> list[FiringGroup]:
        """At most `limit` groups that follow a position, if one is given."""
        groups: list[FiringGroup] = []
        with self._database.reading() as connection:
            for severity, alerts in self._by_severity(connection, after):
                rows = _rows(connection, severity, alerts, after, limit - len(groups))
                groups += [_group(severity, alerts, row) for row in rows]
                if len(groups) == limit:
                    break
        return groups

    def _by_severity(
        self, connection: Connection, after: FiringPosition | None
    ) -> Iterator[tuple[Severity, Mapping[UUID, Alert]]]:
        """The alerts that fire by their severity as it is now, from that of a position on."""
        firing = connection.execute(select(_States.alert_id).where(_FIRES).distinct()).scalars()
        by_severity: dict[Severity, dict[UUID, Alert]] = defaultdict(dict)
        for id in firing:
            if alert := self._alerts.find(id):
                by_severity[alert.severity][id] = alert
        first = MOST_SEVERE_FIRST.index(after.severity) if after else 0
        for severity in MOST_SEVERE_FIRST[first:]:
            if alerts := by_severity.get(severity):
                yield severity, alerts


def _rows(
    connection: Connection,
    severity: Severity,
    alerts: Mapping[UUID, Alert],
    after: FiringPosition | None,
    limit: int,
) -> Sequence[RowMapping]:
    follows = [_follows(after)] if after and after.severity is severity else []
    query = select(alert_states).where(_FIRES, _States.alert_id.in_(alerts), *follows)
    order = _States.since.desc(), _States.alert_id, _States.group_key
    return connection.execute(query.order_by(*order).limit(limit)).mappings().all()


def _follows(after: FiringPosition) -> ColumnElement[bool]:
    is_next_group = (_States.alert_id == after.alert_id) & (_States.group_key > after.group_key)
    is_next = (_States.alert_id > after.alert_id) | is_next_group
    return (_States.since < after.since) | ((_States.since == after.since) & is_next)


def _group(severity: Severity, alerts: Mapping[UUID, Alert], row: RowMapping) -> FiringGroup:
    id = row["alert_id"]
    position = FiringPosition(severity, row["since"], id, row["group_key"])
    return FiringGroup(alerts[id], state_of(row), position)

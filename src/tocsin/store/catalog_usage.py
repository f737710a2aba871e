"""Refuses to delete a catalog entry that a definition uses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, false, or_, select

from tocsin.errors import Conflict
from tocsin.model.interactions.catalog import Kind
from tocsin.store.first_names import first_names
from tocsin.store.notification_tables import subscriptions
from tocsin.store.tables import alerts, metrics

_SCOPE = {
    Kind.RESOURCE_TYPE: metrics.c.resource_type_id,
    Kind.ACTION: metrics.c.action_id,
    Kind.ORIGIN: metrics.c.origin_id,
}
_IN_ALERTS = {
    Kind.RESOURCE_TYPE: (alerts.c.resource_type_id,),
    Kind.ACTION: (alerts.c.alert_action_id, alerts.c.recovery_action_id),
    Kind.ORIGIN: (),
}
_TOPIC = {
    Kind.RESOURCE_TYPE: subscriptions.c.resource_type_id,
    Kind.ACTION: subscriptions.c.action_id,
    Kind.ORIGIN: subscriptions.c.origin_id,
}


def reject_used(connection: Connection, kind: Kind, id: UUID) -> None:
    """Raises Conflict that names the metrics or alerts with the entry, or says that subscriptions
    use it."""
    if names := _metrics_with(connection, kind, id):
        raise Conflict(f"This {kind.words} is used by metrics: {first_names(names)}")
    by_alerts = select(alerts.c.title).where(or_(false(), *(c == id for c in _IN_ALERTS[kind])))
    if titles := connection.execute(by_alerts.limit(4)).scalars().all():
        raise Conflict(f"This {kind.words} is used by alerts: {first_names(titles)}")
    by_subscriptions = select(subscriptions.c.number).where(_TOPIC[kind] == id)
    if connection.execute(by_subscriptions.limit(1)).first():
        raise Conflict(f"Subscriptions use this {kind.words}")


def _metrics_with(connection: Connection, kind: Kind, id: UUID) -> list[str]:
    """The names of the first metrics with the entry in their scope or in that of a side of a
    RATIO."""
    scoped = _SCOPE[kind] == id
    mentioned = metrics.c.question.contains(str(id))
    rows = connection.execute(
        select(metrics.c.name, scoped, metrics.c.question).where(or_(scoped, mentioned))
    )
    names = [
        name
        for name, is_scoped, question in rows
        if is_scoped or _has_side_with(json.loads(question), kind, id)
    ]
    return names[:4]


def _has_side_with(question: Mapping[str, Any], kind: Kind, id: UUID) -> bool:
    sides = (question.get("numerator"), question.get("denominator"))
    return any(side and side.get(kind.id_member) == str(id) for side in sides)

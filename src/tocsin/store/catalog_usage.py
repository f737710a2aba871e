"""Refuses to delete a catalog entry that a definition uses."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, false, or_, select

from tocsin.errors import Conflict
from tocsin.model.interactions.catalog import Kind
from tocsin.store.metrics import first_names
from tocsin.store.tables import alerts, metrics, subscriptions

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
    by_metrics = select(metrics.c.name).where(_SCOPE[kind] == id)
    if names := connection.execute(by_metrics.limit(4)).scalars().all():
        raise Conflict(f"This {kind.words} is used by metrics: {first_names(names)}")
    by_alerts = select(alerts.c.title).where(or_(false(), *(c == id for c in _IN_ALERTS[kind])))
    if titles := connection.execute(by_alerts.limit(4)).scalars().all():
        raise Conflict(f"This {kind.words} is used by alerts: {first_names(titles)}")
    by_subscriptions = select(subscriptions.c.number).where(_TOPIC[kind] == id)
    if connection.execute(by_subscriptions.limit(1)).first():
        raise Conflict(f"Subscriptions use this {kind.words}")

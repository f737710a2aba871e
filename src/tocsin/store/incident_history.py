"""The transitions of one group of an alert, and their deliveries through one channel."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import ColumnElement, CompoundSelect, Connection, select, union_all

from tocsin.model.alerts.state import Status
from tocsin.model.alerts.transition import interaction_id_of
from tocsin.model.instant import parse_instant
from tocsin.model.notifications.delivery import DeliveryStatus, delivery_id
from tocsin.model.notifications.incidents import GroupEvent
from tocsin.model.notifications.transition_content import TransitionPayload
from tocsin.store.database import Database
from tocsin.store.notification_tables import deliveries, subscriptions
from tocsin.store.tables import transitions

# Deliveries are attempted for some 17 hours.
_LATEST_RETRY = timedelta(days=1)
_MOST = 50

_Columns = transitions.c


class IncidentHistory:
    def __init__(self, database: Database) -> None:
        self._database = database

    def events(self, transition: TransitionPayload, of_delivery: UUID) -> list[GroupEvent]:
        """The transitions of a group before and after the one of a delivery, oldest first; none if
        it is not stored. Raises Unavailable."""
        with self._database.reading() as connection:
            own = connection.execute(
                select(deliveries.c.interaction_id, deliveries.c.channel_id).where(
                    deliveries.c.delivery_id == of_delivery
                )
            ).first()
            if own is None:
                return []
            statuses = _around(connection, transition)
            delivered = _delivered(connection, own.channel_id, statuses)
        return [
            GroupEvent(
                status == Status.FIRING,
                is_own=id == own.interaction_id,
                is_sent=DeliveryStatus.SENT in delivered[id],
                is_waiting=DeliveryStatus.PENDING in delivered[id],
            )
            for id, status in statuses.items()
        ]


def _around(connection: Connection, transition: TransitionPayload) -> dict[UUID, str]:
    """The statuses of transitions by the ids of their interactions, oldest first."""
    at = parse_instant(transition.evaluated_at)
    earlier = _of_group(transition, _Columns.at < at, _Columns.at >= at - _LATEST_RETRY)
    later = _of_group(transition, _Columns.at >= at)
    rows = [
        *reversed(connection.execute(earlier.order_by(sa.desc("number")).limit(_MOST)).all()),
        *connection.execute(later.order_by("number").limit(_MOST)),
    ]
    return {interaction_id_of(row.transition_id): row.status for row in rows}


def _of_group(transition: TransitionPayload, *at: ColumnElement[bool]) -> CompoundSelect[Any]:
    """The index has the hash of the group, which rows of former versions do not have."""
    of_alert = select(_Columns.transition_id, _Columns.status, _Columns.number).where(
        _Columns.alert_id == UUID(transition.alert_id), *at
    )
    former = _Columns.group_hash.is_(None), _Columns.dimensions.in_(_stored(transition.dimensions))
    return union_all(
        of_alert.where(_Columns.group_hash == transition.group_hash), of_alert.where(*former)
    )


def _stored(dimensions: Mapping[str, Any]) -> list[str]:
    """The texts that dimensions may be stored as; the group of an ungrouped metric has none."""
    return [json.dumps(dict(dimensions))] if dimensions else ["null", "{}"]


def _delivered(
    connection: Connection, channel_id: UUID, interactions: Iterable[UUID]
) -> dict[UUID, set[str]]:
    """The statuses of the channel's deliveries of each interaction. They are found by their ids,
    which are derived from the interaction and the subscription, or the channel of the alert."""
    of_channel = select(subscriptions.c.subscription_id).where(
        subscriptions.c.channel_id == channel_id
    )
    senders = [channel_id, *connection.execute(of_channel).scalars()]
    ids = {delivery_id(by, id.bytes): id for by in senders for id in interactions}
    statuses: dict[UUID, set[str]] = {id: set() for id in ids.values()}
    query = select(deliveries.c.delivery_id, deliveries.c.status)
    for row in connection.execute(query.where(deliveries.c.delivery_id.in_(list(ids)))):
        statuses[ids[row.delivery_id]].add(row.status)
    return statuses

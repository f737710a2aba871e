"""The deliveries of interactions to subscriptions, and their attempts.

`enqueue` writes in the transaction that stores a transition. Other interactions are appended to the
engine, which shares no transaction with this file: their deliveries are staged before the append,
and `reconcile` decides them after it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, case, delete, func, select, update

from tocsin.errors import Conflict, NotFound
from tocsin.model.alerts.alert import Alert
from tocsin.model.audit.entry import AuditAction, AuditEntry, AuditSubject
from tocsin.model.instant import cut
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.notifications.channel import Channel
from tocsin.model.notifications.delivery import (
    SHOWN,
    TOCSIN,
    Delivery,
    DeliveryPage,
    DeliveryStatus,
)
from tocsin.model.notifications.subscription import Subscription
from tocsin.process.audit import BY_TOCSIN, Actor
from tocsin.store.audit import record
from tocsin.store.blocks import blocks
from tocsin.store.channels import Channels
from tocsin.store.database import Database
from tocsin.store.delivery_rows import attempts_of, delivery_of
from tocsin.store.dropped_deliveries import ID_BYTES, ChannelCapacity, DroppedDeliveries
from tocsin.store.new_deliveries import (
    NOBODY_REACHED,
    DeliveryBatch,
    NewDeliveries,
    ReachedChannels,
)
from tocsin.store.notification_tables import deliveries

DELIVERY_RETENTION = timedelta(days=30)
"""The retention of deliveries that ended, were silenced or skipped."""

_HELD_BACK = (DeliveryStatus.SILENCED, DeliveryStatus.SKIPPED)


class Deliveries:
    def __init__(
        self,
        database: Database,
        channels: Channels,
        new: NewDeliveries,
        dropped: DroppedDeliveries,
    ) -> None:
        self._database = database
        self._channels = channels
        self._new = new
        self._dropped = dropped
        self.with_subscribers = new.with_subscribers
        self.matching = new.matching

    def enqueue(
        self,
        connection: Connection,
        interactions: Iterable[Interaction],
        at: datetime,
        alert: Alert,
        reached: ReachedChannels = NOBODY_REACHED,
    ) -> None:
        """Add deliveries of the transitions of an alert, in the caller's transaction: one for each
        transition and each of its recipients, up to the limits of the channels. `reached` has the
        channels that grouped subscriptions report an interaction to, by its id."""
        capacity = self._dropped.alert_capacity(connection)
        batch = self._new.of_transitions(interactions, alert, capacity, at, reached)
        self._insert(connection, batch, at)

    def enqueue_for(
        self,
        connection: Connection,
        subscription: Subscription,
        interactions: Iterable[Interaction],
        at: datetime,
        alert: Alert,
    ) -> None:
        """As `enqueue`, to one subscription, whether it matches them or not."""
        capacity = self._dropped.alert_capacity(connection)
        batch = self._new.of_subscription(subscription, interactions, alert, capacity, at)
        self._insert(connection, batch, at)

    def stage(self, interactions: Iterable[Interaction], at: datetime) -> None:
        """Write the deliveries of interactions that are about to be appended, up to the limits of
        the channels."""
        # No other thread stages, so the capacity can be counted before the write lock is taken.
        with self._database.reading() as connection:
            capacity = ChannelCapacity(connection, self._dropped.limit)
            batch = self._new.staged(interactions, capacity, at)
        if batch.rows or batch.drops:
            with self._database.writing() as connection:
                batch.insert(connection)
                self._dropped.stage(connection, batch.drops, at)

    def reconcile(self, recorded: Collection[bytes], missing: Collection[bytes]) -> None:
        """Staged deliveries of recorded interactions become pending, or skipped if they have a
        skip reason, and their staged drops are counted. Those of missing interactions are
        deleted."""
        staged = deliveries.c.status == DeliveryStatus.STAGED
        is_skipped = deliveries.c.skip_reason.is_not(None)
        status = case((is_skipped, DeliveryStatus.SKIPPED), else_=DeliveryStatus.PENDING)
        decided = update(deliveries).where(staged).values(status=status)
        with self._database.writing() as connection:
            for ids in _blocks(recorded):
                connection.execute(decided.where(deliveries.c.interaction_id.in_(ids)))
            for ids in _blocks(missing):
                deleted = delete(deliveries).where(staged, deliveries.c.interaction_id.in_(ids))
                connection.execute(deleted)
            self._dropped.reconcile(connection, recorded, missing)

    def staged(self) -> set[bytes]:
        """The ids of the interactions with staged deliveries or drops."""
        ids = select(deliveries.c.interaction_id).where(
            deliveries.c.status == DeliveryStatus.STAGED
        )
        with self._database.reading() as connection:
            of_deliveries = {id.bytes for id in connection.execute(ids).scalars()}
            return of_deliveries | self._dropped.staged(connection)

    def get(self, id: UUID) -> Delivery:
        """Raises NotFound."""
        rows = self._read(_SHOWN.where(deliveries.c.delivery_id == id))
        if not rows:
            raise NotFound("There is no delivery with this id")
        return rows[0][1]

    def page(
        self,
        limit: int,
        *,
        before: int | None = None,
        status: DeliveryStatus | None = None,
        channel_id: UUID | None = None,
        silence_id: UUID | None = None,
    ) -> DeliveryPage:
        """At most `limit` deliveries with their attempts, newest first; `before` is the number of
        the last delivery of the page before."""
        filters = {"status": status, "channel_id": channel_id, "silence_id": silence_id}
        query = _SHOWN.where(
            *(deliveries.c[name] == value for name, value in filters.items() if value is not None)
        )
        if before is not None:
            query = query.where(deliveries.c.number < before)
        rows = self._read(query.order_by(deliveries.c.number.desc()).limit(limit + 1))
        shown = rows[:limit]
        next_before = shown[-1][0] if len(rows) > limit else None
        return DeliveryPage([delivery for _, delivery in shown], next_before)

    def retry(self, id: UUID, at: datetime, by: Actor = BY_TOCSIN) -> Delivery:
        """Attempt a failed delivery once more, or send a silenced or skipped one.

        Raises NotFound, or Conflict if it is pending, was sent, or has no channel.
        """
        delivery = self.get(id)
        channel = self._channels.find(delivery.channel_id)
        if channel is None:
            raise Conflict("The channel of this delivery was deleted")
        again = (
            update(deliveries)
            .where(deliveries.c.delivery_id == id)
            .where(deliveries.c.status.in_([DeliveryStatus.FAILED, *_HELD_BACK]))
            .values(
                status=DeliveryStatus.PENDING,
                due=cut(at),
                finished_date=None,
                # A message of Tocsin itself has no interaction that its outcome could refer to.
                is_end_recorded=deliveries.c.subscription_id == TOCSIN,
                skip_reason=None,
                held_by=None,
            )
        )
        with self._database.writing() as connection:
            if not connection.execute(again).rowcount:
                raise Conflict(f"This delivery is {delivery.status}: nothing is left to try")
            record(connection, _retried(delivery, channel, cut(at), by))
        return self.get(id)

    def counts(self) -> dict[DeliveryStatus, int]:
        """The number of deliveries with each status."""
        query = select(deliveries.c.status, func.count()).group_by(deliveries.c.status)
        with self._database.reading() as connection:
            counts = {DeliveryStatus(status): count for status, count in connection.execute(query)}
        return {status: counts.get(status, 0) for status in SHOWN}

    def pending_by_channel(self) -> dict[UUID, int]:
        """The number of pending deliveries of each channel."""
        query = (
            select(deliveries.c.channel_id, func.count().label("pending"))
            .where(deliveries.c.status == DeliveryStatus.PENDING)
            .group_by(deliveries.c.channel_id)
        )
        with self._database.reading() as connection:
            counts = {row.channel_id: row.pending for row in connection.execute(query)}
        ids = [channel.channel_id for channel in self._channels.all()]
        return {id: counts.get(id, 0) for id in ids}

    def oldest_pending(self) -> datetime | None:
        """The creation time of the oldest pending delivery; None if none is pending."""
        pending = select(deliveries.c.created_date).where(
            deliveries.c.status == DeliveryStatus.PENDING
        )
        with self._database.reading() as connection:
            oldest = connection.execute(pending.order_by(deliveries.c.number).limit(1))
            return oldest.scalar_one_or_none()

    def drop_before(self, instant: datetime) -> int:
        """Delete deliveries that ended, were silenced or skipped before an instant; returns their
        number."""
        ended = deliveries.c.finished_date < instant
        is_held_back = deliveries.c.status.in_(_HELD_BACK)
        # Those that wait for the end of a silence are kept until then.
        is_decided = deliveries.c.held_by.is_(None)
        held_back = is_held_back & is_decided & (deliveries.c.created_date < instant)
        with self._database.writing() as connection:
            return connection.execute(delete(deliveries).where(ended | held_back)).rowcount

    def _insert(self, connection: Connection, batch: DeliveryBatch, at: datetime) -> None:
        batch.insert(connection)
        counts = {id: len(ids) // ID_BYTES for id, ids in batch.drops.items()}
        self._dropped.count(connection, counts, at)

    def _read(self, query: Select[Any]) -> list[tuple[int, Delivery]]:
        with self._database.reading() as connection:
            rows: Sequence[Row[Any]] = connection.execute(query).all()
            attempts = attempts_of(connection, [row.delivery_id for row in rows])
        read = [(row.number, delivery_of(row, attempts.get(row.delivery_id, ()))) for row in rows]
        return [(number, self._as_due(delivery)) for number, delivery in read]

    def _as_due(self, delivery: Delivery) -> Delivery:
        """A pause of the channel postpones its pending deliveries."""
        channel = self._channels.find(delivery.channel_id)
        if delivery.status is not DeliveryStatus.PENDING or not delivery.due or not channel:
            return delivery
        return replace(delivery, due=channel.next_attempt(delivery.due))


def _retried(delivery: Delivery, channel: Channel, at: datetime, by: Actor) -> AuditEntry:
    return AuditEntry(
        at=at,
        by=by.author,
        action=AuditAction.RETRIED,
        kind=AuditSubject.DELIVERY,
        id=delivery.delivery_id,
        name=channel.spec.name,
        before={"status": delivery.status.value},
        after={"status": DeliveryStatus.PENDING.value},
        changed=("status",),
    )


_SHOWN = select(deliveries).where(deliveries.c.status != DeliveryStatus.STAGED)


def _blocks(ids: Collection[bytes]) -> Iterator[Sequence[UUID]]:
    return blocks([UUID(bytes=id) for id in ids])

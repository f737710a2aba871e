"""The limit of pending deliveries of each channel, the drops beyond it, and messages about them.

A drop is staged like a delivery before its interaction is appended, and counts once that is
recorded.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID, uuid4

import msgspec
import structlog
from sqlalchemy import Connection, delete, func, insert, select, update

from tocsin.model.ceilings import PENDING_DELIVERIES
from tocsin.model.instant import cut
from tocsin.model.notifications.channel import Channel
from tocsin.model.notifications.delivery import TOCSIN, DeliveryStatus
from tocsin.model.notifications.dropped import RESERVED_FOR_ALERTS, Flood, interaction_of
from tocsin.store.channels import Channels
from tocsin.store.database import Database
from tocsin.store.notification_tables import deliveries, dropped_deliveries, staged_drops
from tocsin.store.upsert import insert_of

log = structlog.get_logger()

ID_BYTES = 16
# Staged deliveries become pending within a moment.
_COUNTED = {DeliveryStatus.PENDING: (DeliveryStatus.PENDING, DeliveryStatus.STAGED)}

_Drops = dropped_deliveries.c


class ChannelCapacity:
    """The deliveries of each status that channels may still take, counted at the first use within
    one connection."""

    def __init__(self, connection: Connection, limit: int) -> None:
        self._connection = connection
        self._limit = limit
        self._left: dict[tuple[UUID, DeliveryStatus, bool], int] = {}

    def take(self, channel_id: UUID, status: DeliveryStatus, *, is_held: bool = False) -> bool:
        """Reserve a place for one delivery; False if none is left. Those that wait for the end of
        a silence have places of their own, which former silenced ones do not take."""
        key = channel_id, status, is_held
        left = self._left.get(key)
        if left is None:
            left = self._limit - count_up_to(self._limit, self._connection, *key)
        self._left[key] = max(left - 1, 0)
        return left > 0


def count_up_to(
    limit: int,
    connection: Connection,
    channel_id: UUID,
    status: DeliveryStatus,
    is_held: bool = False,
) -> int:
    """The number of deliveries of a channel with a status; counts no further than the limit."""
    held = [deliveries.c.held_by.is_not(None)] if is_held else []
    matching = select(deliveries.c.number).where(
        deliveries.c.channel_id == channel_id,
        deliveries.c.status.in_(_COUNTED.get(status, (status,))),
        *held,
    )
    counted = select(func.count()).select_from(matching.limit(limit).subquery())
    return connection.execute(counted).scalar_one()


class DroppedDeliveries:
    """`limit` holds for each channel and status."""

    def __init__(
        self, database: Database, channels: Channels, limit: int = PENDING_DELIVERIES
    ) -> None:
        self._database = database
        self._channels = channels
        self.limit = limit

    def alert_capacity(self, connection: Connection) -> ChannelCapacity:
        """The deliveries of transitions that channels may still take."""
        return ChannelCapacity(connection, self.limit + RESERVED_FOR_ALERTS)

    def stage(
        self, connection: Connection, drops: Mapping[UUID, bytes | bytearray], at: datetime
    ) -> None:
        """Write drops of interactions that are about to be appended: by channel the ids of the
        interactions, one for each delivery."""
        rows = [
            {"channel_id": id, "interaction_ids": bytes(ids), "at": cut(at)}
            for id, ids in drops.items()
        ]
        if rows:
            connection.execute(insert(staged_drops), rows)

    def reconcile(
        self, connection: Connection, recorded: Collection[bytes], missing: Collection[bytes]
    ) -> None:
        """Count staged drops of recorded interactions, and delete those of missing ones."""
        for row in connection.execute(select(staged_drops)).all():
            ids = _split(row.interaction_ids)
            undecided = b"".join(id for id in ids if id not in recorded and id not in missing)
            is_row = staged_drops.c.number == row.number
            if undecided:
                changed = update(staged_drops).where(is_row).values(interaction_ids=undecided)
                connection.execute(changed)
            else:
                connection.execute(delete(staged_drops).where(is_row))
            dropped = sum(id in recorded for id in ids)
            self.count(connection, {row.channel_id: dropped}, row.at)

    def staged(self, connection: Connection) -> set[bytes]:
        """The ids of the interactions of staged drops."""
        rows = connection.execute(select(staged_drops.c.interaction_ids)).scalars()
        return {id for ids in rows for id in _split(ids)}

    def count(self, connection: Connection, counts: Mapping[UUID, int], at: datetime) -> None:
        """Add to the counts of dropped deliveries, by channel."""
        for channel_id, count in counts.items():
            if not count:
                continue
            row = insert_of(connection, dropped_deliveries).values(
                channel_id=channel_id, total=count, untold=count, start=cut(at), latest=cut(at)
            )
            added = row.on_conflict_do_update(
                index_elements=["channel_id"],
                set_={
                    "total": _Drops.total + count,
                    "untold": _Drops.untold + count,
                    "start": func.coalesce(_Drops.start, row.excluded.start),
                    "latest": row.excluded.latest,
                },
            ).returning(_Drops.untold)
            if connection.execute(added).scalar_one() == count:
                log.warning(
                    "deliveries dropped",
                    reason="the channel reached its limit of pending deliveries",
                    channel=str(channel_id),
                    limit=self.limit,
                    setting="TOCSIN_MAX_PENDING_DELIVERIES",
                )

    def total(self) -> int:
        """The number of deliveries that were ever dropped."""
        with self._database.reading() as connection:
            return connection.execute(select(func.sum(_Drops.total))).scalar_one() or 0

    def announce(self, at: datetime) -> None:
        """Add one message for each flood that is over or goes on for long, in enabled channels."""
        with self._database.reading() as connection:
            due = [flood for flood in _floods(connection) if self._is_due(connection, flood, at)]
        for flood in due:
            channel = self._channels.find(flood.channel_id)
            if channel:
                with self._database.writing() as connection:
                    self._announce(connection, channel, at)

    def _is_due(self, connection: Connection, flood: Flood, at: datetime) -> bool:
        channel = self._channels.find(flood.channel_id)
        if channel is None or not channel.spec.enabled:
            return False
        pending = count_up_to(self.limit, connection, flood.channel_id, DeliveryStatus.PENDING)
        return flood.is_due(pending, self.limit, at)

    def _announce(self, connection: Connection, channel: Channel, at: datetime) -> None:
        """Reads the flood again, because it may have grown since."""
        is_of_channel = _Drops.channel_id == channel.channel_id
        for flood in _floods(connection):
            if flood.channel_id == channel.channel_id:
                connection.execute(insert(deliveries), _message(flood, channel, self.limit, at))
        announced = update(dropped_deliveries).where(is_of_channel)
        connection.execute(announced.values(untold=0, start=None))


def _floods(connection: Connection) -> list[Flood]:
    query = select(_Drops.channel_id, _Drops.untold, _Drops.start, _Drops.latest)
    return [Flood(*row) for row in connection.execute(query.where(_Drops.untold > 0)).all()]


def _message(flood: Flood, channel: Channel, limit: int, at: datetime) -> dict[str, object]:
    interaction = interaction_of(flood, channel.spec.name, limit, at)
    return {
        "delivery_id": uuid4(),
        "subscription_id": TOCSIN,
        "channel_id": channel.channel_id,
        "interaction_id": UUID(interaction["interactionId"]),
        "snapshot": msgspec.json.encode(interaction).decode(),
        "status": DeliveryStatus.PENDING,
        "tries": 0,
        "due": cut(at),
        # Its outcome is not recorded: there is no interaction that it could refer to.
        "is_end_recorded": True,
        "created_date": cut(at),
    }


def _split(ids: bytes) -> list[bytes]:
    return [ids[start : start + ID_BYTES] for start in range(0, len(ids), ID_BYTES)]

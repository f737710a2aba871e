"""Who is to be told of what, and what became of it.

`enqueue` writes in the transaction of whoever decides that something happened. What happens in
the engine has no transaction in common with this file: it is staged here before, and `settle`d
once it is known to be on disk there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, case, delete, func, select, update

from tocsin.errors import Conflict, NotFound
from tocsin.model.instant import cut
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.notifications.delivery import SHOWN, TOCSIN, Delivery, Page, Status
from tocsin.model.notifications.dropped import RESERVED_FOR_ALERTS
from tocsin.store.channels import Channels
from tocsin.store.database import Database
from tocsin.store.delivery_rows import attempts_of, delivery_of
from tocsin.store.dropped_deliveries import ID_BYTES, DroppedDeliveries, Room
from tocsin.store.new_deliveries import NewDeliveries
from tocsin.store.tables import deliveries

KEPT = timedelta(days=30)
"""How long a delivery that has ended, was silenced or skipped is kept."""

_AT_ONCE = 10_000
_HELD_BACK = (Status.SILENCED, Status.SKIPPED)


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

    def enqueue(
        self,
        connection: Connection,
        interactions: Iterable[Interaction],
        at: datetime,
        labels: Mapping[str, str] = {},
    ) -> None:
        """In the caller's transaction, deliver transitions of an alert with these labels: one
        delivery for each enabled subscription that matches each of them, as far as the channels
        have room."""
        room = Room(connection, self._dropped.limit + RESERVED_FOR_ALERTS)
        made = self._new.of_transitions(interactions, labels, room, at)
        made.insert(connection)
        counts = {id: len(ids) // ID_BYTES for id, ids in made.drops.items()}
        self._dropped.count(connection, counts, at)

    def stage(self, interactions: Iterable[Interaction], at: datetime) -> None:
        """Write what is to be delivered once these interactions are known to be on disk, as far as
        the channels have room."""
        # Nobody else stages, so the room can be counted before the write lock is taken.
        with self._database.reading() as connection:
            room = Room(connection, self._dropped.limit)
            made = self._new.staged(interactions, room, at)
        if made.rows or made.drops:
            with self._database.writing() as connection:
                made.insert(connection)
                self._dropped.stage(connection, made.drops, at)

    def reconcile(self, on_disk: Collection[bytes], missing: Collection[bytes]) -> None:
        """What is staged for interactions on disk becomes pending, or skipped where there is a
        reason to, or counts as dropped; for those missing it goes."""
        staged = deliveries.c.status == Status.STAGED
        is_skipped = deliveries.c.skip_reason.is_not(None)
        status = case((is_skipped, Status.SKIPPED), else_=Status.PENDING)
        told = update(deliveries).where(staged).values(status=status)
        with self._database.writing() as connection:
            for ids in _portions(on_disk):
                connection.execute(told.where(deliveries.c.interaction_id.in_(ids)))
            for ids in _portions(missing):
                gone = delete(deliveries).where(staged, deliveries.c.interaction_id.in_(ids))
                connection.execute(gone)
            self._dropped.reconcile(connection, on_disk, missing)

    def staged(self) -> set[bytes]:
        """The interactions whose deliveries are staged."""
        ids = select(deliveries.c.interaction_id).where(deliveries.c.status == Status.STAGED)
        with self._database.reading() as connection:
            of_deliveries = {id.bytes for id in connection.execute(ids).scalars()}
            return of_deliveries | self._dropped.staged(connection)

    def get(self, id: UUID) -> Delivery:
        """Raises NotFound."""
        found = self._read(_SHOWN.where(deliveries.c.delivery_id == id))
        if not found:
            raise NotFound("There is no delivery with this id")
        return found[0][1]

    def page(
        self,
        limit: int,
        *,
        before: int | None = None,
        status: Status | None = None,
        channel_id: UUID | None = None,
        silence_id: UUID | None = None,
    ) -> Page:
        """At most `limit` deliveries with their attempts, the last made first."""
        asked = {"status": status, "channel_id": channel_id, "silence_id": silence_id}
        query = _SHOWN.where(
            *(deliveries.c[name] == value for name, value in asked.items() if value is not None)
        )
        if before is not None:
            query = query.where(deliveries.c.number < before)
        found = self._read(query.order_by(deliveries.c.number.desc()).limit(limit + 1))
        shown = found[:limit]
        return Page([one for _, one in shown], shown[-1][0] if len(found) > limit else None)

    def retry(self, id: UUID, at: datetime) -> Delivery:
        """Try once more what has failed, or send what was silenced or skipped.

        Raises NotFound, or Conflict for one that is pending, was sent, or has no channel.
        """
        delivery = self.get(id)
        if self._channels.find(delivery.channel_id) is None:
            raise Conflict("The channel of this delivery was deleted")
        again = (
            update(deliveries)
            .where(deliveries.c.delivery_id == id)
            .where(deliveries.c.status.in_([Status.FAILED, *_HELD_BACK]))
            .values(
                status=Status.PENDING,
                due=cut(at),
                finished_date=None,
                # A message of Tocsin itself has no interaction that its end could refer to.
                is_end_recorded=deliveries.c.subscription_id == TOCSIN,
                skip_reason=None,
            )
        )
        with self._database.writing() as connection:
            if not connection.execute(again).rowcount:
                raise Conflict(f"This delivery is {delivery.status}: nothing is left to try")
        return self.get(id)

    def counts(self) -> dict[Status, int]:
        """How many deliveries have each status."""
        query = select(deliveries.c.status, func.count()).group_by(deliveries.c.status)
        with self._database.reading() as connection:
            found = {Status(status): count for status, count in connection.execute(query)}
        return {status: found.get(status, 0) for status in SHOWN}

    def pending_by_channel(self) -> dict[UUID, int]:
        """How many deliveries are pending in each channel that there is."""
        query = (
            select(deliveries.c.channel_id, func.count())
            .where(deliveries.c.status == Status.PENDING)
            .group_by(deliveries.c.channel_id)
        )
        with self._database.reading() as connection:
            counts: dict[UUID, int] = dict(connection.execute(query).tuples().all())
        ids = [channel.channel_id for channel in self._channels.all()]
        return {id: counts.get(id, 0) for id in ids}

    def oldest_pending(self) -> datetime | None:
        """When the oldest delivery that is still pending was made, if there is one."""
        pending = select(deliveries.c.created_date).where(deliveries.c.status == Status.PENDING)
        with self._database.reading() as connection:
            oldest = connection.execute(pending.order_by(deliveries.c.number).limit(1))
            return oldest.scalar_one_or_none()

    def drop_before(self, instant: datetime) -> int:
        """Forget deliveries that ended, were silenced or skipped before an instant; answers how
        many."""
        ended = deliveries.c.finished_date < instant
        is_held_back = deliveries.c.status.in_(_HELD_BACK)
        held_back = is_held_back & (deliveries.c.created_date < instant)
        with self._database.writing() as connection:
            return connection.execute(delete(deliveries).where(ended | held_back)).rowcount

    def _read(self, query: Select[Any]) -> list[tuple[int, Delivery]]:
        with self._database.reading() as connection:
            rows: Sequence[Row[Any]] = connection.execute(query).all()
            tried = attempts_of(connection, [row.delivery_id for row in rows])
        found = [(row.number, delivery_of(row, tried.get(row.delivery_id, ()))) for row in rows]
        return [(number, self._as_due(delivery)) for number, delivery in found]

    def _as_due(self, delivery: Delivery) -> Delivery:
        """A rest of the channel postpones what is pending in it."""
        channel = self._channels.find(delivery.channel_id)
        if delivery.status is not Status.PENDING or not delivery.due or not channel:
            return delivery
        return replace(delivery, due=channel.next_attempt(delivery.due))


_SHOWN = select(deliveries).where(deliveries.c.status != Status.STAGED)


def _portions(ids: Collection[bytes]) -> Iterator[list[UUID]]:
    """SQLite takes 32,766 values in a statement, and not more."""
    listed = [UUID(bytes=id) for id in ids]
    for start in range(0, len(listed), _AT_ONCE):
        yield listed[start : start + _AT_ONCE]

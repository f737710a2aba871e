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

import msgspec
from sqlalchemy import Connection, Row, Select, case, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from tocsin.errors import Conflict, NotFound
from tocsin.model.catalog import Kind, system_id
from tocsin.model.channel import Channel
from tocsin.model.delivery import SHOWN, Delivery, Page, Status, delivery_id
from tocsin.model.instant import cut
from tocsin.model.interaction import Interaction
from tocsin.model.snapshot import Mnemonics, snapshot
from tocsin.model.subscription import Subscription
from tocsin.store.channels import Channels
from tocsin.store.database import Database
from tocsin.store.delivery_rows import attempts_of, delivery_of
from tocsin.store.silences import Silences
from tocsin.store.subscriptions import Subscriptions
from tocsin.store.tables import deliveries

KEPT = timedelta(days=30)
"""How long a delivery that has ended, was silenced or skipped is kept."""

_NOTIFY = system_id(Kind.ORIGIN, "NOTIFY").bytes
_AT_ONCE = 10_000
_HELD_BACK = (Status.SILENCED, Status.SKIPPED)


class Deliveries:
    def __init__(
        self,
        database: Database,
        catalog: Mnemonics,
        channels: Channels,
        subscriptions: Subscriptions,
        silences: Silences,
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._channels = channels
        self._subscriptions = subscriptions
        self._silences = silences

    def enqueue(
        self,
        connection: Connection,
        interactions: Iterable[Interaction],
        at: datetime,
        labels: Mapping[str, str] = {},
    ) -> None:
        """In the caller's transaction, deliver transitions of an alert with these labels: one
        delivery for each enabled subscription that matches each of them."""
        rows = [
            {**row, **_first_status(row["skip_reason"], silence)}
            for interaction in interactions
            if (rows := self._rows(interaction, at))
            for silence in [self._silence(interaction, labels, at)]
            for row in rows
        ]
        _insert(connection, rows)

    def stage(self, interactions: Iterable[Interaction], at: datetime) -> None:
        """Write what is to be delivered once these interactions are known to be on disk."""
        rows = [row for interaction in interactions for row in self._rows(interaction, at)]
        if rows:
            with self._database.writing() as connection:
                _insert(connection, rows)

    def wanted(self, interactions: Iterable[Interaction]) -> list[Interaction]:
        """Those of the interactions that somebody is to be told of; reads memory only."""
        topics = self._subscriptions.topics
        if not topics:
            return []
        return [
            one
            for one in interactions
            if (one.resource_type_id, one.action_id) in topics
            and one.origin_id != _NOTIFY
            and not (one.is_told or one.is_imported)
            and any(self._matching(one))
        ]

    def settle(self, on_disk: Collection[bytes], missing: Collection[bytes]) -> None:
        """What is staged for interactions on disk becomes pending, or skipped where there is a
        reason to; for those missing it goes."""
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

    def staged(self) -> set[bytes]:
        """The interactions whose deliveries are staged."""
        ids = select(deliveries.c.interaction_id).where(deliveries.c.status == Status.STAGED)
        with self._database.reading() as connection:
            return {id.bytes for id in connection.execute(ids).scalars()}

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
                is_end_recorded=False,
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

    def _rows(self, interaction: Interaction, at: datetime) -> list[dict[str, Any]]:
        matching = list(self._matching(interaction))
        if not matching:
            return []
        shown = msgspec.json.encode(snapshot(interaction, self._catalog)).decode()
        return [
            {
                "delivery_id": delivery_id(one.subscription_id, interaction.interaction_id),
                "subscription_id": one.subscription_id,
                "channel_id": one.channel_id,
                "interaction_id": UUID(bytes=interaction.interaction_id),
                "snapshot": shown,
                "title_template": one.template.title,
                "body_template": one.template.body,
                "status": Status.STAGED,
                "tries": 0,
                "due": at,
                "is_end_recorded": False,
                "created_date": at,
                "skip_reason": channel.skip_reason,
            }
            for one, channel in matching
        ]

    def _matching(self, interaction: Interaction) -> Iterator[tuple[Subscription, Channel]]:
        topic = interaction.resource_type_id, interaction.action_id
        for one in self._subscriptions.topics.get(topic, ()):
            if one.origin_id is not None and one.origin_id.bytes != interaction.origin_id:
                continue
            channel = self._channels.find(one.channel_id)
            if channel:
                yield one, channel

    def _silence(
        self, interaction: Interaction, labels: Mapping[str, str], at: datetime
    ) -> UUID | None:
        return self._silences.holding_back(msgspec.json.decode(interaction.payload), labels, at)


_SHOWN = select(deliveries).where(deliveries.c.status != Status.STAGED)


def _first_status(skip_reason: str | None, silence_id: UUID | None) -> dict[str, Any]:
    """The members of a new delivery of a transition; a silence goes before a disabled channel, so
    that what it held back is complete."""
    if silence_id:
        return {"status": Status.SILENCED, "silence_id": silence_id, "skip_reason": None}
    status = Status.SKIPPED if skip_reason else Status.PENDING
    return {"status": status, "silence_id": None, "skip_reason": skip_reason}


def _insert(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """What is there already, by its id, stays as it is."""
    if rows:
        connection.execute(insert(deliveries).on_conflict_do_nothing(["delivery_id"]), rows)


def _portions(ids: Collection[bytes]) -> Iterator[list[UUID]]:
    """SQLite takes 32,766 values in a statement, and not more."""
    listed = [UUID(bytes=id) for id in ids]
    for start in range(0, len(listed), _AT_ONCE):
        yield listed[start : start + _AT_ONCE]

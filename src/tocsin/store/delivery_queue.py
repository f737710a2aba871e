"""Which deliveries are due, whose are they for now, and how did they end?

A delivery is claimed by a conditional update, for as long as a try may take at most: whoever
dies with a claim loses it, and two workers never hold the same one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, insert, select, update

from tocsin.model.instant import cut
from tocsin.model.notifications.delivery import CompletedAttempt, Delivery, Status
from tocsin.store.database import Database
from tocsin.store.delivery_rows import attempt_row, attempts_of, delivery_of
from tocsin.store.tables import attempts, deliveries

CLAIM = timedelta(seconds=60)

_Columns = deliveries.c


class DeliveryQueue:
    def __init__(self, database: Database) -> None:
        self._database = database

    def release_all(self) -> None:
        """Give up every claim: of a process that owned the store before, and died."""
        held = update(deliveries).where(_Columns.claimed_until.is_not(None))
        with self._database.writing() as connection:
            connection.execute(held.values(claimed_until=None))

    def claim(self, room: Mapping[UUID, int], at: datetime) -> list[Delivery]:
        """Claim what is due, for each channel at most as many as there is room for."""
        if not room or not self._is_any_due(room, at):
            return []
        with self._database.writing() as connection:
            return [
                delivery
                for channel_id, count in room.items()
                for delivery in _claim(connection, channel_id, count, at)
            ]

    def finish(self, tries: Sequence[CompletedAttempt]) -> None:
        """Keep the attempts, and what each makes of its delivery; on disk when this returns."""
        with self._database.writing() as connection:
            connection.execute(
                insert(attempts), [attempt_row(t.delivery.delivery_id, t.attempt) for t in tries]
            )
            for one in tries:
                connection.execute(_finished(one))

    def ended(self, limit: int) -> list[Delivery]:
        """Deliveries that have ended, and whose end is not known to be recorded."""
        query = select(deliveries).where(_ENDED).order_by(_Columns.number).limit(limit)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
            tried = attempts_of(connection, [row.delivery_id for row in rows])
        return [delivery_of(row, tried.get(row.delivery_id, ())) for row in rows]

    def mark_recorded(self, ids: Sequence[UUID]) -> None:
        """The ends of these deliveries are on disk as interactions."""
        noted = update(deliveries).where(_Columns.delivery_id.in_(ids), _ENDED)
        with self._database.writing() as connection:
            connection.execute(noted.values(is_end_recorded=True))

    def _is_any_due(self, channels: Iterable[UUID], at: datetime) -> bool:
        """Asked for nearly always in vain, so it does not take the write lock."""
        mine = _Columns.channel_id.in_(channels)
        with self._database.reading() as connection:
            due = select(_Columns.number).where(*_claimable(at), mine).limit(1)
            return connection.execute(due).first() is not None


_ENDED = _Columns.finished_date.is_not(None) & _Columns.is_end_recorded.is_(False)


def _claimable(at: datetime) -> tuple[ColumnElement[bool], ...]:
    free = _Columns.claimed_until.is_(None) | (_Columns.claimed_until <= at)
    return _Columns.status == Status.PENDING, _Columns.due <= at, free


def _claim(connection: Connection, channel_id: UUID, count: int, at: datetime) -> list[Delivery]:
    mine = select(_Columns.number).where(*_claimable(at), _Columns.channel_id == channel_id)
    claimed = (
        update(deliveries)
        .where(_Columns.number.in_(mine.order_by(_Columns.due).limit(count)), *_claimable(at))
        .values(claimed_until=at + CLAIM)
        .returning(*deliveries.columns)
    )
    return [delivery_of(row) for row in connection.execute(claimed).all()]


def _finished(one: CompletedAttempt) -> Any:
    """Only of one that is still pending: its channel may have been deleted meanwhile."""
    is_over = one.next_step.status is not Status.PENDING
    return (
        update(deliveries)
        .where(_Columns.delivery_id == one.delivery.delivery_id)
        .where(_Columns.status == Status.PENDING)
        .values(
            status=one.next_step.status,
            tries=one.delivery.tries + 1,
            due=one.next_step.retry_at,
            claimed_until=None,
            finished_date=cut(one.attempt.at + one.attempt.duration) if is_over else None,
        )
    )

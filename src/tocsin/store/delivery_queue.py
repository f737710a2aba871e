"""The queue of deliveries that are due: workers claim them and save the results.

A conditional update claims a delivery, for the longest time that an attempt may take. So two
workers never hold the same delivery, and the claims of a worker that died expire. Only the leader
claims; the result of a claim that has expired, and was taken by the next leader, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, insert, select, update

from tocsin.model.instant import cut
from tocsin.model.notifications.delivery import Delivery, DeliveryStatus
from tocsin.model.notifications.retries import CompletedAttempt
from tocsin.store.database import Database
from tocsin.store.delivery_rows import attempt_row, attempts_of, delivery_of
from tocsin.store.fencing import NO_FENCE, Fence
from tocsin.store.notification_tables import attempts, deliveries

CLAIM = timedelta(seconds=60)
"""The validity of a claim."""

_Columns = deliveries.c


class DeliveryQueue:
    def __init__(self, database: Database, fence: Fence = NO_FENCE) -> None:
        self._database = database
        self._fence = fence

    def release_all(self) -> None:
        """Release every claim. They belong to an earlier process, which died. Raises Deposed or
        Unavailable."""
        claimed = update(deliveries).where(_Columns.claimed_until.is_not(None))
        with self._database.writing() as connection:
            self._fence.check(connection)
            connection.execute(claimed.values(claimed_until=None))

    def claim(self, free_slots: Mapping[UUID, int], at: datetime) -> list[Delivery]:
        """Claim deliveries that are due, for each channel at most as many as it has free slots.
        Raises Deposed or Unavailable."""
        if not free_slots or not self._is_any_due(free_slots, at):
            return []
        with self._database.writing() as connection:
            self._fence.check(connection)
            return [
                delivery
                for channel_id, count in free_slots.items()
                for delivery in _claim(connection, channel_id, count, at)
            ]

    def finish(self, completed: Sequence[CompletedAttempt]) -> None:
        """Save attempts, and the next steps of the deliveries whose claims they still have; on disk
        when this returns."""
        rows = [
            attempt_row(each.delivery.delivery_id, each.attempt)
            for each in completed
            if each.next_step.status is not DeliveryStatus.SKIPPED
        ]
        with self._database.writing() as connection:
            if rows:
                connection.execute(insert(attempts), rows)
            for each in completed:
                connection.execute(_next_step_of(each))

    def unrecorded(self, limit: int) -> list[Delivery]:
        """At most `limit` deliveries that ended without a recorded outcome, oldest first."""
        query = select(deliveries).where(_UNRECORDED).order_by(_Columns.number).limit(limit)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
            by_delivery = attempts_of(connection, [row.delivery_id for row in rows])
        return [delivery_of(row, by_delivery.get(row.delivery_id, ())) for row in rows]

    def mark_recorded(self, ids: Sequence[UUID]) -> None:
        """The outcomes of these deliveries are recorded as interactions."""
        recorded = update(deliveries).where(_Columns.delivery_id.in_(ids), _UNRECORDED)
        with self._database.writing() as connection:
            connection.execute(recorded.values(is_end_recorded=True))

    def _is_any_due(self, channels: Iterable[UUID], at: datetime) -> bool:
        """The answer is nearly always no, so it does not take the write lock."""
        is_of_channels = _Columns.channel_id.in_(channels)
        with self._database.reading() as connection:
            due = select(_Columns.number).where(*_claimable(at), is_of_channels).limit(1)
            return connection.execute(due).first() is not None


_UNRECORDED = _Columns.finished_date.is_not(None) & _Columns.is_end_recorded.is_(False)


def _claimable(at: datetime) -> tuple[ColumnElement[bool], ...]:
    is_free = _Columns.claimed_until.is_(None) | (_Columns.claimed_until <= at)
    return _Columns.status == DeliveryStatus.PENDING, _Columns.due <= at, is_free


def _claim(connection: Connection, channel_id: UUID, count: int, at: datetime) -> list[Delivery]:
    due = select(_Columns.number).where(*_claimable(at), _Columns.channel_id == channel_id)
    claimed = (
        update(deliveries)
        .where(_Columns.number.in_(due.order_by(_Columns.due).limit(count)), *_claimable(at))
        .values(claimed_until=at + CLAIM)
        .returning(*deliveries.columns)
    )
    return [delivery_of(row) for row in connection.execute(claimed).all()]


def _next_step_of(completed: CompletedAttempt) -> Any:
    """Changes a pending delivery only, because its channel may have been deleted meanwhile, which
    fails it; and only while the claim is that of the attempt."""
    attempt, step = completed.attempt, completed.next_step
    is_skipped = step.status is DeliveryStatus.SKIPPED
    is_over = step.status is not DeliveryStatus.PENDING and not is_skipped
    return (
        update(deliveries)
        .where(_Columns.delivery_id == completed.delivery.delivery_id)
        .where(_Columns.status == DeliveryStatus.PENDING)
        .where(_Columns.claimed_until == completed.delivery.claimed_until)
        .values(
            status=step.status,
            tries=completed.delivery.tries + (not is_skipped),
            due=step.retry_at,
            skip_reason=attempt.result.skip_reason,
            claimed_until=None,
            finished_date=cut(attempt.at + attempt.duration) if is_over else None,
        )
    )

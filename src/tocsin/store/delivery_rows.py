"""Converts rows to deliveries and attempts, and attempts to rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from tocsin.model.instant import MILLISECOND, cut
from tocsin.model.interactions.snapshot import readable_snapshot
from tocsin.model.notifications.delivery import Attempt, Delivery, DeliveryStatus, SendResult
from tocsin.model.notifications.subscription import Template
from tocsin.store.notification_tables import attempts


def delivery_of(row: Row[Any], completed: Sequence[Attempt] = ()) -> Delivery:
    return Delivery(
        delivery_id=row.delivery_id,
        subscription_id=row.subscription_id,
        channel_id=row.channel_id,
        interaction_id=row.interaction_id,
        status=DeliveryStatus(row.status),
        snapshot=readable_snapshot(row.snapshot),
        template=Template(title=row.title_template, body=row.body_template),
        silence_id=row.silence_id,
        tries=row.tries,
        due=row.due,
        created_date=row.created_date,
        finished_date=row.finished_date,
        skip_reason=row.skip_reason,
        attempts=tuple(completed),
        claimed_until=row.claimed_until,
    )


def attempts_of(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, list[Attempt]]:
    """The attempts of each of the deliveries, oldest first."""
    query = select(attempts).where(attempts.c.delivery_id.in_(ids)).order_by(attempts.c.number)
    by_delivery: dict[UUID, list[Attempt]] = {}
    for row in connection.execute(query):
        result = SendResult(row.error, row.http_status)
        attempt = Attempt(row.at, result, row.duration_ms * MILLISECOND)
        by_delivery.setdefault(row.delivery_id, []).append(attempt)
    return by_delivery


def attempt_row(delivery_id: UUID, attempt: Attempt) -> dict[str, Any]:
    return {
        "delivery_id": delivery_id,
        "at": cut(attempt.at),
        "http_status": attempt.result.http_status,
        "error": attempt.result.error,
        "duration_ms": attempt.duration // MILLISECOND,
    }

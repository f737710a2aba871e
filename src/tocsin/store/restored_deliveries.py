"""Deliveries in a store that was restored from a backup."""

from __future__ import annotations

from sqlalchemy import update

from tocsin.model.notifications.delivery import DeliveryStatus
from tocsin.store.database import Database
from tocsin.store.tables import deliveries

_UNSENT = (DeliveryStatus.STAGED, DeliveryStatus.PENDING)


def end_unsent(database: Database, reason: str) -> int:
    """Skip the deliveries that were not sent yet; returns their number. Each can be retried."""
    # No interaction records the end: it would be another fact than what happened.
    skipped = (
        update(deliveries)
        .where(deliveries.c.status.in_(_UNSENT))
        .values(status=DeliveryStatus.SKIPPED, skip_reason=reason, is_end_recorded=True)
    )
    with database.writing() as connection:
        return connection.execute(skipped).rowcount

"""Deliveries in a store that was restored from a backup."""

from __future__ import annotations

from sqlalchemy import update

from tocsin.model.notifications.delivery import DeliveryStatus
from tocsin.store.database import Database
from tocsin.store.tables import deliveries

_UNSENT = (DeliveryStatus.STAGED, DeliveryStatus.PENDING)


def end_unsent(database: Database, reason: str) -> int:
    """Skip the deliveries that were not sent yet; returns their number. Those that wait for the
    end of a silence stay silenced. Each can be retried."""
    # No interaction records the end: it would be another fact than what happened.
    skipped = (
        update(deliveries)
        .where(deliveries.c.status.in_(_UNSENT))
        .values(status=DeliveryStatus.SKIPPED, skip_reason=reason, is_end_recorded=True)
    )
    # The end of a silence would send deliveries as old as the backup.
    released = update(deliveries).where(deliveries.c.held_by.is_not(None)).values(held_by=None)
    with database.writing() as connection:
        connection.execute(released)
        return connection.execute(skipped).rowcount

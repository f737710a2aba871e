"""Deliveries in a store that was restored from a backup."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, delete, update

from tocsin.model.notifications.delivery import DeliveryStatus
from tocsin.store.database import Database
from tocsin.store.notification_tables import bundle_groups, bundles, deliveries

_REMIND_AFTER = timedelta(hours=1)
"""The shortest interval of reminders."""

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
        _end_bundles(connection)
        return connection.execute(skipped).rowcount


def _end_bundles(connection: Connection) -> None:
    """Forget what open bundles hold, which may have been sent since. Groups that fire stay known,
    so that their recoveries are reported; reminders of them begin later, when alerts have been
    evaluated again."""
    groups, reported = bundle_groups.c, {"is_held": False, "has_fired": False}
    connection.execute(delete(bundle_groups).where(groups.is_firing.is_(False)))
    connection.execute(update(bundle_groups).values(**reported, silenced_by=None))
    connection.execute(update(bundles).values(opened_at=None, closes_at=None))
    later = update(bundles).where(bundles.c.remind_at.is_not(None))
    connection.execute(later.values(remind_at=datetime.now(UTC) + _REMIND_AFTER))

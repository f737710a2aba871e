"""Closes bundles and sends reminders that are due, each in one transaction with its delivery."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, bindparam, delete, or_, select, update

from tocsin.model.instant import cut
from tocsin.model.notifications.bundle_payload import BundleKind, BundleMessage
from tocsin.model.notifications.bundles import BundleEntry, BundleWindow
from tocsin.model.notifications.grouping import Grouping
from tocsin.model.notifications.subscription import Subscription
from tocsin.store.blocks import blocks
from tocsin.store.bundle_collection import Windows
from tocsin.store.bundle_deliveries import BundleDeliveries
from tocsin.store.bundle_rows import (
    BundleRow,
    StoredGroup,
    entries_where,
    rows_where,
    write_entries,
    write_windows,
)
from tocsin.store.notification_tables import bundle_groups, bundles
from tocsin.store.tables import transitions
from tocsin.store.transition_rows import transition_of


class BundleCloser:
    def __init__(self, deliveries: BundleDeliveries) -> None:
        self._deliveries = deliveries

    def settle(
        self,
        connection: Connection,
        subscription: Subscription,
        at: datetime,
        limit: int | None = None,
    ) -> int:
        """Close the bundles and send the reminders of a subscription that are due at `at`, of at
        most `limit` keys; returns the number of keys."""
        is_own = bundles.c.subscription_id == subscription.subscription_id
        rows = rows_where(connection, is_own, _is_due(at), limit=limit)
        for row in rows:
            while row.window.due and row.window.due <= at:
                row = self._settled(connection, subscription, row, at)
        return len(rows)

    def change(
        self,
        connection: Connection,
        former: Subscription,
        subscription: Subscription | None,
        at: datetime,
    ) -> None:
        """Adapt to a subscription that is replaced, or deleted. Bundles that are open close now if
        it is disabled or deleted, or if it groups by something else; then the groups that fire get
        new keys. Other changes apply to open bundles."""
        if former.grouping is None:
            return
        at = cut(at)
        self.settle(connection, former, at)
        grouping = subscription.grouping if subscription and subscription.enabled else None
        if grouping is None or grouping.by != former.grouping.by:
            self._close_all(connection, former, at)
            self._move(connection, former, grouping, at)
        elif grouping.repeat != former.grouping.repeat:
            self._reschedule(connection, former, grouping, at)

    def release(
        self, connection: Connection, subscription: Subscription, silence_id: UUID, at: datetime
    ) -> None:
        """Put the groups that a silence held back, and that no other silence matches now, into
        bundles that open at `at`."""
        grouping, id = subscription.grouping, subscription.subscription_id
        assert grouping
        columns = bundle_groups.c
        is_silenced = (columns.subscription_id == id) & (columns.silenced_by == silence_id)
        entries = entries_where(connection, is_silenced, columns.is_firing)
        silencing = self._deliveries.silencing(connection, list(entries.values()), at)
        connection.execute(update(bundle_groups).where(is_silenced).values(silenced_by=None))
        windows, released = Windows(connection, id, grouping), {}
        windows.read({entry.key for entry in entries.values()})
        for (_, group), entry in entries.items():
            if silencing.get(entry.fired_id) is None:
                released[group] = replace(entry, is_held=True, has_fired=True)
                windows.open(entry.key, at)
        windows.write()
        write_entries(connection, id, released)
        still = [(entry, silencing.get(entry.fired_id)) for entry in entries.values()]
        _write_silences(connection, id, [(e.fired_id, silence) for e, silence in still if silence])

    def _settled(
        self, connection: Connection, subscription: Subscription, row: BundleRow, at: datetime
    ) -> BundleRow:
        if row.window.is_closing:
            return self._closed(connection, subscription, row)
        grouping = subscription.grouping
        assert grouping
        assert row.window.remind_at
        entries = _entries_of(connection, row).values()
        reported = [entry for entry in entries if entry.is_firing and not entry.is_held]
        window = row.window
        if grouping.repeat and reported:
            sent_at = window.last_reminder(at, grouping.repeat)
            kind = BundleKind.REMINDER
            self._send(connection, subscription, row, kind, reported, entries, sent_at)
        after = window.reminded(at, grouping.repeat, is_any_reported=bool(reported))
        return self._written(connection, row, after)

    def _closed(
        self, connection: Connection, subscription: Subscription, row: BundleRow
    ) -> BundleRow:
        grouping, at = subscription.grouping, row.window.closes_at
        assert grouping
        assert at
        entries = _entries_of(connection, row).values()
        held = [entry for entry in entries if entry.is_held]
        silenced = self._send(connection, subscription, row, BundleKind.BUNDLE, held, entries, at)
        pairs = [(entry.fired_id, id) for id, entries in silenced.items() for entry in entries]
        _write_silences(connection, subscription.subscription_id, pairs)
        is_held = (bundle_groups.c.bundle_id == row.bundle_id) & bundle_groups.c.is_held
        connection.execute(delete(bundle_groups).where(is_held, ~bundle_groups.c.is_firing))
        reported = update(bundle_groups).where(is_held)
        connection.execute(reported.values(is_held=False, has_fired=False, recovered_id=None))
        is_any_firing = any(entry.is_firing for entry in entries)
        window = row.window.closed(grouping.repeat, is_any_firing=is_any_firing)
        return self._written(connection, row, window)

    def _send(
        self,
        connection: Connection,
        subscription: Subscription,
        row: BundleRow,
        kind: BundleKind,
        reported: list[BundleEntry],
        entries: Iterable[BundleEntry],
        at: datetime,
    ) -> Mapping[UUID, Sequence[BundleEntry]]:
        """Add the delivery of a message; returns its silenced entries by silence."""
        grouping = subscription.grouping
        assert grouping
        message = BundleMessage(
            kind=kind,
            bundle_id=row.bundle_id,
            subscription_id=subscription.subscription_id,
            grouping=grouping,
            key=row.key,
            entries=reported,
            firing=sum(entry.is_firing for entry in entries),
            at=at,
            opened_at=row.window.opened_at if kind is BundleKind.BUNDLE else None,
        )
        return self._deliveries.add(connection, subscription, message)

    def _written(self, connection: Connection, row: BundleRow, window: BundleWindow) -> BundleRow:
        changed = replace(row, window=window)
        write_windows(connection, [changed])
        return changed

    def _close_all(self, connection: Connection, subscription: Subscription, at: datetime) -> None:
        is_own = bundles.c.subscription_id == subscription.subscription_id
        for row in rows_where(connection, is_own, bundles.c.closes_at.is_not(None)):
            early = replace(row, window=replace(row.window, closes_at=at))
            self._closed(connection, subscription, early)

    def _move(
        self,
        connection: Connection,
        former: Subscription,
        grouping: Grouping | None,
        at: datetime,
    ) -> None:
        """Give the groups that fire their keys of another grouping, or forget them."""
        id = former.subscription_id
        entries = entries_where(connection, bundle_groups.c.subscription_id == id)
        connection.execute(delete(bundle_groups).where(bundle_groups.c.subscription_id == id))
        connection.execute(delete(bundles).where(bundles.c.subscription_id == id))
        if grouping is None:
            return
        known = _keys(connection, entries, grouping)
        moved = {
            group: replace(entry, key=key)
            for (_, group), entry in entries.items()
            if (key := known.get(entry.fired_id)) is not None
        }
        window = BundleWindow().reported(at, grouping.repeat)
        keys = {entry.key: BundleRow(id, entry.key, window) for entry in moved.values()}
        write_windows(connection, list(keys.values()))
        write_entries(connection, id, moved)

    def _reschedule(
        self, connection: Connection, former: Subscription, grouping: Grouping, at: datetime
    ) -> None:
        """Count reminders from now on."""
        id = former.subscription_id
        for row in rows_where(connection, bundles.c.subscription_id == id):
            entries = _entries_of(connection, row).values()
            if any(entry.is_firing and not entry.is_held for entry in entries):
                window = row.window.calmed().reported(at, grouping.repeat)
                self._written(connection, row, window)


def silenced_subscriptions(connection: Connection, silence_id: UUID) -> list[UUID]:
    """The ids of subscriptions with groups that a silence holds back."""
    query = select(bundle_groups.c.subscription_id).where(bundle_groups.c.silenced_by == silence_id)
    return list(connection.execute(query.distinct()).scalars())


def _write_silences(
    connection: Connection, subscription_id: UUID, silences: Iterable[tuple[UUID | None, UUID]]
) -> None:
    """Note the silences that hold back groups, which are given by their firing transitions."""
    silenced = update(bundle_groups).where(
        bundle_groups.c.subscription_id == subscription_id,
        bundle_groups.c.fired_id == bindparam("fired"),
        bundle_groups.c.is_firing,
    )
    rows = [{"fired": fired_id, "silence": silence_id} for fired_id, silence_id in silences]
    if rows:
        connection.execute(silenced.values(silenced_by=bindparam("silence")), rows)


def due_subscriptions(connection: Connection, at: datetime) -> list[UUID]:
    """The ids of subscriptions with a bundle to close or a reminder to send."""
    query = select(bundles.c.subscription_id).where(_is_due(at)).distinct()
    return list(connection.execute(query).scalars())


def _is_due(at: datetime) -> ColumnElement[bool]:
    return or_(bundles.c.closes_at <= at, bundles.c.remind_at <= at)


def _entries_of(
    connection: Connection, row: BundleRow
) -> Mapping[tuple[UUID, StoredGroup], BundleEntry]:
    return entries_where(connection, bundle_groups.c.bundle_id == row.bundle_id)


def _keys(
    connection: Connection,
    entries: Mapping[tuple[UUID, StoredGroup], BundleEntry],
    grouping: Grouping,
) -> dict[UUID | None, tuple[str | None, ...]]:
    """The keys of entries in a grouping, by the ids of their firing transitions."""
    ids = [entry.fired_id for entry in entries.values() if entry.fired_id]
    keys: dict[UUID | None, tuple[str | None, ...]] = {}
    for block in blocks(ids):
        query = select(transitions).where(transitions.c.transition_id.in_(block))
        for row in connection.execute(query).mappings():
            transition = transition_of(row)
            alert, dimensions = transition.alert, transition.change.dimensions or {}
            keys[transition.transition_id] = grouping.key_of(
                alert.alert_id, alert.labels, dimensions
            )
    return keys

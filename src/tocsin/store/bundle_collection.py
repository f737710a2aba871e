"""The entries and windows of one subscription that the transitions of one evaluation change.

They are read, changed in memory by the rules of `model/notifications/bundles.py`, and written.
"""

from __future__ import annotations

from collections.abc import Collection as Elements
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from tocsin.model.alerts.state import Status
from tocsin.model.alerts.transition import Transition
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.notifications.bundles import (
    BundleEntry,
    BundleWindow,
    GroupTransition,
    Taken,
    take,
)
from tocsin.model.notifications.grouping import BundleKey, Grouping
from tocsin.model.notifications.subscription import Subscription
from tocsin.store.blocks import blocks
from tocsin.store.bundle_rows import (
    BundleRow,
    StoredGroup,
    entries_where,
    is_any_firing,
    rows_where,
    write_entries,
    write_windows,
)
from tocsin.store.notification_tables import bundle_groups, bundles


class Windows:
    """The windows of some keys of a subscription, in memory until they are written."""

    def __init__(self, connection: Connection, subscription_id: UUID, grouping: Grouping) -> None:
        self._connection = connection
        self._subscription_id = subscription_id
        self._grouping = grouping
        self._rows: dict[BundleKey, BundleRow] = {}
        self._changed: set[BundleKey] = set()

    def read(self, keys: Elements[BundleKey]) -> None:
        new = [BundleRow(self._subscription_id, key) for key in keys]
        ids = [row.bundle_id for row in new]
        self._rows |= {row.key: row for row in new}
        for block in blocks(ids):
            stored = rows_where(self._connection, bundles.c.bundle_id.in_(block))
            self._rows |= {row.key: row for row in stored}

    def open(self, key: BundleKey, at: datetime) -> None:
        self._set(key, self._rows[key].window.opened(at, self._grouping.wait))

    def remind(self, key: BundleKey, at: datetime) -> None:
        self._set(key, self._rows[key].window.reported(at, self._grouping.repeat))

    def calm(self, keys: Iterable[BundleKey]) -> None:
        """End the reminders of keys of which nothing fires any more."""
        for key in keys:
            row = self._rows[key]
            if row.window.remind_at and not is_any_firing(self._connection, row):
                write_windows(self._connection, [replace(row, window=row.window.calmed())])

    def write(self) -> None:
        write_windows(self._connection, [self._rows[key] for key in self._changed])

    def _set(self, key: BundleKey, window: BundleWindow) -> None:
        self._rows[key] = replace(self._rows[key], window=window)
        self._changed.add(key)


class Collection:
    """The entries of one subscription that the transitions of one evaluation change."""

    def __init__(
        self,
        connection: Connection,
        subscription: Subscription,
        occurrences: Sequence[GroupTransition],
    ) -> None:
        assert subscription.grouping
        self._connection = connection
        self._id = subscription.subscription_id
        self._grouping = subscription.grouping
        self._groups = {each.group: StoredGroup.of(each.group) for each in occurrences}
        self._entries: dict[StoredGroup, BundleEntry | None] = {
            **entries_of(connection, self._id, self._groups.values())
        }
        self._changed: dict[StoredGroup, BundleEntry | None] = {}
        self._calmed: set[BundleKey] = set()
        keys = {self._key_of(each) for each in occurrences}
        keys |= {entry.key for entry in self._entries.values() if entry}
        self._windows = Windows(connection, self._id, self._grouping)
        self._windows.read(keys)

    def take(self, occurrence: GroupTransition) -> Taken | None:
        """Change the entry of a group; None if the subscription does not take the transition."""
        group = self._groups[occurrence.group]
        entry = self._entries.get(group)
        taken = take(self._grouping, entry, occurrence)
        if taken is None:
            return None
        self._entries[group] = self._changed[group] = taken.entry
        self._follow(entry, taken, occurrence.at)
        return taken

    def write(self) -> None:
        self._windows.write()
        write_entries(self._connection, self._id, self._changed)
        self._windows.calm(self._calmed)

    def _follow(self, former: BundleEntry | None, taken: Taken, at: datetime) -> None:
        """Change the window of the key."""
        entry = taken.entry
        if entry and entry.is_held:
            self._windows.open(entry.key, at)
        elif entry:
            self._windows.remind(entry.key, at)
        elif former:
            self._calmed.add(former.key)

    def _key_of(self, occurrence: GroupTransition) -> BundleKey:
        return self._grouping.key_of(occurrence.alert_id, occurrence.labels, occurrence.dimensions)


def occurrence_of(
    transition: Transition, interaction: Interaction | None, *, is_matched: bool
) -> GroupTransition:
    alert, change = transition.alert, transition.change
    return GroupTransition(
        at=change.at,
        alert_id=alert.alert_id,
        severity=alert.severity,
        is_firing=change.status is Status.FIRING,
        dimensions=change.dimensions or {},
        labels=alert.labels,
        is_matched=is_matched,
        is_written=interaction is not None,
        transition_id=transition.transition_id,
    )


def entries_of(
    connection: Connection, subscription_id: UUID, groups: Elements[StoredGroup]
) -> dict[StoredGroup, BundleEntry]:
    entries: dict[StoredGroup, BundleEntry] = {}
    columns = bundle_groups.c
    is_own = columns.subscription_id == subscription_id
    is_of_alerts = columns.alert_id.in_({group.alert_id for group in groups})
    for ids in blocks([group.group_id for group in groups]):
        rows = entries_where(connection, is_own, is_of_alerts, columns.group_id.in_(ids))
        entries |= {group: entry for (_, group), entry in rows.items()}
    return entries

"""Converts entries and windows of bundles to rows, and back; reads and writes them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import ColumnElement, Connection, RowMapping, bindparam, delete, select

from tocsin.model.notifications.bundle_payload import bundle_id
from tocsin.model.notifications.bundles import BundleEntry, BundleWindow, GroupId
from tocsin.model.notifications.grouping import BundleKey
from tocsin.model.severity import Severity
from tocsin.store.notification_tables import bundle_groups, bundles
from tocsin.store.upsert import upsert

_WINDOW = ("opened_at", "closes_at", "remind_at", "closed_at")
_ENTRY = (
    "bundle_id",
    "severity",
    "is_firing",
    "is_held",
    "has_fired",
    "fired_id",
    "recovered_id",
    "silenced_by",
)
_DELETE_ENTRY = delete(bundle_groups).where(
    bundle_groups.c.subscription_id == bindparam("subscription"),
    bundle_groups.c.alert_id == bindparam("alert"),
    bundle_groups.c.group_id == bindparam("group"),
)


@dataclass(frozen=True, slots=True)
class BundleRow:
    """A key of a subscription with its times."""

    subscription_id: UUID
    key: BundleKey
    window: BundleWindow = field(default_factory=BundleWindow)

    @property
    def bundle_id(self) -> UUID:
        return bundle_id(self.subscription_id, self.key_text)

    @property
    def key_text(self) -> str:
        return json.dumps(self.key)


@dataclass(frozen=True, slots=True)
class StoredGroup:
    """A group of an alert as it is stored; the id is derived from the values of the dimensions."""

    alert_id: UUID
    group_id: UUID

    @classmethod
    def of(cls, group: GroupId) -> StoredGroup:
        alert_id, values = group
        return cls(alert_id, uuid5(alert_id, json.dumps(values)))


def rows_where(
    connection: Connection, *conditions: ColumnElement[bool], limit: int | None = None
) -> list[BundleRow]:
    """At most `limit` keys in the order of their creation."""
    query = select(bundles).where(*conditions).order_by(bundles.c.number).limit(limit)
    return [_bundle_row(row) for row in connection.execute(query).mappings()]


def entries_where(
    connection: Connection, *conditions: ColumnElement[bool]
) -> dict[tuple[UUID, StoredGroup], BundleEntry]:
    """Entries by subscription and group, in the order of their creation."""
    query = (
        select(bundle_groups, bundles.c.key)
        .join(bundles, bundles.c.bundle_id == bundle_groups.c.bundle_id)
        .where(*conditions)
        .order_by(bundle_groups.c.number)
    )
    return {
        (row["subscription_id"], StoredGroup(row["alert_id"], row["group_id"])): _entry(row)
        for row in connection.execute(query).mappings()
    }


def is_any_firing(connection: Connection, row: BundleRow) -> bool:
    """Whether a group of a key fires."""
    query = select(bundle_groups.c.number).where(
        bundle_groups.c.bundle_id == row.bundle_id, bundle_groups.c.is_firing
    )
    return connection.execute(query.limit(1)).first() is not None


def write_windows(connection: Connection, rows: Collection[BundleRow]) -> None:
    if not rows:
        return
    upsert(
        connection,
        bundles,
        [
            {
                "bundle_id": row.bundle_id,
                "subscription_id": row.subscription_id,
                "key": row.key_text,
                **{name: getattr(row.window, name) for name in _WINDOW},
            }
            for row in rows
        ],
        key=["bundle_id"],
        changes=lambda new: {name: new[name] for name in _WINDOW},
    )


def write_entries(
    connection: Connection, subscription_id: UUID, entries: Mapping[StoredGroup, BundleEntry | None]
) -> None:
    """Write entries, and delete those that are None. Their keys must have rows."""
    written = [
        _entry_row(subscription_id, group, entry) for group, entry in entries.items() if entry
    ]
    if written:
        upsert(
            connection,
            bundle_groups,
            written,
            key=["subscription_id", "alert_id", "group_id"],
            changes=lambda new: {name: new[name] for name in _ENTRY},
        )
    delete_entries(
        connection, subscription_id, (group for group, entry in entries.items() if entry is None)
    )


def delete_entries(
    connection: Connection, subscription_id: UUID, groups: Iterable[StoredGroup]
) -> None:
    rows = [
        {"subscription": subscription_id, "alert": group.alert_id, "group": group.group_id}
        for group in groups
    ]
    if rows:
        connection.execute(_DELETE_ENTRY, rows)


def _bundle_row(row: RowMapping) -> BundleRow:
    window = BundleWindow(**{name: row[name] for name in _WINDOW})
    return BundleRow(row["subscription_id"], tuple(json.loads(row["key"])), window)


def _entry(row: RowMapping) -> BundleEntry:
    return BundleEntry(
        key=tuple(json.loads(row["key"])),
        severity=Severity(row["severity"]),
        is_firing=row["is_firing"],
        is_held=row["is_held"],
        has_fired=row["has_fired"],
        fired_id=row["fired_id"],
        recovered_id=row["recovered_id"],
    )


def _entry_row(subscription_id: UUID, group: StoredGroup, entry: BundleEntry) -> dict[str, Any]:
    return {
        "bundle_id": bundle_id(subscription_id, json.dumps(entry.key)),
        "subscription_id": subscription_id,
        "alert_id": group.alert_id,
        "group_id": group.group_id,
        "severity": entry.severity.value,
        "is_firing": entry.is_firing,
        "is_held": entry.is_held,
        "has_fired": entry.has_fired,
        "fired_id": entry.fired_id,
        "recovered_id": entry.recovered_id,
        "silenced_by": None,
    }

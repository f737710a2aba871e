"""The rows of the table `catalog`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import RowMapping

from tocsin.model.interactions.catalog import Entry, EntryDraft, Kind


def to_row(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "kind": entry.kind.value,
        **entry.spec.model_dump(),
        "is_system": entry.is_system,
        "created_date": entry.created_date,
        "modified_date": entry.modified_date,
    }


def from_row(row: RowMapping) -> Entry:
    return Entry(
        id=row["id"],
        kind=Kind(row["kind"]),
        # Not validated: earlier versions accepted texts with U+0000.
        spec=EntryDraft.model_construct(**{name: row[name] for name in EntryDraft.model_fields}),
        is_system=row["is_system"],
        created_date=row["created_date"],
        modified_date=row["modified_date"],
    )

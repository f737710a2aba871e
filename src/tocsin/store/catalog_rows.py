"""The rows of the table `catalog`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from pydantic import TypeAdapter
from sqlalchemy import RowMapping

from tocsin.model.interactions.catalog import DRAFTS, Entry, Kind, ResourceTypeDraft, system_id
from tocsin.model.interactions.redaction import Redaction

_REDACT = "redact"
_REDACTIONS = TypeAdapter(tuple[Redaction, ...])
# A constant, so that the system entries are the same in every installation.
_SYSTEM_SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def to_row(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "kind": entry.kind.value,
        **entry.spec.model_dump(exclude={_REDACT}),
        _REDACT: _written(entry.redactions),
        "is_system": entry.is_system,
        "created_date": entry.created_date,
        "modified_date": entry.modified_date,
    }


def from_row(row: RowMapping) -> Entry:
    kind = Kind(row["kind"])
    draft = DRAFTS[kind]
    members = {name: row[name] for name in draft.model_fields if name != _REDACT}
    if draft is ResourceTypeDraft and row[_REDACT] is not None:
        members[_REDACT] = _REDACTIONS.validate_json(row[_REDACT])
    return Entry(
        id=row["id"],
        kind=kind,
        # Not validated: earlier versions accepted texts with U+0000.
        spec=draft.model_construct(**members),
        is_system=row["is_system"],
        created_date=row["created_date"],
        modified_date=row["modified_date"],
    )


def system_entry(system: tuple[Kind, str, str]) -> Entry:
    kind, mnemonic, title = system
    return Entry(
        id=system_id(kind, mnemonic),
        kind=kind,
        spec=DRAFTS[kind](mnemonic=mnemonic, title=title),
        is_system=True,
        created_date=_SYSTEM_SINCE,
        modified_date=_SYSTEM_SINCE,
    )


def _written(redactions: tuple[Redaction, ...]) -> str | None:
    if not redactions:
        return None
    return msgspec.json.encode([each.model_dump(by_alias=True) for each in redactions]).decode()

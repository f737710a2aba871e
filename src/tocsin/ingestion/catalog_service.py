"""Creates, replaces and deletes catalog entries for the API and the pages, and logs each change
once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from tocsin.model.interactions.catalog import Entry, EntryDraft, Kind
from tocsin.process.audit import Actor
from tocsin.store.catalog import Catalog


class CatalogService:
    """Changes that an admin makes. Methods raise what the store raises."""

    def __init__(
        self,
        catalog: Catalog,
        is_recorded: Callable[[Kind, UUID], bool],
        now: Callable[[], datetime],
    ) -> None:
        """`is_recorded` tells whether an interaction has an entry."""
        self._catalog = catalog
        self._is_recorded = is_recorded
        self._now = now

    def create(self, kind: Kind, draft: EntryDraft, actor: Actor) -> Entry:
        entry = self._catalog.create(kind, draft, self._now())
        actor.log_change("catalog entry created", **_entry_fields(entry))
        return entry

    def replace(self, kind: Kind, id: UUID, draft: EntryDraft, actor: Actor) -> Entry:
        entry = self._catalog.replace(kind, id, draft, self._now())
        actor.log_change("catalog entry replaced", **_entry_fields(entry))
        return entry

    def delete(self, kind: Kind, id: UUID, actor: Actor) -> None:
        """Delete an entry that nothing uses."""
        entry = self._catalog.get(kind, id)
        self._catalog.delete(kind, id, lambda: self._is_recorded(kind, id))
        actor.log_change("catalog entry deleted", **_entry_fields(entry))


def _entry_fields(entry: Entry) -> dict[str, Any]:
    return {"entry": str(entry.id), "kind": entry.kind.value, "mnemonic": entry.mnemonic}

"""Creates, replaces and deletes catalog entries, and logs each change."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from tocsin.model.interactions.catalog import Entry, EntryDraft, Kind
from tocsin.process.audit import Actor
from tocsin.process.clock import Clock
from tocsin.store.catalog import Catalog


class EntryUse(Protocol):
    def entry_use(self, kind: Kind, id: UUID) -> AbstractContextManager[bool]:
        """Yields whether an interaction has this entry; blocks, and raises Unavailable."""

    def wait_for_earlier(self) -> None:
        """Block until all requests that are being recorded now have ended."""


class CatalogService:
    """Changes that an admin makes. Methods raise what the store raises."""

    def __init__(self, catalog: Catalog, entry_use: EntryUse, clock: Clock) -> None:
        self._catalog = catalog
        self._entry_use = entry_use
        self._clock = clock

    def create(self, kind: Kind, draft: EntryDraft, actor: Actor) -> Entry:
        entry = self._catalog.create(kind, draft, self._clock.now(), actor)
        actor.log_change("catalog entry created", **_entry_fields(entry))
        return entry

    def replace(
        self,
        kind: Kind,
        id: UUID,
        draft: EntryDraft,
        actor: Actor,
        expected: Entry | None = None,
    ) -> Entry:
        entry = self._catalog.replace(kind, id, draft, self._clock.now(), expected, actor)
        if entry.redactions:
            # Requests that were parsed before are recorded before this change is answered.
            self._entry_use.wait_for_earlier()
        actor.log_change("catalog entry replaced", **_entry_fields(entry))
        return entry

    def delete(self, kind: Kind, id: UUID, actor: Actor) -> None:
        """Delete an entry that nothing uses."""
        entry = self._catalog.get(kind, id)
        use = partial(self._entry_use.entry_use, kind, id)
        self._catalog.delete(kind, id, self._clock.now(), use, actor)
        actor.log_change("catalog entry deleted", **_entry_fields(entry))


def _entry_fields(entry: Entry) -> dict[str, Any]:
    fields = {"entry": str(entry.id), "kind": entry.kind.value, "mnemonic": entry.mnemonic}
    redactions = [f"{rule.field} {rule.treatment}" for rule in entry.redactions]
    return {**fields, "redact": redactions} if redactions else fields

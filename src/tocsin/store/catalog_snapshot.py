"""An immutable snapshot of the catalog entries of one kind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from tocsin.model.interactions.catalog import Entry
from tocsin.model.interactions.redaction import Redaction


@dataclass(frozen=True)
class CatalogSnapshot:
    """All entries of a kind; `by_mnemonic` has lower-case keys."""

    by_id: dict[UUID, Entry]
    by_mnemonic: dict[str, Entry]
    mnemonics: dict[UUID, str]
    redactions: dict[bytes, tuple[Redaction, ...]]

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> CatalogSnapshot:
        return cls({}, {}, {}, {}).with_entries(entries)

    def with_entries(self, entries: Iterable[Entry]) -> CatalogSnapshot:
        """A copy with these entries, which replace those of the same id."""
        by_id, by_mnemonic = self.by_id.copy(), self.by_mnemonic.copy()
        mnemonics = self.mnemonics.copy()
        redactions = self.redactions.copy()
        for entry in entries:
            former = by_id.get(entry.id)
            if former:
                del by_mnemonic[former.mnemonic.lower()]
            by_id[entry.id] = entry
            by_mnemonic[entry.mnemonic.lower()] = entry
            mnemonics[entry.id] = entry.mnemonic
            redactions.pop(entry.id_bytes, None)
            if entry.redactions:
                redactions[entry.id_bytes] = entry.redactions
        return CatalogSnapshot(by_id, by_mnemonic, mnemonics, redactions)

    def without(self, id: UUID) -> CatalogSnapshot:
        """A copy without the entry of an id."""
        return CatalogSnapshot.of(entry for entry in self.by_id.values() if entry.id != id)

    @cached_property
    def ordered(self) -> list[Entry]:
        """The entries by mnemonic, sorted at the first use."""
        return [self.by_mnemonic[name] for name in sorted(self.by_mnemonic)]

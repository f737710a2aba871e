"""The names of catalog entries in a definition: by id, by mnemonic, or by both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol
from uuid import UUID

from tocsin.errors import Problem
from tocsin.model.interactions.catalog import Entry, Kind
from tocsin.model.metrics.rules import uuid_of


class CatalogNames(Protocol):
    """The part of the catalog that resolves the names of a definition."""

    def find(self, kind: Kind, mnemonic: str) -> Entry | None: ...

    def by_id(self, kind: Kind, id: UUID) -> Entry | None: ...


def id_of(catalog: CatalogNames, kind: Kind, id: UUID | None, mnemonic: str | None) -> UUID | None:
    """The id of the entry that `id` or `mnemonic` names; None without a name."""
    if id is not None or mnemonic is None:
        return id
    entry = catalog.find(kind, mnemonic)
    return entry.id if entry else None


def unknown_names(body: Mapping[str, Any], catalog: CatalogNames) -> Iterator[Problem]:
    """Problems of names that the catalog lacks, and of ids and mnemonics that disagree."""
    for kind in Kind:
        id, mnemonic = uuid_of(body.get(kind.id_member)), body.get(kind.value)
        by_id = catalog.by_id(kind, id) if id else None
        by_mnemonic = catalog.find(kind, mnemonic) if isinstance(mnemonic, str) else None
        if id and not by_id:
            yield Problem(kind.id_member, f"is the id of no {kind.words} in the catalog")
        if isinstance(mnemonic, str) and not by_mnemonic:
            yield Problem(kind.value, f"is the mnemonic of no {kind.words} in the catalog")
        if by_id and by_mnemonic and by_id.id != by_mnemonic.id:
            yield Problem(
                kind.value,
                f"names another {kind.words} than {kind.id_member}, "
                f"which is {by_id.mnemonic}: leave one of them out, or make them agree",
            )


def entry_of(body: Mapping[str, Any], kind: Kind, catalog: CatalogNames) -> Entry | None:
    id, mnemonic = uuid_of(body.get(kind.id_member)), body.get(kind.value)
    if id:
        return catalog.by_id(kind, id)
    return catalog.find(kind, mnemonic) if isinstance(mnemonic, str) else None

"""Resolves the type, action and origin that interactions name to entries of the catalog."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

from tocsin.errors import EntryDeleted, Problem
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.instant import from_milliseconds
from tocsin.model.interactions.catalog import MNEMONIC, MNEMONIC_RULE, Entry, Kind
from tocsin.model.interactions.interaction import Interaction, InteractionDraft
from tocsin.model.interactions.redaction import Redaction

UUID_TEXT = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_MNEMONIC = re.compile(MNEMONIC)
# A member of an enumeration takes ten times as long to look up as a global.
_RESOURCE_TYPE, _ACTION, _ORIGIN = Kind.RESOURCE_TYPE, Kind.ACTION, Kind.ORIGIN
_MEMBERS = {
    Kind.RESOURCE_TYPE: "resource_type_id",
    Kind.ACTION: "action_id",
    Kind.ORIGIN: "origin_id",
}


class CatalogEntries(Protocol):
    def find(self, kind: Kind, mnemonic: str) -> Entry | None: ...
    def by_id(self, kind: Kind, id: UUID) -> Entry | None: ...
    def ensure_all(self, kind: Kind, mnemonics: Iterable[str], at: datetime) -> list[Entry]: ...
    def claim(self, kind: Kind, id: UUID) -> Entry | None: ...
    def capacity(self, kind: Kind) -> int: ...
    @property
    def redactions(self) -> Mapping[bytes, tuple[Redaction, ...]]: ...
    @property
    def is_deleting(self) -> bool: ...


class CatalogResolver:
    """Resolves the scopes of one request; entries that the catalog lacks are added once, at the
    end."""

    def __init__(self, catalog: CatalogEntries, request: RequestContext, *, strict: bool) -> None:
        self._catalog = catalog
        self._request = request
        self._is_strict = strict
        # A deletion that begins later waits for this request to end.
        self._claims_entries = catalog.is_deleting
        self._scopes: dict[tuple[str | None, ...], tuple[bytes, ...]] = {}
        self._unresolved: list[tuple[Interaction, Kind, str]] = []
        self._new: dict[Kind, set[str]] = {}

    def add_unresolved(
        self, interaction: Interaction, draft: InteractionDraft, ids: tuple[bytes, ...]
    ) -> None:
        """Add the mnemonics of an interaction that the catalog lacks."""
        self._unresolved += [
            (interaction, kind, mnemonic)
            for (kind, mnemonic, _), id in zip(_named(draft), ids, strict=True)
            if mnemonic is not None and not id
        ]

    @property
    def has_new_entries(self) -> bool:
        """Whether interactions name entries that the catalog lacks."""
        return bool(self._unresolved)

    def register_new_entries(self) -> dict[int, Problem]:
        """Add the entries that the catalog lacks, and set their ids in the interactions.

        Returns the problem of each interaction, by its `id()`, for which other requests have left
        no room since it was parsed. Writes to the store, which may block for seconds. Raises
        EntryDeleted if somebody has meanwhile added a resource type with redactions, by which the
        interactions were not parsed.
        """
        problems = self._without_room()
        at = from_milliseconds(self._request.received)
        for kind in Kind:
            unresolved = [
                (interaction, mnemonic)
                for interaction, unresolved_kind, mnemonic in self._unresolved
                if unresolved_kind is kind and id(interaction) not in problems
            ]
            if unresolved:
                mnemonics = [mnemonic for _, mnemonic in unresolved]
                entries = self._catalog.ensure_all(kind, mnemonics, at)
                for (interaction, _), entry in zip(unresolved, entries, strict=True):
                    setattr(interaction, _MEMBERS[kind], entry.id_bytes)
                if any(entry.redactions for entry in entries):
                    raise EntryDeleted
        return problems

    def _without_room(self) -> dict[int, Problem]:
        problems: dict[int, Problem] = {}
        room = {kind: self._catalog.capacity(kind) for kind in Kind}
        new: dict[Kind, set[str]] = {kind: set() for kind in Kind}
        for interaction, kind, mnemonic in self._unresolved:
            if self._catalog.find(kind, mnemonic):
                continue
            if mnemonic.lower() not in new[kind] and len(new[kind]) >= room[kind]:
                problems.setdefault(id(interaction), Problem(kind, _full(kind)))
            else:
                new[kind].add(mnemonic.lower())
        return problems

    def ids(self, draft: InteractionDraft, problems: list[Problem]) -> tuple[bytes, ...]:
        """The ids of type, action and origin, cached because most requests have few scopes; `b""`
        for entries that the catalog lacks."""
        named = (
            draft.resource_type,
            draft.action,
            draft.origin,
            draft.resource_type_id,
            draft.action_id,
            draft.origin_id,
        )
        ids = self._scopes.get(named)
        if ids is None:
            ids = tuple(self._resolve(*reference, problems) for reference in _named(draft))
            if all(ids):
                self._scopes[named] = ids
        return ids

    def _resolve(
        self, kind: Kind, mnemonic: str | None, id: str | None, problems: list[Problem]
    ) -> bytes:
        """The id of the named entry; b"" if it is to be added later, or if there is a problem."""
        named = self._claimed(self._catalog.find(kind, mnemonic)) if mnemonic is not None else None
        if id is not None and not (mnemonic is not None and self._is_foreign(kind, id)):
            return self._resolve_id(kind, mnemonic, named, id, problems)
        if named:
            if named.is_system:
                self._reject_system(named, kind, problems)
            return named.id_bytes
        if mnemonic is None:
            problems.append(Problem(kind, f"is required (or {kind.id_member})"))
        elif not _MNEMONIC.fullmatch(mnemonic):
            problems.append(Problem(kind, MNEMONIC_RULE))
        elif self._is_strict:
            problems.append(Problem(kind, f"is no {kind.words} in the catalog: add it first"))
        elif not self._finds_room(kind, mnemonic):
            problems.append(Problem(kind, _full(kind)))
        return b""

    def _finds_room(self, kind: Kind, mnemonic: str) -> bool:
        """Whether the catalog has room for the mnemonic and the new ones before it."""
        new = self._new.setdefault(kind, set())
        if mnemonic.lower() not in new and len(new) >= self._catalog.capacity(kind):
            return False
        new.add(mnemonic.lower())
        return True

    def _is_foreign(self, kind: Kind, id: str) -> bool:
        """Whether the id may be that of an entry of the installation that was exported."""
        return (
            self._request.is_import
            and UUID_TEXT.fullmatch(id) is not None
            and self._claimed(self._catalog.by_id(kind, UUID(id))) is None
        )

    def _resolve_id(
        self,
        kind: Kind,
        mnemonic: str | None,
        named: Entry | None,
        id: str,
        problems: list[Problem],
    ) -> bytes:
        is_uuid = UUID_TEXT.fullmatch(id)
        entry = self._claimed(self._catalog.by_id(kind, UUID(id))) if is_uuid else None
        if entry is None:
            problems.append(Problem(kind.id_member, f"is the id of no {kind.words} in the catalog"))
            return b""
        self._reject_system(entry, kind.id_member, problems)
        if mnemonic is not None and entry != named:
            problems.append(Problem(kind, f"is not the {kind.words} that {kind.id_member} names"))
        return entry.id_bytes

    def _reject_system(self, entry: Entry, member: str, problems: list[Problem]) -> None:
        """Reject entries of Tocsin from senders: readers and subscribers would take their
        interactions for alerts or deliveries."""
        is_protected = entry.is_system and entry.kind is not Kind.ACTION
        if is_protected and not self._request.may_be_from_tocsin:
            problems.append(Problem(member, f"{entry.mnemonic} is reserved for Tocsin itself"))

    def _claimed(self, entry: Entry | None) -> Entry | None:
        if entry is None or not self._claims_entries:
            return entry
        return self._catalog.claim(entry.kind, entry.id)


def _named(draft: InteractionDraft) -> tuple[tuple[Kind, str | None, str | None], ...]:
    return (
        (_RESOURCE_TYPE, draft.resource_type, draft.resource_type_id),
        (_ACTION, draft.action, draft.action_id),
        (_ORIGIN, draft.origin, draft.origin_id),
    )


def _full(kind: Kind) -> str:
    return (
        f"is a new {kind.words}, and the catalog is full: add it as an admin, or send an "
        "existing one; TOCSIN_MAX_CATALOG_ENTRIES raises the limit"
    )

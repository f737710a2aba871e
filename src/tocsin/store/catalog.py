"""Which resource types, actions and origins are there?

Ingestion asks for each interaction and a calculation for each name, so answers come from a
snapshot in memory. A snapshot never changes: a change, which happens under a lock and is on disk
first, puts a new one in its place, and readers need no lock.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from pydantic import ValidationError
from sqlalchemy import RowMapping, delete, insert, select, update

from tocsin.errors import Conflict, InvalidInput, NotFound, Unavailable
from tocsin.model.ceilings import CATALOG_ENTRIES
from tocsin.model.instant import cut
from tocsin.model.interactions.catalog import (
    MNEMONIC_RULE,
    SYSTEM,
    Entry,
    EntryDraft,
    Kind,
    system_id,
)
from tocsin.store.catalog_snapshot import Shelf
from tocsin.store.catalog_usage import refuse_used
from tocsin.store.database import Database
from tocsin.store.tables import catalog

# A constant, so that the system entries are the same in every installation.
_SYSTEM_SINCE = datetime(2026, 1, 1, tzinfo=UTC)


class Catalog:
    def __init__(self, database: Database, most: int = CATALOG_ENTRIES) -> None:
        """`most` entries of a kind may add themselves."""
        self._database = database
        self._most = most
        self._changing = threading.Lock()
        # Held for the time of a look-up only: recording waits for it on the event loop.
        self._claiming = threading.Lock()
        self._leaving: set[UUID] = set()
        self._shelves = self._load()
        self._seed()

    def entries(self, kind: Kind) -> list[Entry]:
        """All entries of a kind, by mnemonic."""
        return list(self._shelves[kind].ordered)

    def page(self, kind: Kind, start: str, limit: int) -> tuple[list[Entry], str | None]:
        """At most `limit` entries whose mnemonics are `start` or follow it, and the mnemonic with
        which the next page begins."""
        ordered = self._shelves[kind].ordered
        first = bisect_left(ordered, start.lower(), key=lambda entry: entry.mnemonic.lower())
        shown = ordered[first : first + limit + 1]
        return shown[:limit], shown[limit].mnemonic if len(shown) > limit else None

    def room(self, kind: Kind) -> int:
        """How many entries may still be added by `ensure_all`; an admin may add more."""
        return max(self._most - len(self._shelves[kind].by_id), 0)

    def get(self, kind: Kind, id: UUID) -> Entry:
        entry = self.by_id(kind, id)
        if entry is None:
            raise NotFound(f"There is no {kind.words} with this id")
        return entry

    def by_id(self, kind: Kind, id: UUID) -> Entry | None:
        return self._shelves[kind].by_id.get(id)

    def find(self, kind: Kind, mnemonic: str) -> Entry | None:
        """The entry of this mnemonic, without regard to case; reads memory only."""
        # Mnemonics are ASCII, but lower() turns the Kelvin sign into one of their letters.
        if not mnemonic.isascii():
            return None
        return self._shelves[kind].by_mnemonic.get(mnemonic.lower())

    def mnemonics(self, kind: Kind) -> Mapping[UUID, str]:
        """The mnemonic of each id; what is answered never changes afterwards."""
        return self._shelves[kind].mnemonics

    def create(self, kind: Kind, draft: EntryDraft, at: datetime) -> Entry:
        """Raises Conflict if the mnemonic is taken."""
        with self._changing:
            self._refuse_taken(kind, draft.mnemonic)
            return self._add(kind, [draft], at)[0]

    def replace(self, kind: Kind, id: UUID, draft: EntryDraft, at: datetime) -> Entry:
        """Raises NotFound, or Conflict for a system entry and a mnemonic that is taken."""
        with self._changing:
            former = self._changeable(kind, id)
            self._refuse_taken(kind, draft.mnemonic, but=id)
            entry = former.model_copy(update={"spec": draft, "modified_date": cut(at)})
            with self._database.writing() as connection:
                connection.execute(update(catalog).where(catalog.c.id == id), _row(entry))
            self._put(kind, self._shelves[kind].with_entries([entry]))
            return entry

    @property
    def is_deleting(self) -> bool:
        """Whether an entry is being deleted, so that what is recorded has to `claim` its own."""
        return bool(self._leaving)

    def claim(self, kind: Kind, id: UUID) -> Entry | None:
        """The entry, whose deletion is called off; None if it is gone. Reads memory only."""
        with self._claiming:
            self._leaving.discard(id)
            return self.by_id(kind, id)

    def delete(self, kind: Kind, id: UUID, is_recorded: Callable[[], bool] = lambda: False) -> None:
        """Delete an entry that nothing uses.

        `is_recorded` tells whether an interaction has the entry. It is called while the entry is
        marked as leaving; an interaction that is recorded from then on claims it, which calls the
        deletion off. Raises NotFound, or Conflict for a system entry and one that is in use.
        """
        entry = self._changeable(kind, id)
        with self._marked_as_leaving(entry):
            if is_recorded():
                raise _recorded(entry)
            with self._changing:
                former = self._changeable(kind, id)
                try:
                    with self._database.writing() as connection:
                        refuse_used(connection, kind, id)
                        connection.execute(delete(catalog).where(catalog.c.id == id))
                        # Before the commit: nobody may claim what is gone on disk.
                        self._remove(former)
                except Unavailable:
                    self._put(kind, self._shelves[kind].with_entries([former]))
                    raise

    @contextmanager
    def _marked_as_leaving(self, entry: Entry) -> Iterator[None]:
        with self._claiming:
            if entry.id in self._leaving:
                raise Conflict(f"The {entry.kind.words} {entry.mnemonic} is being deleted")
            self._leaving.add(entry.id)
        try:
            yield
        finally:
            with self._claiming:
                self._leaving.discard(entry.id)

    def _remove(self, entry: Entry) -> None:
        """Take an entry out of the snapshot; raises Conflict if it was claimed meanwhile."""
        with self._claiming:
            if entry.id not in self._leaving:
                raise _recorded(entry)
            self._put(entry.kind, self._shelves[entry.kind].without(entry.id))

    def ensure(self, kind: Kind, mnemonic: str, at: datetime) -> Entry:
        """The entry of this mnemonic, added with its mnemonic as title if it is not there.

        Raises InvalidInput for what cannot be a mnemonic.
        """
        return self.ensure_all(kind, [mnemonic], at)[0]

    def ensure_all(self, kind: Kind, mnemonics: Iterable[str], at: datetime) -> list[Entry]:
        """`ensure` for many, in one transaction: for a batch that brings thousands of new ones."""
        asked = list(mnemonics)
        with self._changing:
            lacking: dict[str, str] = {}
            for name in asked:
                if not self.find(kind, name):
                    lacking.setdefault(name.lower(), name)
            if lacking:
                self._add(kind, [_draft(kind, name) for name in lacking.values()], at)
            shelf = self._shelves[kind].by_mnemonic
            return [shelf[name.lower()] for name in asked]

    def _add(self, kind: Kind, drafts: Iterable[EntryDraft], at: datetime) -> list[Entry]:
        at = cut(at)
        entries = [
            Entry(id=uuid4(), kind=kind, spec=draft, created_date=at, modified_date=at)
            for draft in drafts
        ]
        self._store(entries)
        return entries

    def _store(self, entries: list[Entry]) -> None:
        with self._database.writing() as connection:
            connection.execute(insert(catalog), [_row(entry) for entry in entries])
        for kind in {entry.kind for entry in entries}:
            new = [entry for entry in entries if entry.kind is kind]
            self._put(kind, self._shelves[kind].with_entries(new))

    def _put(self, kind: Kind, shelf: Shelf) -> None:
        self._shelves = {**self._shelves, kind: shelf}

    def _changeable(self, kind: Kind, id: UUID) -> Entry:
        entry = self.get(kind, id)
        if entry.is_system:
            raise Conflict(
                f"The {kind.words} {entry.mnemonic} belongs to Tocsin and stays as it is"
            )
        return entry

    def _refuse_taken(self, kind: Kind, mnemonic: str, but: UUID | None = None) -> None:
        taken = self.find(kind, mnemonic)
        if taken and taken.id != but:
            raise Conflict(
                f"There is a {kind.words} {taken.mnemonic} already: its id is {taken.id}"
            )

    def _load(self) -> dict[Kind, Shelf]:
        with self._database.reading() as connection:
            entries = [_entry(row) for row in connection.execute(select(catalog)).mappings()]
        return {kind: Shelf.of(e for e in entries if e.kind is kind) for kind in Kind}

    def _seed(self) -> None:
        lacking = [
            entry
            for entry in map(_system_entry, SYSTEM)
            if self.by_id(entry.kind, entry.id) is None
        ]
        if lacking:
            self._store(lacking)


def _system_entry(system: tuple[Kind, str, str]) -> Entry:
    kind, mnemonic, title = system
    return Entry(
        id=system_id(kind, mnemonic),
        kind=kind,
        spec=EntryDraft(mnemonic=mnemonic, title=title),
        is_system=True,
        created_date=_SYSTEM_SINCE,
        modified_date=_SYSTEM_SINCE,
    )


def _draft(kind: Kind, mnemonic: str) -> EntryDraft:
    try:
        return EntryDraft(mnemonic=mnemonic, title=mnemonic)
    except ValidationError as error:
        raise InvalidInput.at(kind.value, MNEMONIC_RULE) from error


def _recorded(entry: Entry) -> Conflict:
    return Conflict(f"Interactions use the {entry.kind.words} {entry.mnemonic}")


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "kind": entry.kind.value,
        **entry.spec.model_dump(),
        "is_system": entry.is_system,
        "created_date": entry.created_date,
        "modified_date": entry.modified_date,
    }


def _entry(row: RowMapping) -> Entry:
    return Entry(
        id=row["id"],
        kind=Kind(row["kind"]),
        spec=EntryDraft(**{name: row[name] for name in EntryDraft.model_fields}),
        is_system=row["is_system"],
        created_date=row["created_date"],
        modified_date=row["modified_date"],
    )

"""The catalog of resource types, actions and origins, read from memory.

Ingestion looks entries up for each interaction, and a calculation for each name. They are in one
immutable snapshot for each kind, by id and by mnemonic. A change is on disk before a new snapshot
replaces the former one, so readers need no lock. The catalog is no `CachedTable`, because a
deletion must hide an entry before its transaction commits.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from functools import partial
from uuid import UUID, uuid4

from pydantic import ValidationError
from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from tocsin.errors import Conflict, InvalidInput, NotFound, Unavailable
from tocsin.model.audit.definitions import ENTRIES
from tocsin.model.audit.entry import AuditEntry
from tocsin.model.ceilings import CATALOG_ENTRIES
from tocsin.model.instant import cut
from tocsin.model.interactions.catalog import (
    DRAFTS,
    MNEMONIC_RULE,
    SYSTEM,
    Entry,
    EntryDraft,
    Kind,
)
from tocsin.model.interactions.redaction import Redaction
from tocsin.process.audit import BY_TOCSIN, Actor
from tocsin.process.optimistic_locking import unchanged
from tocsin.store.audit import record
from tocsin.store.catalog_rows import from_row, system_entry, to_row
from tocsin.store.catalog_snapshot import CatalogSnapshot
from tocsin.store.catalog_usage import reject_used
from tocsin.store.database import Database
from tocsin.store.tables import catalog


class Catalog:
    def __init__(self, database: Database, limit: int = CATALOG_ENTRIES) -> None:
        """`ensure` adds no entry of a kind that has `limit` entries."""
        self._limit = limit
        # Held for the time of a look-up only: recording waits for it on the event loop.
        self._claiming = threading.Lock()
        self._deleting: set[UUID] = set()
        self._snapshots: Mapping[Kind, CatalogSnapshot] = {
            kind: CatalogSnapshot.of(()) for kind in Kind
        }
        self._cached = database.revisions.cache(catalog.name, self._load)
        self.is_shared = database.is_shared
        self.refresh = database.revisions.refresh
        self._add_missing_system_entries()

    def entries(self, kind: Kind) -> list[Entry]:
        """All entries of a kind, by mnemonic."""
        return list(self._snapshots[kind].ordered)

    def page(self, kind: Kind, start: str, limit: int) -> tuple[list[Entry], str | None]:
        """At most `limit` entries whose mnemonics are `start` or follow it, and the mnemonic with
        which the next page begins."""
        ordered = self._snapshots[kind].ordered
        first = bisect_left(ordered, start.lower(), key=lambda entry: entry.mnemonic.lower())
        shown = ordered[first : first + limit + 1]
        return shown[:limit], shown[limit].mnemonic if len(shown) > limit else None

    def capacity(self, kind: Kind) -> int:
        """The number of entries that may still be added by `ensure_all`; an admin may add more."""
        return max(self._limit - len(self._snapshots[kind].by_id), 0)

    def get(self, kind: Kind, id: UUID) -> Entry:
        entry = self.by_id(kind, id)
        if entry is None:
            raise NotFound(f"There is no {kind.words} with this id")
        return entry

    def by_id(self, kind: Kind, id: UUID) -> Entry | None:
        return self._snapshots[kind].by_id.get(id)

    def find(self, kind: Kind, mnemonic: str) -> Entry | None:
        """The entry of this mnemonic, without regard to case; reads memory only."""
        # Mnemonics are ASCII, but lower() turns the Kelvin sign into one of their letters.
        if not mnemonic.isascii():
            return None
        return self._snapshots[kind].by_mnemonic.get(mnemonic.lower())

    def mnemonics(self, kind: Kind) -> Mapping[UUID, str]:
        """The mnemonic of each id; a change replaces the mapping."""
        return self._snapshots[kind].mnemonics

    @property
    def redactions(self) -> Mapping[bytes, tuple[Redaction, ...]]:
        """The redactions of the resource types that have some, by id; a change replaces the
        mapping."""
        return self._snapshots[Kind.RESOURCE_TYPE].redactions

    def create(self, kind: Kind, draft: EntryDraft, at: datetime, by: Actor = BY_TOCSIN) -> Entry:
        """Raises Conflict if the mnemonic is taken."""
        with self._cached.locked():
            self._reject_taken(kind, draft.mnemonic)
            return self._add(kind, [draft], at, by)[0]

    def replace(
        self,
        kind: Kind,
        id: UUID,
        draft: EntryDraft,
        at: datetime,
        expected: Entry | None = None,
        by: Actor = BY_TOCSIN,
    ) -> Entry:
        """Raises NotFound, Conflict for a system entry and a mnemonic that is taken, or
        ChangedMeanwhile if the entry is not `expected`."""
        with self._cached.locked():
            former = unchanged(self._changeable(kind, id), expected)
            self._reject_taken(kind, draft.mnemonic, except_id=id)
            entry = former.model_copy(update={"spec": draft, "modified_date": cut(at)})
            with self._cached.changing() as change:
                change.connection.execute(update(catalog).where(catalog.c.id == id), to_row(entry))
                record(change.connection, _audited(at, by, former, entry))
                change.on_commit(partial(self._put, [entry]))
            return entry

    @property
    def is_deleting(self) -> bool:
        """Whether an entry is being deleted, so that each recorded interaction has to `claim` its
        entries."""
        return bool(self._deleting)

    def claim(self, kind: Kind, id: UUID) -> Entry | None:
        """The entry, whose deletion is cancelled; None if it was deleted. Reads memory only."""
        with self._claiming:
            self._deleting.discard(id)
            return self.by_id(kind, id)

    def delete(
        self,
        kind: Kind,
        id: UUID,
        at: datetime,
        use: Callable[[], AbstractContextManager[bool]] = lambda: nullcontext(False),
        by: Actor = BY_TOCSIN,
    ) -> None:
        """Delete an entry that nothing uses.

        `use` yields whether an interaction has the entry, and is held until the entry is deleted.
        It is called while the entry is marked as being deleted: an interaction that this process
        records from then on claims the entry, which cancels the deletion. Raises NotFound, or
        Conflict for a system entry and one that is in use.
        """
        entry = self._changeable(kind, id)
        with self._marked_as_deleting(entry), use() as is_recorded:
            if is_recorded:
                raise _recorded(entry)
            try:
                with self._cached.locked(), self._cached.changing() as change:
                    entry = self._changeable(kind, id)
                    reject_used(change.connection, kind, id)
                    change.connection.execute(delete(catalog).where(catalog.c.id == id))
                    record(change.connection, _audited(at, by, entry, None))
                    # Before the commit, so that no interaction claims an entry that is deleted
                    # on disk.
                    self._remove(entry)
            except Unavailable:
                with self._cached.unchanging():
                    self._put([entry])
                raise

    @contextmanager
    def _marked_as_deleting(self, entry: Entry) -> Iterator[None]:
        with self._claiming:
            if entry.id in self._deleting:
                raise Conflict(f"The {entry.kind.words} {entry.mnemonic} is being deleted")
            self._deleting.add(entry.id)
        try:
            yield
        finally:
            with self._claiming:
                self._deleting.discard(entry.id)

    def _remove(self, entry: Entry) -> None:
        """Remove an entry from the snapshot. Raises Conflict if it was claimed meanwhile."""
        with self._claiming:
            if entry.id not in self._deleting:
                raise _recorded(entry)
            self._put_snapshot(entry.kind, self._snapshots[entry.kind].without(entry.id))

    def ensure(self, kind: Kind, mnemonic: str, at: datetime) -> Entry:
        """The entry of this mnemonic, which is added if it is missing, with the mnemonic as title.

        Raises InvalidInput for a text that cannot be a mnemonic.
        """
        return self.ensure_all(kind, [mnemonic], at)[0]

    def ensure_all(self, kind: Kind, mnemonics: Iterable[str], at: datetime) -> list[Entry]:
        """`ensure` for many mnemonics in one transaction; a batch may bring thousands."""
        names = list(mnemonics)
        with self._cached.locked():
            missing: dict[str, str] = {}
            for name in names:
                if not self.find(kind, name):
                    missing.setdefault(name.lower(), name)
            new = [_draft(kind, name) for name in missing.values()]
            added = {e.mnemonic.lower(): e for e in self._add(kind, new, at)} if new else {}
            by_mnemonic = self._snapshots[kind].by_mnemonic
            return [added.get(name.lower()) or by_mnemonic[name.lower()] for name in names]

    def _add(
        self, kind: Kind, drafts: Iterable[EntryDraft], at: datetime, by: Actor = BY_TOCSIN
    ) -> list[Entry]:
        at = cut(at)
        entries = [
            Entry(id=uuid4(), kind=kind, spec=draft, created_date=at, modified_date=at)
            for draft in drafts
        ]
        self._store(entries, [_audited(at, by, None, entry) for entry in entries])
        return entries

    def _store(self, entries: list[Entry], audited: Sequence[AuditEntry] = ()) -> None:
        with self._cached.changing() as change:
            record(change.connection, *audited)
            change.connection.execute(insert(catalog), [to_row(entry) for entry in entries])
            change.on_commit(partial(self._put, entries))

    def _put(self, entries: list[Entry]) -> None:
        for kind in {entry.kind for entry in entries}:
            new = [entry for entry in entries if entry.kind is kind]
            self._put_snapshot(kind, self._snapshots[kind].with_entries(new))

    def _put_snapshot(self, kind: Kind, snapshot: CatalogSnapshot) -> None:
        self._snapshots = {**self._snapshots, kind: snapshot}

    def _changeable(self, kind: Kind, id: UUID) -> Entry:
        entry = self.get(kind, id)
        if entry.is_system:
            raise Conflict(
                f"The {kind.words} {entry.mnemonic} belongs to Tocsin and cannot be changed"
            )
        return entry

    def _reject_taken(self, kind: Kind, mnemonic: str, except_id: UUID | None = None) -> None:
        taken = self.find(kind, mnemonic)
        if taken and taken.id != except_id:
            raise Conflict(
                f"There is a {kind.words} {taken.mnemonic} already: its id is {taken.id}"
            )

    def _load(self, connection: Connection) -> Callable[[], None]:
        rows = connection.execute(select(catalog)).mappings()
        entries = [self._known(row) or from_row(row) for row in rows]
        snapshots = {
            kind: CatalogSnapshot.of(e for e in entries if e.kind is kind) for kind in Kind
        }

        def put() -> None:
            self._snapshots = snapshots

        return put

    def _known(self, row: RowMapping) -> Entry | None:
        """The entry in memory that equals a row, because building thousands takes long."""
        entry = self.by_id(Kind(row["kind"]), row["id"])
        return entry if entry and to_row(entry) == dict(row) else None

    def _add_missing_system_entries(self) -> None:
        if self._missing_system_entries():
            with self._cached.locked():
                if missing := self._missing_system_entries():
                    self._store(missing)

    def _missing_system_entries(self) -> list[Entry]:
        entries = map(system_entry, SYSTEM)
        return [entry for entry in entries if self.by_id(entry.kind, entry.id) is None]


def _draft(kind: Kind, mnemonic: str) -> EntryDraft:
    try:
        return DRAFTS[kind](mnemonic=mnemonic, title=mnemonic)
    except ValidationError as error:
        raise InvalidInput.at(kind.value, MNEMONIC_RULE) from error


def _audited(at: datetime, by: Actor, former: Entry | None, entry: Entry | None) -> AuditEntry:
    changed = entry or former
    assert changed is not None, "an entry is created, changed or deleted"
    return ENTRIES[changed.kind].entry(at, by.author, changed.id, former, entry)


def _recorded(entry: Entry) -> Conflict:
    return Conflict(f"Interactions use the {entry.kind.words} {entry.mnemonic}")

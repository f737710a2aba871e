"""Stores erasures, and the hashes of the ids of erased interactions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Connection, RowMapping, insert, select, update

from tocsin.errors import NotFound
from tocsin.model.audit.entry import AuditAction, AuditEntry, AuditSubject
from tocsin.model.erasure import (
    DataSubject,
    Erasure,
    ErasureCounts,
    ErasureHashes,
    ErasureState,
    SubjectKind,
)
from tocsin.model.erasure_ledger import Ledger, LedgerEntry
from tocsin.model.instant import cut, format_instant
from tocsin.process.audit import Actor
from tocsin.store.audit import record
from tocsin.store.database import Database
from tocsin.store.erasure_tables import erased_ids, erasures
from tocsin.store.fencing import NO_FENCE, Fence
from tocsin.store.revisions import CachedRows, Load
from tocsin.store.upsert import insert_ignoring

_BLOCK = 5_000
_Columns = erasures.c


class Erasures:
    def __init__(self, database: Database, hashes: ErasureHashes, fence: Fence = NO_FENCE) -> None:
        self._database = database
        self._hashes = hashes
        self._fence = fence
        self._load: Load = lambda _: lambda: None
        self._cached: CachedRows | None = None

    def create(self, erasure: Erasure, by: Actor) -> Erasure:
        entry = AuditEntry(
            erasure.requested_date,
            by.author,
            AuditAction.ERASED,
            AuditSubject.ERASURE,
            erasure.erasure_id,
            after={"kind": erasure.kind.value},
        )
        with self._database.writing() as connection:
            connection.execute(insert(erasures), _to_row(erasure))
            record(connection, entry)
        return erasure

    def all(self) -> list[Erasure]:
        """All erasures, newest first."""
        query = select(erasures).order_by(_Columns.number.desc())
        return self._read(query)

    def open(self) -> list[Erasure]:
        """Those that are not done, oldest first."""
        is_open = _Columns.state != ErasureState.DONE.value
        return self._read(select(erasures).where(is_open).order_by(_Columns.number))

    def get(self, id: UUID) -> Erasure:
        """Raises NotFound."""
        rows = self._read(select(erasures).where(_Columns.erasure_id == id))
        if not rows:
            raise NotFound("There is no erasure with this id")
        return rows[0]

    def is_counted(self, id: UUID) -> bool:
        """Whether the counts and ids of what is to be erased are stored."""
        query = select(_Columns.is_counted).where(_Columns.erasure_id == id)
        with self._database.reading() as connection:
            return bool(connection.execute(query).scalar_one())

    def save(self, erasure: Erasure, *, is_counted: bool | None = None) -> Erasure:
        """Store the progress. Raises Deposed unless this node is the leader."""
        values = _to_row(erasure)
        if is_counted is not None:
            values["is_counted"] = is_counted
        change = update(erasures).where(_Columns.erasure_id == erasure.erasure_id)
        with self._database.writing() as connection:
            self._fence.check(connection)
            connection.execute(change.values(**values))
        return erasure

    def cache_hashes(self, load: Load) -> None:
        """Call `load` now, and after each change of the ids on any node, to read `all_hashes`."""
        self._load = load
        self._cached = self._database.revisions.cache(erased_ids.name, load)

    def add_ids(self, erasure_id: UUID, ids: Sequence[bytes]) -> None:
        """Store the hashes of the ids of interactions, 16 bytes each, that are about to be erased.
        Raises Deposed."""
        assert self._cached
        hashes = [self._hashes.interaction(id).hex() for id in ids]
        rows = [{"hash": each, "erasure_id": erasure_id} for each in hashes]
        with self._cached.changing() as change:
            self._fence.check(change.connection)
            for start in range(0, len(rows), _BLOCK):
                block = rows[start : start + _BLOCK]
                insert_ignoring(change.connection, erased_ids, block, key=["hash"])
            change.on_commit(self._load(change.connection))

    def all_hashes(self, connection: Connection) -> bytes:
        """The hashes of all erased ids, 16 bytes each, joined."""
        hashes = connection.execute(select(erased_ids.c.hash)).scalars()
        return b"".join(map(bytes.fromhex, hashes))

    def erased(self, ids: Sequence[bytes]) -> set[bytes]:
        """Those of the interaction ids that were erased."""
        by_hash = {self._hashes.interaction(id).hex(): id for id in ids}
        hashes, stored = list(by_hash), set[bytes]()
        for start in range(0, len(hashes), _BLOCK):
            query = select(erased_ids.c.hash).where(
                erased_ids.c.hash.in_(hashes[start : start + _BLOCK])
            )
            stored |= {by_hash[row.hash] for row in self._database.read_rows(query)}
        return stored

    def ledger(self) -> Ledger:
        """The ledger with which another store of this installation erases the same subjects."""
        with self._database.reading() as connection:
            rows = connection.execute(select(erasures).order_by(_Columns.number)).mappings().all()
            by_erasure: dict[UUID, list[str]] = {}
            for row in connection.execute(select(erased_ids)):
                by_erasure.setdefault(row.erasure_id, []).append(row.hash)
        entries = [
            LedgerEntry(
                erasure.erasure_id,
                erasure.kind,
                erasure.resource_type_id,
                erasure.digest,
                format_instant(erasure.requested_date),
                by_erasure.get(erasure.erasure_id, []),
            )
            for erasure in map(_from_row, rows)
        ]
        return Ledger(1, self._hashes.name, entries)

    def add_ledger(self, entries: Iterable[LedgerEntry]) -> int:
        """Add the erasures of a ledger that this store has not, to be applied. Returns their
        number."""
        with self._database.writing() as connection:
            known = set(connection.execute(select(_Columns.erasure_id)).scalars())
            new = [entry for entry in entries if entry.erasure_id not in known]
            for entry in new:
                connection.execute(insert(erasures), _to_row(entry.erasure()))
                rows = [{"hash": each, "erasure_id": entry.erasure_id} for each in entry.ids]
                for start in range(0, len(rows), _BLOCK):
                    block = rows[start : start + _BLOCK]
                    insert_ignoring(connection, erased_ids, block, key=["hash"])
        return len(new)

    def _read(self, query: Any) -> list[Erasure]:
        with self._database.reading() as connection:
            return [_from_row(row) for row in connection.execute(query).mappings()]


def _to_row(erasure: Erasure) -> dict[str, Any]:
    return {
        "erasure_id": erasure.erasure_id,
        "kind": erasure.kind.value,
        "resource_type_id": erasure.resource_type_id,
        "subject": erasure.subject.value if erasure.subject else None,
        "digest": erasure.digest,
        "upto": erasure.upto,
        "state": erasure.state.value,
        "matched": msgspec.json.encode(erasure.matched).decode(),
        "erased": msgspec.json.encode(erasure.erased).decode(),
        "problem": erasure.problem,
        "requested_date": erasure.requested_date,
        "finished_date": cut(erasure.finished_date) if erasure.finished_date else None,
    }


def _from_row(row: RowMapping) -> Erasure:
    type_id, value = row["resource_type_id"], row["subject"]
    return Erasure(
        erasure_id=row["erasure_id"],
        kind=SubjectKind(row["kind"]),
        resource_type_id=type_id,
        digest=row["digest"],
        upto=row["upto"],
        requested_date=row["requested_date"],
        state=ErasureState(row["state"]),
        subject=None if value is None else DataSubject(value, type_id),
        matched=msgspec.json.decode(row["matched"], type=ErasureCounts),
        erased=msgspec.json.decode(row["erased"], type=ErasureCounts),
        problem=row["problem"],
        finished_date=row["finished_date"],
    )

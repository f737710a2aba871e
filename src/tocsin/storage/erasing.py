"""The worker that erases: it deletes what names a subject from the engine and the store, and waits
until no file has it.

Every step may be repeated, so that an erasure goes on after a crash. The steps are in
docs/decisions/0096-erase-by-rewriting-parts-and-keep-a-ledger-of-hashes.md.
"""

from __future__ import annotations

import time
from collections import Counter
from itertools import chain
from uuid import UUID

import structlog

from tocsin.clickhouse.erasing import EngineErasing
from tocsin.model.erasure import (
    NOTHING,
    DataSubject,
    Erasure,
    ErasureCounts,
    ErasureHashes,
    ErasureState,
    NamingDefinition,
    SubjectKind,
)
from tocsin.process.clock import Clock
from tocsin.process.events import Events, InteractionsDropped
from tocsin.process.leadership import FOLLOWER_SECONDS
from tocsin.process.worker import Worker
from tocsin.storage.backup_leftovers import FROZEN
from tocsin.storage.ledger_file import write_ledger
from tocsin.storage.storage import Storage
from tocsin.store.erased_rows import TABLES, ErasedRows
from tocsin.store.erasure_tables import erasures as erasure_table
from tocsin.store.erasures import Erasures

log = structlog.get_logger()

OPEN_SECONDS = 0.5
"""The pause between two looks while an erasure waits for files to be removed."""
_PASSES = 3
_NODES_SECONDS = 2.0
_DELETES = "Parts are being written again"
_BACKUP_RUNS = "A backup is being made, which has the files as of its begin"
_IS_SENT = "A delivery is being sent"


class Eraser(Worker):
    """Runs on the leader, one erasure at a time."""

    def __init__(
        self,
        storage: Storage,
        erasures: Erasures,
        hashes: ErasureHashes,
        events: Events,
        clock: Clock,
    ) -> None:
        super().__init__("eraser")
        self._storage = storage
        self._erasures = erasures
        self._hashes = hashes
        self._events = events
        self._clock = clock
        self._engine = EngineErasing(storage.engine, storage.fence.confirm)
        self._rows = ErasedRows(storage.database, storage.fence)
        # When the parts of an erasure were written again, in seconds since 1970.
        self._rewritten: dict[UUID, int] = {}
        # The erasures whose former parts are being removed.
        self._removing: set[UUID] = set()

    def run_once(self) -> float | None:
        if not self._storage.leadership.is_leader:
            return FOLLOWER_SECONDS
        for erasure in self._erasures.open():
            self._advance(erasure)
        if self._erasures.open():
            return OPEN_SECONDS
        return FOLLOWER_SECONDS if self._storage.database.is_shared else None

    def apply_ledger(self) -> None:
        """Delete the subjects of a ledger that was added to a restored store, before anything is
        answered; their files are removed later. Raises Unavailable."""
        if self._storage.leadership.is_leader:
            for erasure in self._erasures.open():
                if erasure.is_of_ledger:
                    self._delete(self._begun(erasure))

    def definitions(self, subject: DataSubject) -> list[NamingDefinition]:
        """The definitions that have the value. An admin wrote them, and has to change them."""
        return self._rows.definitions(subject)

    def count(self, subject: DataSubject, upto: int) -> ErasureCounts:
        """The rows that an erasure would find now. Raises Unavailable."""
        rows = self._rows.find(subject, self._clock.now())
        ids = self._engine.ids_of(subject, upto)
        of_transitions = self._engine.ids_of_transitions(subject, self._rows.scopes())
        return rows.counts.plus(ErasureCounts(interactions=len({*ids, *of_transitions})))

    def _advance(self, erasure: Erasure) -> None:
        if erasure.state is ErasureState.PENDING:
            erasure = self._begun(erasure)
        if erasure.subject:
            # A deletion that was begun before a crash, or that takes longer than an answer, ends by
            # itself.
            problem = _DELETES if self._engine.has_waiting_deletions() else None
            if problem is None:
                if erasure.erasure_id not in self._rewritten:
                    erasure = self._delete(erasure)
                problem = self._remains(erasure)
            if problem:
                if problem != erasure.problem:
                    self._erasures.save(erasure.changed(problem=problem))
                return
            # Before the store is compacted, so that the value leaves its file, too.
            erasure = self._erasures.save(
                erasure.changed(subject=None, erased=erasure.matched, problem=None)
            )
        self._finish(erasure)

    def _begun(self, erasure: Erasure) -> Erasure:
        """The erasure in its first or in a repeated run; the subject of a ledger is matched."""
        if erasure.is_of_ledger:
            upto = self._storage.latest_number()
            erasure = erasure.changed(subject=self._subject_of(erasure), upto=upto)
        return self._erasures.save(erasure.changed(state=ErasureState.RUNNING))

    def _subject_of(self, erasure: Erasure) -> DataSubject | None:
        """The subject with the digest of a ledger, None if nothing has it."""
        type_id = erasure.resource_type_id
        member = "userId" if erasure.kind is SubjectKind.USER else "resourceId"
        for value in chain(self._engine.values(type_id), self._rows.values(member)):
            subject = DataSubject(value, type_id)
            if self._hashes.subject(subject) == erasure.digest:
                return subject
        return None

    def _delete(self, erasure: Erasure) -> Erasure:
        """Delete from store and engine; afterwards, no answer has the subject."""
        subject = erasure.subject
        if subject is None:
            return erasure
        if not self._erasures.is_counted(erasure.erasure_id):
            erasure = self._counted(erasure, subject)
        self._engine.begin_syncing()
        for _ in range(_PASSES):
            # An evaluation or a recording that was in progress may have written again.
            if not self._delete_once(subject, erasure.upto):
                break
        self._rewritten[erasure.erasure_id] = self._engine.now()
        return erasure

    def _counted(self, erasure: Erasure, subject: DataSubject) -> Erasure:
        """The erasure with the numbers of rows. The ids are stored before they are deleted."""
        rows = self._rows.find(subject, self._clock.now())
        ids = {
            **self._engine.ids_of(subject, erasure.upto),
            **self._engine.ids_of_transitions(subject, self._rows.scopes()),
            **self._engine.months_of(rows.interaction_ids),
        }
        self._erasures.add_ids(erasure.erasure_id, [id.bytes for id in ids])
        if self._storage.database.is_shared:
            # Other nodes read them within a second; they must not record a repeat again.
            time.sleep(_NODES_SECONDS)
        self._storage.losses.begin_erasing(Counter(map(str, ids.values())))
        matched = rows.counts.plus(ErasureCounts(interactions=len(ids)))
        return self._erasures.save(erasure.changed(matched=matched), is_counted=True)

    def _delete_once(self, subject: DataSubject, upto: int) -> bool:
        """Whether there was something to delete."""
        rows = self._rows.delete(subject, self._clock.now())
        ids = self._engine.ids_of(subject, upto)
        others = {
            **self._engine.ids_of_transitions(subject, self._rows.scopes()),
            **self._engine.months_of(rows.interaction_ids),
        }
        if ids or others:
            self._storage.remember_number()
            self._engine.delete(subject, upto, ids.values(), others)
            self._events.publish(InteractionsDropped())
            self._storage.announce_drop()
        return bool(ids or others) or rows.counts != NOTHING

    def _remains(self, erasure: Erasure) -> str | None:
        """The reason why files may have the subject yet."""
        subject = erasure.subject
        assert subject
        if self._engine.has_waiting_deletions():
            return _DELETES
        if erasure.erasure_id not in self._removing:
            self._engine.release_former_parts()
            self._removing.add(erasure.erasure_id)
        if self._engine.has_former_parts(self._rewritten[erasure.erasure_id]):
            return "Replaced parts are not removed from the disk yet"
        if parts := self._storage.engine.detached_parts():
            return (
                f"{len(parts)} parts that the engine has set aside may have the subject, such as "
                f"{parts[0].name}: attach or remove them (docs/how-to/recover.md)"
            )
        folder = self._storage.folder
        if folder and (folder / "engine" / "shadow" / FROZEN).exists():
            return _BACKUP_RUNS
        return _IS_SENT if self._rows.delete(subject, self._clock.now()).claimed else None

    def _finish(self, erasure: Erasure) -> None:
        self._engine.end_syncing()
        self._storage.database.compact([*(table.name for table in TABLES), erasure_table.name])
        now = self._clock.now()
        if len(self._erasures.open()) == 1:
            self._storage.losses.end_erasing(now)
        self._erasures.save(erasure.changed(state=ErasureState.DONE, finished_date=now))
        self._rewritten.pop(erasure.erasure_id, None)
        self._removing.discard(erasure.erasure_id)
        write_ledger(self._storage.folder, self._erasures.ledger())
        log.info(
            "erasure done",
            erasure=str(erasure.erasure_id),
            kind=erasure.kind.value,
            interactions=erasure.erased.interactions,
        )

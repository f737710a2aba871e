"""Creates erasures, and counts what one would erase."""

from __future__ import annotations

from uuid import UUID, uuid4

from tocsin.errors import InvalidInput
from tocsin.ingestion.append_log import AppendLog
from tocsin.model.erasure import (
    DataSubject,
    Erasure,
    ErasureCounts,
    ErasureDraft,
    ErasureHashes,
    NamingDefinition,
)
from tocsin.model.instant import cut
from tocsin.model.interactions.catalog import Kind
from tocsin.process.audit import Actor
from tocsin.process.clock import Clock
from tocsin.storage.erasing import Eraser
from tocsin.storage.storage import Storage
from tocsin.store.catalog import Catalog
from tocsin.store.erasures import Erasures


class ErasureService:
    def __init__(
        self,
        storage: Storage,
        append_log: AppendLog,
        catalog: Catalog,
        erasures: Erasures,
        hashes: ErasureHashes,
        eraser: Eraser,
        clock: Clock,
    ) -> None:
        self._storage = storage
        self._append_log = append_log
        self._catalog = catalog
        self._erasures = erasures
        self._hashes = hashes
        self._eraser = eraser
        self._clock = clock

    def create(self, draft: ErasureDraft, actor: Actor) -> Erasure:
        """Begin to erase everything that is recorded now. Raises InvalidInput or Unavailable."""
        subject = self._subject(draft)
        erasure = Erasure(
            erasure_id=uuid4(),
            kind=subject.kind,
            resource_type_id=subject.resource_type_id,
            digest=self._hashes.subject(subject),
            upto=self._latest_number(),
            requested_date=cut(self._clock.now()),
            subject=subject,
        )
        self._erasures.create(erasure, actor)
        actor.log_change(
            "erasure requested", erasure=str(erasure.erasure_id), kind=erasure.kind.value
        )
        self._eraser.wake()
        return erasure

    def count(
        self, draft: ErasureDraft
    ) -> tuple[DataSubject, ErasureCounts, list[NamingDefinition]]:
        """The subject, what would be erased, and the definitions that name it, which would not.
        Raises InvalidInput or Unavailable."""
        subject = self._subject(draft)
        counts = self._eraser.count(subject, self._storage.latest_number())
        return subject, counts, self._eraser.definitions(subject)

    def _latest_number(self) -> int:
        # Without an append under way, every lower number has been assigned and recorded.
        with self._append_log.quiet() as check:
            number = self._storage.latest_number()
            check()
        return number

    def _subject(self, draft: ErasureDraft) -> DataSubject:
        draft.check()
        if draft.user_id is not None:
            return DataSubject(draft.user_id)
        assert draft.resource_id is not None
        return DataSubject(draft.resource_id, self._type_of(draft))

    def _type_of(self, draft: ErasureDraft) -> UUID:
        kind = Kind.RESOURCE_TYPE
        named = self._catalog.find(kind, draft.resource_type) if draft.resource_type else None
        by_id = (
            self._catalog.by_id(kind, draft.resource_type_id) if draft.resource_type_id else None
        )
        if draft.resource_type is not None and named is None:
            raise InvalidInput.at("resourceType", "is no resource type in the catalog")
        if draft.resource_type_id is not None and by_id is None:
            raise InvalidInput.at("resourceTypeId", "is the id of no resource type in the catalog")
        if named and by_id and named.id != by_id.id:
            raise InvalidInput.at("resourceType", "is not the one that resourceTypeId names")
        entry = named or by_id
        assert entry
        return entry.id

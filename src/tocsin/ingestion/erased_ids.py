"""Recognizes the ids of erased interactions, so that a repeat does not record them again.

The engine has forgotten them; the store has their hashes. A filter in memory has the hashes, too,
so that the store is hardly ever asked. On several nodes, each reads them again after an erasure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from sqlalchemy import Connection

from tocsin.clickhouse.bloom_filter import IdFilter
from tocsin.model.erasure import ErasureHashes
from tocsin.store.erasures import Erasures


class ErasedLookup(Protocol):
    def among(self, given: Sequence[bytes]) -> set[bytes]:
        """The erased ones of the ids that senders gave. Raises Unavailable."""


class ErasedIds:
    """Any number of threads may use the object."""

    def __init__(self, erasures: Erasures, hashes: ErasureHashes) -> None:
        self._erasures = erasures
        self._hashes = hashes
        self._filter: IdFilter | None = None
        erasures.cache_hashes(self._load)

    def among(self, given: Sequence[bytes]) -> set[bytes]:
        erased = self._filter
        if erased is None or not given:
            return set()
        by_hash = {self._hashes.interaction(id): id for id in given}
        candidates = [by_hash[each] for each in erased.might_contain(list(by_hash))]
        return self._erasures.erased(candidates) if candidates else set()

    def _load(self, connection: Connection) -> Callable[[], None]:
        stored = self._erasures.all_hashes(connection)
        erased = None
        if stored:
            erased = IdFilter()
            erased.add([stored])

        def put() -> None:
            self._filter = erased

        return put


class NothingErased:
    """For a committer without a store."""

    def among(self, given: Sequence[bytes]) -> set[bytes]:  # noqa: ARG002 - it has none
        return set()

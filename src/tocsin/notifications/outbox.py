"""Telling of what is recorded, though the engine and the store share no transaction.

Deliveries are staged in the store before the engine appends what they tell of, and become pending
after it. If something fails or dies in between, whether an interaction is on disk decides: the
engine is asked. What nobody subscribed to costs a look-up in memory.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

import structlog

from tocsin.errors import TocsinError
from tocsin.ingestion.committer import Refused
from tocsin.model.interactions.interaction import Interaction

log = structlog.get_logger()


class Deliveries(Protocol):
    """The part of the store that the outbox needs."""

    def wanted(self, interactions: Iterable[Interaction]) -> list[Interaction]: ...
    def stage(self, interactions: Iterable[Interaction], at: datetime) -> None: ...
    def settle(self, on_disk: Collection[bytes], missing: Collection[bytes]) -> None: ...
    def staged(self) -> set[bytes]: ...


class Outbox:
    """Used by the thread that appends; settled by whoever comes by."""

    def __init__(
        self,
        deliveries: Deliveries,
        existing: Callable[[Sequence[bytes]], set[bytes]],
        now: Callable[[], datetime],
    ) -> None:
        self._deliveries = deliveries
        self._existing = existing
        self._now = now
        self._under_way: set[bytes] = set()
        self._deciding = threading.Lock()
        # Until the engine was asked, nobody knows what a process that died has left.
        self._is_in_doubt = True
        self.on_pending: Callable[[], None] = lambda: None

    @contextmanager
    def staged(self, interactions: Sequence[Interaction]) -> Iterator[dict[bytes, Refused]]:
        """Around an append: what was refused is put into the dict, by its id."""
        refused: dict[bytes, Refused] = {}
        wanted = self._deliveries.wanted(interactions)
        if not wanted:
            yield refused
            return
        ids = {one.interaction_id for one in wanted}
        has_deliveries = False
        try:
            with self._deciding:
                self._under_way = ids
                self._deliveries.stage(wanted, self._now())
            yield refused
            has_deliveries = self._tell(ids - refused.keys(), ids & refused.keys())
        finally:
            # In this order: whoever settles leaves alone what is under way.
            self._under_way = set()
            self._is_in_doubt |= not has_deliveries
            self.on_pending()

    def settle(self) -> None:
        """Ask the engine what became of everything that is in doubt; raises Unavailable."""
        if not self._is_in_doubt:
            return
        self._is_in_doubt = False
        try:
            # What is being recorded at the moment is decided by whoever records it.
            with self._deciding:
                staged = self._deliveries.staged() - self._under_way
                on_disk = self._existing(list(staged)) if staged else set()
                self._deliveries.settle(on_disk, staged - on_disk)
        except BaseException:
            self._is_in_doubt = True
            raise

    def _tell(self, on_disk: Collection[bytes], missing: Collection[bytes]) -> bool:
        """The interactions are on disk and must be acknowledged, whatever the store does."""
        try:
            self._deliveries.settle(on_disk, missing)
        except TocsinError as error:
            log.error("deliveries stay staged, and are settled later", reason=error.detail)
            return False
        return True

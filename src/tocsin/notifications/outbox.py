"""A transactional outbox across the engine and the store, which share no transaction.

Deliveries are staged in the store before the engine appends their interactions, and become pending
afterwards. After a failure in between, the engine is asked which interactions it has. A block
without subscribers costs a look-up in memory.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import structlog

from tocsin.errors import TocsinError
from tocsin.ingestion.outcomes import Rejected
from tocsin.model.interactions.interaction import Interaction
from tocsin.process.clock import Clock
from tocsin.process.events import (
    DeliveriesPending,
    Events,
    InteractionsFollowed,
    LeadershipGained,
)
from tocsin.store.deliveries import Deliveries

log = structlog.get_logger()


class RecordedIds(Protocol):
    """The part of the engine that tells which interactions are recorded."""

    def recorded_ids(self, ids: Sequence[bytes]) -> set[bytes]:
        """Those of the interaction ids (16 bytes each) that are recorded."""
        ...


class Outbox:
    """The committer stages; the dispatcher of the leader reconciles."""

    def __init__(
        self,
        deliveries: Deliveries,
        engine: RecordedIds,
        events: Events,
        clock: Clock,
        undecided: Callable[[], Collection[bytes]] = frozenset,
    ) -> None:
        """`undecided` returns the ids of interactions with deliveries whose append has not ended,
        on any node: its node decides them, or the one that closes it, by `settle`."""
        self._deliveries = deliveries
        self._undecided = undecided
        self._engine = engine
        self.with_subscribers = deliveries.with_subscribers
        self._events = events
        self._clock = clock
        self._in_flight: set[bytes] = set()
        self._deciding = threading.Lock()
        # An earlier process may have died between staging and appending.
        self._is_in_doubt = True

    @contextmanager
    def staged(self, with_subscribers: Sequence[Interaction]) -> Iterator[dict[bytes, Rejected]]:
        """Stage the deliveries of a block around its append; the caller puts the interactions that
        were refused into the dict, by id."""
        refused: dict[bytes, Rejected] = {}
        if not with_subscribers:
            yield refused
            return
        ids = {interaction.interaction_id for interaction in with_subscribers}
        is_decided = False
        try:
            with self._deciding:
                self._in_flight = ids
                self._deliveries.stage(with_subscribers, self._clock.now())
            yield refused
            is_decided = self._decide(ids - refused.keys(), ids & refused.keys())
        finally:
            # In this order: `reconcile` skips what is in flight.
            self._in_flight = set()
            self._is_in_doubt |= not is_decided
            self._events.publish(DeliveriesPending())

    def on_interactions_followed(self, event: InteractionsFollowed) -> None:
        """Deliveries that another node has staged are decided, or in doubt after a failure."""
        if event.has_deliveries:
            self._is_in_doubt = True
            self._events.publish(DeliveriesPending())

    def on_leadership_gained(self, _event: LeadershipGained) -> None:
        """The leader before may have left some undecided."""
        self._is_in_doubt = True

    def settle(self, ids: Collection[bytes]) -> None:
        """Decide the deliveries of interactions that nothing appends any more, by asking the
        engine. Raises Unavailable."""
        recorded = self._engine.recorded_ids(list(ids))
        self._deliveries.reconcile(recorded, set(ids) - recorded)
        self._events.publish(DeliveriesPending())

    def reconcile(self) -> None:
        """Decide the staged deliveries that are in doubt, by asking the engine. Raises
        Unavailable."""
        if not self._is_in_doubt:
            return
        self._is_in_doubt = False
        try:
            # The committer decides the block that it is appending.
            with self._deciding:
                staged = self._deliveries.staged() - self._in_flight
                # After that, because an append begins before its deliveries are staged.
                undecided = staged.intersection(self._undecided()) if staged else staged
                self._is_in_doubt |= bool(undecided)
                staged -= undecided
                recorded = self._engine.recorded_ids(list(staged)) if staged else set()
                self._deliveries.reconcile(recorded, staged - recorded)
        except BaseException:
            self._is_in_doubt = True
            raise

    def _decide(self, recorded: Collection[bytes], missing: Collection[bytes]) -> bool:
        """Whether the store took it. The interactions are on disk, so that a failure of the store
        must not fail the senders."""
        try:
            self._deliveries.reconcile(recorded, missing)
        except TocsinError as error:
            log.error("staged deliveries not decided", reason=error.detail)
            return False
        return True

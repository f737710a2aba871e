"""The worker that sends, at the end of a silence, the held deliveries of groups that still fire."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog

from tocsin.model.notifications.silence import Silence
from tocsin.process.clock import Clock
from tocsin.process.events import DeliveriesPending, Events, LeadershipGained
from tocsin.process.leadership import ALWAYS_LEADER, FOLLOWER_SECONDS, Leadership
from tocsin.process.worker import Worker
from tocsin.store.held_deliveries import HeldDeliveries
from tocsin.store.silences import Silences

log = structlog.get_logger()

SECONDS = 1.0


class HeldDeliveryReleaser(Worker):
    """Looks for silences that hold deliveries and are no longer active. The waiting deliveries are
    rows of the store, so that neither a restart nor another leader misses an end."""

    def __init__(
        self,
        held: HeldDeliveries,
        silences: Silences,
        events: Events,
        clock: Clock,
        leadership: Leadership = ALWAYS_LEADER,
    ) -> None:
        super().__init__("held delivery releaser")
        self._held = held
        self._silences = silences
        self._events = events
        self._clock = clock
        self._leadership = leadership
        # The definitions of active silences by which the deliveries that they hold were decided.
        self._decided: dict[UUID, Silence] = {}

    def on_leadership_gained(self, _event: LeadershipGained) -> None:
        self.wake()

    def run_once(self) -> float:
        if not self._leadership.is_leader:
            self._decided = {}
            return FOLLOWER_SECONDS
        at = self._clock.now()
        holders = self._held.holders()
        released = sum(self._settle(id, at) for id in holders)
        self._decided = {id: each for id, each in self._decided.items() if id in holders}
        if released:
            log.info("held deliveries released", deliveries=released)
            self._events.publish(DeliveriesPending())
        return SECONDS

    def _settle(self, id: UUID, at: datetime) -> int:
        silence = self._silences.find(id)
        is_active = silence is not None and silence.window_at(at) is not None
        if is_active and self._decided.get(id) == silence:
            return 0
        released = self._held.settle(id, at)
        if silence is not None and is_active:
            self._decided[id] = silence
        return released

"""The worker that sends, at the end of a silence, the held deliveries of groups that still fire."""

from __future__ import annotations

import structlog

from tocsin.notifications.ended_silences import EndedSilences
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
        self._ended = EndedSilences(silences)
        self._events = events
        self._clock = clock
        self._leadership = leadership

    def on_leadership_gained(self, _event: LeadershipGained) -> None:
        self.wake()

    def run_once(self) -> float:
        if not self._leadership.is_leader:
            self._ended.forget()
            return FOLLOWER_SECONDS
        at = self._clock.now()
        released = sum(self._ended.settle(self._held.holders(), at, self._held.settle))
        if released:
            log.info("held deliveries released", deliveries=released)
            self._events.publish(DeliveriesPending())
        return SECONDS

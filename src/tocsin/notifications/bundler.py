"""The worker that closes bundles and sends reminders when they are due, and that opens bundles
again for groups that fire at the end of a silence."""

from __future__ import annotations

from datetime import datetime, timedelta

from tocsin.notifications.ended_silences import EndedSilences
from tocsin.process.clock import Clock
from tocsin.process.events import DeliveriesPending, Events, LeadershipGained, TransitionsStored
from tocsin.process.leadership import ALWAYS_LEADER, Leadership
from tocsin.process.worker import Worker
from tocsin.store.bundles import Bundles
from tocsin.store.silences import Silences

IDLE_SECONDS = 1.0
"""Other nodes open bundles, too, and do not wake this worker."""

_FORGET_AFTER = timedelta(days=1)
_FORGET_EVERY = timedelta(hours=1)


class Bundler(Worker):
    """Runs on the leader. A bundle and its delivery are one transaction, so that a crash neither
    loses nor repeats a message."""

    def __init__(
        self,
        bundles: Bundles,
        silences: Silences,
        events: Events,
        clock: Clock,
        leadership: Leadership = ALWAYS_LEADER,
    ) -> None:
        super().__init__("bundler")
        self._bundles = bundles
        self._ended = EndedSilences(silences)
        self._events = events
        self._clock = clock
        self._leadership = leadership
        self._forgot_at: datetime | None = None

    def on_transitions_stored(self, _event: TransitionsStored) -> None:
        self.wake()

    def on_leadership_gained(self, _event: LeadershipGained) -> None:
        self.wake()

    def run_once(self) -> float:
        """Close and remind. Raises Deposed or Unavailable."""
        if not self._leadership.is_leader:
            self._ended.forget()
            return IDLE_SECONDS
        at = self._clock.now()
        self._ended.settle(self._bundles.silencing(), at, self._bundles.release)
        if self._bundles.settle(at):
            self._events.publish(DeliveriesPending())
        if self._forgot_at is None or at - self._forgot_at >= _FORGET_EVERY:
            self._bundles.forget_idle(at - _FORGET_AFTER)
            self._forgot_at = at
        due = self._bundles.next_due()
        seconds = (due - self._clock.now()).total_seconds() if due else IDLE_SECONDS
        return min(max(seconds, 0.0), IDLE_SECONDS)

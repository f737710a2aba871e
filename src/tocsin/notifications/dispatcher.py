"""The worker that sends deliveries: claims those that are due, attempts them, saves the results.

Each channel has a concurrency limit of its own, so that a slow or dead receiver does not delay
other channels. The results of all channels are saved together, in few transactions.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol
from uuid import UUID

import structlog

from tocsin.model.notifications.channel import Channel
from tocsin.model.notifications.delivery import Attempt, Delivery
from tocsin.model.notifications.message import Message
from tocsin.model.notifications.retries import (
    RETRY_DELAYS,
    CompletedAttempt,
    next_step,
    requested_pause_end,
)
from tocsin.notifications.attempts import Attempts
from tocsin.process.clock import Clock, seconds_of_machine
from tocsin.process.events import DeliveriesPending, LeadershipGained, TransitionsStored
from tocsin.process.leadership import ALWAYS_LEADER, Leadership
from tocsin.process.worker import Worker
from tocsin.store.channels import Channels
from tocsin.store.delivery_queue import CLAIM, DeliveryQueue
from tocsin.store.dropped_deliveries import DroppedDeliveries

log = structlog.get_logger()

CONCURRENCY = 8
"""The maximum of attempts in flight for each channel."""

IDLE_SECONDS = 0.25
FAILED_SECONDS = 5.0
GRACE_SECONDS = 3.0

START_SECONDS = CLAIM.total_seconds() - 20
"""A message is sent at most this time after its delivery was claimed, so that the attempt ends
before another node may claim the delivery."""


class StagedDeliveries(Protocol):
    def reconcile(self) -> None:
        """Settle the staged deliveries whose append may have failed; raises Unavailable."""


class Dispatcher(Worker):
    """Claims due deliveries, starts attempts to send them, and saves the results."""

    def __init__(
        self,
        queue: DeliveryQueue,
        channels: Channels,
        dropped: DroppedDeliveries,
        outbox: StagedDeliveries,
        attempts: Attempts,
        clock: Clock,
        *,
        delays: Sequence[timedelta] = RETRY_DELAYS,
        leadership: Leadership = ALWAYS_LEADER,
    ) -> None:
        """`delays` are the delays between the attempts of a delivery."""
        super().__init__("dispatcher", retry_seconds=FAILED_SECONDS)
        self._queue = queue
        self._channels = channels
        self._dropped = dropped
        self._outbox = outbox
        self._attempts = attempts
        self._clock = clock
        self._delays = delays
        self._leadership = leadership
        self._in_flight: Counter[UUID] = Counter()
        self._completed: deque[CompletedAttempt] = deque()
        self._expired: deque[UUID] = deque()

    def start(self) -> None:
        self._attempts.start()
        super().start()

    def stop(self) -> None:
        """Give attempts in flight a few seconds and save their results; all other deliveries are
        sent after the next start."""
        super().stop()
        self._attempts.stop(GRACE_SECONDS)
        self._save_results()

    def on_deliveries_pending(self, _event: DeliveriesPending) -> None:
        self.wake()

    def on_transitions_stored(self, _event: TransitionsStored) -> None:
        """Deliveries of transitions are stored with them, and do not wait for their interactions
        to be recorded."""
        self.wake()

    def on_leadership_gained(self, event: LeadershipGained) -> None:
        """Release the claims of an earlier leader, unless it may still send what it has claimed:
        then they expire. Raises Unavailable."""
        if event.has_predecessor_ended:
            self._queue.release_all()
        self.wake()

    def run_once(self) -> float:
        """Save the results since the last run, then start the attempts that are due, as far as the
        concurrency limits of the channels allow. A node that is not the leader starts none. Raises
        Unavailable."""
        self._save_results()
        if not self._leadership.is_leader:
            return IDLE_SECONDS
        self._outbox.reconcile()
        at = self._clock.now()
        self._dropped.announce(at)
        latest = seconds_of_machine() + START_SECONDS
        for delivery in self._queue.claim(self._free_slots(at), at):
            self._in_flight[delivery.channel_id] += 1
            attempt = self._attempts.deliver(delivery, latest)
            attempt.add_done_callback(partial(self._complete, delivery))
        return IDLE_SECONDS

    def send(self, channel: Channel, message: Message) -> Attempt:
        """Make one attempt immediately and return its result; blocks. The limit and a pause of
        the channel do not apply. A pause ends unless the receiver requests another one."""
        attempt = self._attempts.send(channel, message).result()
        self._channels.pause(
            channel.channel_id, requested_pause_end(attempt.result, self._clock.now())
        )
        self.wake()
        return attempt

    def _free_slots(self, at: datetime) -> dict[UUID, int]:
        return {
            channel.channel_id: free
            for channel in self._channels.all()
            if channel.spec.enabled
            and not channel.paused_until(at)
            and (free := CONCURRENCY - self._in_flight[channel.channel_id]) > 0
        }

    def _complete(self, delivery: Delivery, future: Future[Attempt | None]) -> None:
        """Store the result until the next run. Called on the thread of the attempts."""
        if future.cancelled() or future.exception():
            return
        attempt = future.result()
        if attempt is None:
            self._expired.append(delivery.channel_id)
            return
        step = next_step(
            delivery.tries + 1,
            attempt.result,
            self._clock.now(),
            random.uniform(-1, 1),
            self._delays,
        )
        self._completed.append(CompletedAttempt(delivery, attempt, step))
        self.wake()

    def _save_results(self) -> None:
        self._in_flight.subtract(self._expired.popleft() for _ in range(len(self._expired)))
        attempts = [self._completed.popleft() for _ in range(len(self._completed))]
        if not attempts:
            return
        try:
            self._save(attempts)
        except Exception:
            # The claims of these deliveries expire. Then they are sent again, with the same ids.
            log.exception("saving delivery results failed", deliveries=len(attempts))
        self._in_flight.subtract(each.delivery.channel_id for each in attempts)

    def _save(self, attempts: Sequence[CompletedAttempt]) -> None:
        # A Retry-After pauses the whole channel before further deliveries of it are claimed.
        for each in attempts:
            if each.next_step.pause_ends_at:
                self._channels.pause(each.delivery.channel_id, each.next_step.pause_ends_at)
        self._queue.finish(attempts)
        for id in {a.delivery.channel_id for a in attempts if a.attempt.result.is_gone}:
            log.warning("channel disabled", channel=str(id), reason="It answered 410 Gone")
            self._channels.disable(id, "It answered 410 Gone", self._clock.now())

"""The queue of interactions that are not recorded yet, and the rules for sending them.

It does no I/O and starts no thread: a sender calls `take`, sends the batch, and calls `settle`
with the outcome. All methods may be called from any thread; one sender works at a time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from tocsin_client._answers import Failed, Outcome, Recorded, TooLarge
from tocsin_client._backoff import delay_after
from tocsin_client._rejection import FieldError

QUEUE_BYTES = 64 * 1024 * 1024
BATCH_BYTES = 4 * 1024 * 1024
log = logging.getLogger("tocsin_client")


@dataclass(frozen=True)
class Stats:
    """Counts since the client was created; their sum is the number of interactions recorded."""

    queued: int
    """Not answered yet: waiting or being sent."""
    recorded: int
    """On the server, on disk."""
    rejected: int
    """Not acceptable; see `on_rejected`."""
    dropped: int
    """Lost: the oldest ones of a full queue, and those left when the client was closed."""
    retries: int
    """Attempts to send a batch that failed."""
    last_failure: str | None
    """The reason of the last failed attempt; None after a successful one."""


class Item(NamedTuple):
    """One encoded interaction; `number` counts the interactions of the queue."""

    number: int
    id: UUID
    line: bytes
    queued_at: float


Batch = list[Item]
RejectedItem = tuple[Item, tuple[FieldError, ...]]


class Outbox:
    """A bounded queue in the order of recording.

    A batch is due when it is full, when its first interaction has waited for `interval` seconds,
    or when a flush includes it. A batch that fails returns to the front of the queue.
    """

    def __init__(
        self,
        capacity: int,
        batch_size: int,
        interval: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not 1 <= batch_size <= min(capacity, 10_000):
            raise ValueError("batch_size must be between 1 and 10,000, and at most capacity")
        self._capacity = capacity
        self._batch_size = batch_size
        self._interval = interval
        self._clock = clock
        # Reentrant, because a signal handler or a log handler may record an interaction.
        self._lock = threading.RLock()
        self._queue: deque[Item] = deque()
        self._bytes = 0
        self._in_flight: Batch = []
        self._numbers = 0
        self._flushed = 0
        self._waiting: list[tuple[int, Callable[[], None]]] = []
        self._longest = batch_size
        self._failures = 0
        self._not_before = 0.0
        self._is_closed = self._is_dropping = False
        self._recorded = self._rejected = self._dropped = self._retries = 0
        self._last_failure: str | None = None

    @property
    def stats(self) -> Stats:
        with self._lock:
            return Stats(
                len(self._queue) + len(self._in_flight),
                self._recorded,
                self._rejected,
                self._dropped,
                self._retries,
                self._last_failure,
            )

    def add(self, id: UUID, line: bytes) -> bool:
        """Queue an interaction; True if the sender must be woken, because a batch became due or
        the queue was empty."""
        with self._lock:
            if self._is_closed:
                self._drop("the client is closed")
                return False
            self._numbers += 1
            self._queue.append(Item(self._numbers, id, line, self._clock()))
            self._bytes += len(line)
            self._trim()
            needs_sender = len(self._queue) in (1, self._batch_size) or self._bytes >= BATCH_BYTES
            ready = self._pop_settled()
        _call(ready)
        return needs_sender

    def add_rejected(self) -> None:
        """Count an interaction that is not queued, because it cannot be encoded."""
        with self._lock:
            self._rejected += 1

    def take(self) -> Batch | None:
        """The next batch, if one is due. It must be settled before the next one is taken."""
        with self._lock:
            if self._in_flight or self._due_in() != 0:
                return None
            size = 0
            while self._queue and len(self._in_flight) < self._longest:
                size += len(self._queue[0].line) + 1
                if self._in_flight and size > BATCH_BYTES:
                    break
                self._in_flight.append(self._queue.popleft())
                self._bytes -= len(self._in_flight[-1].line)
            return list(self._in_flight)

    def seconds_until_due(self) -> float | None:
        """Seconds until `take` returns a batch; None while nothing is queued."""
        with self._lock:
            return self._due_in()

    def settle(self, outcome: Outcome) -> list[RejectedItem]:
        """Apply the outcome of the batch in flight; answers its rejected interactions."""
        with self._lock:
            if not self._in_flight:  # the client was closed meanwhile
                return []
            if isinstance(outcome, Recorded):
                rejected = self._settle_recorded(outcome)
            elif isinstance(outcome, TooLarge):
                rejected = self._settle_too_large(outcome)
            else:
                rejected = []
                self._settle_failed(outcome)
            self._rejected += len(rejected)
            ready = self._pop_settled()
        _call(ready)
        return rejected

    def restore(self) -> None:
        """Return the batch in flight to the queue, because its sender ended."""
        with self._lock:
            self._return_in_flight()

    def flush(self, done: Callable[[], None]) -> None:
        """Make everything that is queued due, and call `done` when all of it is settled."""
        with self._lock:
            self._flushed = self._numbers
            self._waiting.append((self._numbers, done))
            ready = self._pop_settled()
        _call(ready)

    def close(self) -> None:
        """Drop everything that is left, and everything that is added later."""
        with self._lock:
            self._return_in_flight()
            self._is_closed = True
            if self._queue:
                self._dropped += len(self._queue)
                log.error("closed with %d interactions that are not recorded", len(self._queue))
            self._queue.clear()
            self._bytes = 0
            ready = self._pop_settled()
        _call(ready)

    def _due_in(self) -> float | None:
        if not self._queue:
            return None
        now, first = self._clock(), self._queue[0]
        is_full = len(self._queue) >= self._batch_size or self._bytes >= BATCH_BYTES
        is_due = is_full or first.number <= self._flushed
        wait = 0.0 if is_due else first.queued_at + self._interval - now
        return max(0.0, wait, self._not_before - now)

    def _settle_recorded(self, outcome: Recorded) -> list[RejectedItem]:
        batch, self._in_flight = self._in_flight, []
        self._recorded += len(batch) - len(outcome.rejected)
        if self._failures:
            log.info("recording resumed after %d failed attempts", self._failures)
        self._failures, self._not_before, self._last_failure = 0, 0.0, None
        self._is_dropping = False
        self._longest = min(self._batch_size, 2 * self._longest)
        return [(batch[index], errors) for index, errors in outcome.rejected.items()]

    def _settle_too_large(self, outcome: TooLarge) -> list[RejectedItem]:
        if len(self._in_flight) == 1:
            (item,) = self._in_flight
            self._in_flight = []
            return [(item, (FieldError("", outcome.reason),))]
        self._longest = len(self._in_flight) // 2
        # Both halves are due immediately.
        self._flushed = max(self._flushed, self._in_flight[-1].number)
        self._return_in_flight()
        return []

    def _settle_failed(self, outcome: Failed) -> None:
        self._retries += 1
        self._failures += 1
        self._last_failure = outcome.reason
        if self._failures == 1:
            log.warning("recording failed and is retried: %s", outcome.reason)
        self._not_before = self._clock() + delay_after(self._failures, outcome.retry_after)
        self._return_in_flight()

    def _return_in_flight(self) -> None:
        self._queue.extendleft(reversed(self._in_flight))
        self._bytes += sum(len(item.line) for item in self._in_flight)
        self._in_flight = []
        self._trim()

    def _trim(self) -> None:
        """Drop the oldest interactions of a queue that is too long."""
        while len(self._queue) > self._capacity or (
            self._bytes > QUEUE_BYTES and len(self._queue) > 1
        ):
            self._bytes -= len(self._queue.popleft().line)
            self._drop("the queue is full, the oldest go first")

    def _drop(self, reason: str) -> None:
        """Count one interaction as dropped; logs only the first until a batch is recorded."""
        self._dropped += 1
        if not self._is_dropping:
            log.error("interactions are dropped: %s", reason)
        self._is_dropping = True

    def _pop_settled(self) -> list[Callable[[], None]]:
        """Removes the callbacks of flushes of which nothing is queued or in flight any more."""
        if not self._waiting:
            return []
        unsettled = self._in_flight or self._queue
        oldest = unsettled[0].number if unsettled else self._numbers + 1
        ready = [done for number, done in self._waiting if number < oldest]
        self._waiting = [entry for entry in self._waiting if entry[0] >= oldest]
        return ready


def _call(callbacks: list[Callable[[], None]]) -> None:
    for callback in callbacks:
        callback()

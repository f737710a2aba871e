"""Decides what follows an attempt to send a delivery: a retry and its delay, or the end.

"Deliveries" in docs/reference/alerts.md defines the rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.model.notifications.delivery import Attempt, Delivery, DeliveryStatus, SendResult
from tocsin.model.notifications.retry_after import LONGEST_DELAY

# The delays between attempts. So there are eight attempts; after the last one the delivery fails.
RETRY_DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
)
# The largest random change of a delay, as a fraction of it.
JITTER = 0.2


@dataclass(frozen=True, slots=True)
class NextStep:
    """The consequence of an attempt: the status of its delivery, and the time of a retry. A pause
    that the receiver requested is stored with the channel, so that it can be ended there."""

    status: DeliveryStatus
    retry_at: datetime | None = None
    pause_ends_at: datetime | None = None

    @property
    def due(self) -> datetime | None:
        """The time of the next attempt, unless the pause is ended earlier."""
        if self.retry_at is None or self.pause_ends_at is None:
            return self.retry_at
        return max(self.retry_at, self.pause_ends_at)


@dataclass(frozen=True, slots=True)
class CompletedAttempt:
    """One attempt of a delivery, and its consequence."""

    delivery: Delivery
    attempt: Attempt
    next_step: NextStep


def next_step(
    tries: int,
    result: SendResult,
    at: datetime,
    jitter: float,
    delays: Sequence[timedelta] = RETRY_DELAYS,
) -> NextStep:
    """The consequence of the `tries`-th attempt; `jitter` is between -1 and 1."""
    if result.is_sent:
        return NextStep(DeliveryStatus.SENT)
    pause_ends_at = requested_pause_end(result, at)
    if result.skip_reason:
        return NextStep(DeliveryStatus.SKIPPED)
    if result.is_gone or result.is_final or tries > len(delays):
        return NextStep(DeliveryStatus.FAILED, pause_ends_at=pause_ends_at)
    retry_at = at + delays[tries - 1] * (1 + JITTER * jitter)
    return NextStep(DeliveryStatus.PENDING, retry_at, pause_ends_at)


def requested_pause_end(result: SendResult, at: datetime) -> datetime | None:
    """The end of the pause that the receiver requested by Retry-After; None without one."""
    if not result.retry_after:
        return None
    return at + min(result.retry_after, LONGEST_DELAY)

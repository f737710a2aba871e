"""The delivery of one interaction to one subscription: its status, its attempts, its retries.

A delivery is `staged` until its interaction is known to be on disk; the API shows it from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid5

import msgspec

from tocsin.model.notifications.retry_after import LONGEST_DELAY
from tocsin.model.notifications.subscription import Template

# Between attempts, so there are eight of them; after the last one the delivery has failed.
RETRY_DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
)
JITTER = 0.2

MAX_SNAPSHOT = 64 * 1024
"""Bytes of payload and response that a delivery stores; of larger ones it stores the id only."""

TOCSIN = UUID(int=0)
"""In place of a subscription: a message of Tocsin itself about the channel."""

NO_TEMPLATE = Template()


class DeliveryStatus(StrEnum):
    STAGED = "staged"
    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    SILENCED = "silenced"
    SKIPPED = "skipped"


SHOWN = (
    DeliveryStatus.PENDING,
    DeliveryStatus.SENT,
    DeliveryStatus.FAILED,
    DeliveryStatus.SILENCED,
    DeliveryStatus.SKIPPED,
)


@dataclass(frozen=True, slots=True)
class SendResult:
    """The result of one attempt to send; without an error it was sent."""

    error: str | None = None
    http_status: int | None = None
    retry_after: timedelta | None = None

    @property
    def is_sent(self) -> bool:
        return self.error is None

    @property
    def is_gone(self) -> bool:
        """Whether the receiver refuses all further messages."""
        return self.http_status == HTTPStatus.GONE


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt, as it is stored."""

    at: datetime
    result: SendResult
    duration: timedelta


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery as it is stored. `snapshot` is the interaction as JSON, with the API's names;
    `due` is the time of the next attempt, None if there is none or the channel is disabled."""

    delivery_id: UUID
    subscription_id: UUID
    channel_id: UUID
    interaction_id: UUID
    status: DeliveryStatus
    snapshot: str
    template: Template
    silence_id: UUID | None
    tries: int
    due: datetime | None
    created_date: datetime
    finished_date: datetime | None
    skip_reason: str | None = None
    attempts: tuple[Attempt, ...] = ()

    @property
    def interaction(self) -> dict[str, Any]:
        decoded: dict[str, Any] = msgspec.json.decode(self.snapshot)
        return decoded

    @property
    def lacks_payload(self) -> bool:
        """Whether the payload has to be read from the engine before the delivery can be sent."""
        return "interaction" not in self.interaction

    @property
    def is_of_tocsin(self) -> bool:
        """Whether it is a message of Tocsin itself, which no interaction is recorded for."""
        return self.subscription_id == TOCSIN

    @property
    def has_template(self) -> bool:
        return self.template != NO_TEMPLATE


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Deliveries, newest first, and the number below which the next page begins."""

    deliveries: list[Delivery]
    next_before: int | None


@dataclass(frozen=True, slots=True)
class NextStep:
    """The consequence of an attempt: the status of its delivery, and the time of a retry. A rest
    that the receiver asked for is stored with the channel, so that it can be ended there."""

    status: DeliveryStatus
    retry_at: datetime | None = None
    resting_until: datetime | None = None

    @property
    def due(self) -> datetime | None:
        """When the next attempt is made, unless the rest is ended before."""
        if self.retry_at is None or self.resting_until is None:
            return self.retry_at
        return max(self.retry_at, self.resting_until)


@dataclass(frozen=True, slots=True)
class CompletedAttempt:
    """One attempt of a delivery, and its consequence."""

    delivery: Delivery
    attempt: Attempt
    next_step: NextStep


def delivery_id(subscription_id: UUID, interaction_id: bytes) -> UUID:
    """The id follows from both, so that nothing is delivered under two ids."""
    return uuid5(subscription_id, interaction_id.hex())


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
    rest = resting_until(result, at)
    if result.is_gone or tries > len(delays):
        return NextStep(DeliveryStatus.FAILED, resting_until=rest)
    return NextStep(DeliveryStatus.PENDING, at + delays[tries - 1] * (1 + JITTER * jitter), rest)


def resting_until(result: SendResult, at: datetime) -> datetime | None:
    """The end of the rest that the receiver asked for by Retry-After, if it did."""
    if not result.retry_after:
        return None
    return at + min(result.retry_after, LONGEST_DELAY)

"""One interaction for one subscription: what became of it, and when is it tried again?

A delivery is `staged` until the interaction it tells of is known to be on disk; the API shows it
from then on.
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

# After the first try and each one that failed, so there are eight in all; then it has failed.
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
"""Bytes of payload and response that a delivery keeps; of larger ones it keeps the id only."""

TOCSIN = UUID(int=0)
"""In the place of a subscription: a message of Tocsin itself about the channel."""


NO_TEMPLATE = Template()


class Status(StrEnum):
    STAGED = "staged"
    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    SILENCED = "silenced"
    SKIPPED = "skipped"


SHOWN = (Status.PENDING, Status.SENT, Status.FAILED, Status.SILENCED, Status.SKIPPED)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of one try. No error means that it was sent."""

    error: str | None = None
    http_status: int | None = None
    retry_after: timedelta | None = None

    @property
    def is_sent(self) -> bool:
        return self.error is None

    @property
    def is_gone(self) -> bool:
        """The receiver does not want to hear of us again."""
        return self.http_status == HTTPStatus.GONE


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try, as it is kept."""

    at: datetime
    receipt: Receipt
    duration: timedelta


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery as it is kept. `snapshot` is the interaction, as JSON by the API's names; `due`
    is when it is tried next, as far as that is known."""

    delivery_id: UUID
    subscription_id: UUID
    channel_id: UUID
    interaction_id: UUID
    status: Status
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
        """Whether the payload has to be read from the engine before this can be sent."""
        return "interaction" not in self.interaction

    @property
    def is_of_tocsin(self) -> bool:
        """Whether Tocsin itself says it of the channel, so that no interaction is recorded."""
        return self.subscription_id == TOCSIN

    @property
    def has_template(self) -> bool:
        return self.template != NO_TEMPLATE


@dataclass(frozen=True, slots=True)
class Page:
    """Some deliveries, newest first, and the number before which the next ones stand."""

    deliveries: list[Delivery]
    next_before: int | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a try makes of its delivery: its status, and when to retry; and until when its receiver
    wants to be left alone, which is kept with the channel, so that it can be ended there."""

    status: Status
    retry_at: datetime | None = None
    resting_until: datetime | None = None

    @property
    def due(self) -> datetime | None:
        """When the next try is made, if there is one and the rest is not ended before."""
        if self.retry_at is None or self.resting_until is None:
            return self.retry_at
        return max(self.retry_at, self.resting_until)


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt at a delivery, and what it makes of it."""

    delivery: Delivery
    attempt: Attempt
    verdict: Verdict


def delivery_id(subscription_id: UUID, interaction_id: bytes) -> UUID:
    """The same however often the two meet, so nothing is delivered under two ids."""
    return uuid5(subscription_id, interaction_id.hex())


def judge(
    tries: int,
    receipt: Receipt,
    at: datetime,
    jitter: float,
    delays: Sequence[timedelta] = RETRY_DELAYS,
) -> Verdict:
    """What follows from a try, the `tries`-th one; `jitter` lies between -1 and 1."""
    if receipt.is_sent:
        return Verdict(Status.SENT)
    rest = resting_until(receipt, at)
    if receipt.is_gone or tries > len(delays):
        return Verdict(Status.FAILED, resting_until=rest)
    return Verdict(Status.PENDING, at + delays[tries - 1] * (1 + JITTER * jitter), rest)


def resting_until(receipt: Receipt, at: datetime) -> datetime | None:
    """The end of the rest that a receiver asked for by Retry-After, if it did."""
    if not receipt.retry_after:
        return None
    return at + min(receipt.retry_after, LONGEST_DELAY)

"""The delivery of one interaction, to a subscription or to a channel of its alert: its status and
its attempts.

A delivery is `staged` until its interaction is known to be on disk; the API shows it from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid5

import msgspec

from tocsin.model.notifications.subscription import Template

MAX_SNAPSHOT = 64 * 1024
"""The maximum bytes of payload and response that a delivery stores; larger ones are read from the
engine when the delivery is sent."""

TOCSIN = UUID(int=0)
"""The subscription id of the messages that Tocsin itself sends about a channel."""

ALERT = UUID(int=1)
"""The subscription id of the messages that an alert sends to its own channels."""

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
    """The result of one attempt to send; None as the error means that it was sent. A refusal that
    is final is not repeated. With a `skip_reason`, nothing was sent, and nothing will be."""

    error: str | None = None
    http_status: int | None = None
    retry_after: timedelta | None = None
    is_final: bool = False
    skip_reason: str | None = None

    @property
    def is_sent(self) -> bool:
        return self.error is None and self.skip_reason is None

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
    claimed_until: datetime | None = None

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
        """Whether it is a message of Tocsin itself, whose outcome no interaction records."""
        return self.subscription_id == TOCSIN

    @property
    def is_of_alert(self) -> bool:
        """Whether an alert sends it to one of its own channels, without a subscription."""
        return self.subscription_id == ALERT

    @property
    def is_of_bundle(self) -> bool:
        """Whether it is a bundle or a reminder, which is about several interactions."""
        return self.interaction_id == self.delivery_id

    @property
    def has_template(self) -> bool:
        return self.template != NO_TEMPLATE


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Deliveries, newest first, and the number below which the next page begins."""

    deliveries: list[Delivery]
    next_before: int | None


def delivery_id(recipient_id: UUID, interaction_id: bytes) -> UUID:
    """The id is derived from both, so that an interaction has one delivery id for each subscription
    and for each channel of its alert."""
    return uuid5(recipient_id, interaction_id.hex())

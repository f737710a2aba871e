"""What do answers about channels, subscriptions, deliveries and silences look like? As in
`answers.py`, for the document only."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field as Member
from typing_extensions import TypedDict

from tocsin.model.notifications.channel import ChannelKind
from tocsin.model.notifications.subscription import Template

Status = Literal["pending", "sent", "failed", "silenced", "skipped"]


class ChannelSettings(TypedDict, total=False):
    """Those of its kind; secrets are shown as `***`."""

    url: str
    headers: dict[str, str]
    secret: str
    webhookUrl: str
    to: list[str]


class Channel(TypedDict):
    channelId: UUID
    name: str
    kind: ChannelKind
    settings: ChannelSettings
    enabled: bool
    disabledReason: Annotated[
        str | None, Member(description="Why Tocsin itself disabled it, if it did")
    ]
    restingUntil: Annotated[
        datetime | None,
        Member(description="Nothing is sent before: the receiver asked for it by Retry-After"),
    ]
    createdDate: datetime
    modifiedDate: datetime


class Attempt(TypedDict):
    at: datetime
    httpStatus: int | None
    error: Annotated[str | None, Member(description="null if it was sent")]
    durationMs: int


class Trial(Attempt):
    sent: bool


class Subscription(TypedDict):
    subscriptionId: UUID
    channelId: UUID
    resourceTypeId: UUID
    resourceType: str | None
    actionId: UUID
    action: str | None
    originId: UUID | None
    origin: str | None
    template: Template | None
    templateProblem: Annotated[
        str | None,
        Member(
            description="Why the template is not used, until the subscription is replaced: it took "
            "too much three times in a row"
        ),
    ]
    enabled: bool
    createdDate: datetime
    modifiedDate: datetime


class Delivery(TypedDict):
    deliveryId: Annotated[UUID, Member(description="The `webhook-id`, the same at every try")]
    subscriptionId: Annotated[
        UUID, Member(description="All zeros for a message that tells how many were dropped")
    ]
    channelId: UUID
    interactionId: UUID
    status: Status
    silenceId: UUID | None
    reason: Annotated[str | None, Member(description="Why it was skipped, if it was")]
    tries: int
    nextAttemptDate: Annotated[
        datetime | None,
        Member(description="After the channel's rest; null while the channel is disabled"),
    ]
    attempts: list[Attempt]
    interaction: Annotated[
        dict[str, Any],
        Member(
            description="As it was when it was recorded; over 64 KiB without `interaction` and "
            "`externalResponse`, which are read when it is sent"
        ),
    ]
    createdDate: datetime
    finishedDate: datetime | None


class Deliveries(TypedDict):
    deliveries: list[Delivery]
    nextCursor: str | None


# By its own names: two of them are words of Python.
Silence = TypedDict(
    "Silence",
    {
        "silenceId": UUID,
        "alertId": UUID | None,
        "labels": dict[str, str],
        "dimensions": dict[str, str | None],
        "from": datetime,
        "to": datetime,
        "author": str | None,
        "reason": str | None,
        "createdDate": datetime,
        "modifiedDate": datetime,
    },
)

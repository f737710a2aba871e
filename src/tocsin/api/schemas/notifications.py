"""The shapes of channels, subscriptions, deliveries and silences."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.api.schemas.filters import FilterObject, filter_object
from tocsin.api.schemas.shape import (
    InstantText,
    KeyText,
    ManagedBy,
    Shape,
    doc,
    instant_or_none,
    mnemonic_of,
)
from tocsin.model.instant import format_instant
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.snapshot import Mnemonics
from tocsin.model.notifications.channel import Channel, ChannelKind
from tocsin.model.notifications.delivery import Attempt, Delivery, DeliveryPage, DeliveryStatus
from tocsin.model.notifications.subscription import Subscription, Template
from tocsin.model.severity import Severity

ShownStatus = Literal["pending", "sent", "failed", "silenced", "skipped"]
"""The statuses that are shown; a staged delivery is not."""


class ChannelSettings(Shape, kw_only=True):
    """Those of its kind; secrets are shown as `***`."""

    url: str | UnsetType = UNSET
    headers: dict[str, str] | UnsetType = UNSET
    secret: str | UnsetType | None = UNSET
    webhook_url: str | UnsetType = UNSET
    to: list[str] | UnsetType = UNSET
    routing_key: str | UnsetType = UNSET


class ChannelResponse(Shape):
    channel_id: UUID
    name: str
    kind: ChannelKind
    settings: ChannelSettings
    enabled: bool
    disabled_reason: Annotated[str | None, doc("Why Tocsin itself disabled it, if it did")]
    resting_until: Annotated[
        InstantText | None,
        doc("The end of the pause that the receiver requested by Retry-After"),
    ]
    key: KeyText
    managed_by: ManagedBy
    created_date: InstantText
    modified_date: InstantText

    @classmethod
    def of(cls, channel: Channel, at: datetime, settings: dict[str, Any]) -> ChannelResponse:
        """The channel at an instant, with its settings as the caller may see them."""
        return cls(
            channel_id=channel.channel_id,
            name=channel.spec.name,
            kind=channel.kind,
            settings=msgspec.convert(settings, ChannelSettings),
            enabled=channel.spec.enabled,
            disabled_reason=channel.disabled_reason,
            resting_until=instant_or_none(channel.paused_until(at)),
            key=channel.key,
            managed_by=channel.managed_by,
            created_date=format_instant(channel.created_date),
            modified_date=format_instant(channel.modified_date),
        )


class AttemptResponse(Shape, kw_only=True):
    at: InstantText
    http_status: int | None
    error: Annotated[str | None, doc("null if it was sent")]
    duration_ms: int

    @classmethod
    def of(cls, attempt: Attempt) -> AttemptResponse:
        return cls(**_members(attempt))


class ChannelTest(AttemptResponse):
    """The attempt to send a sample."""

    sent: bool

    @classmethod
    def of(cls, attempt: Attempt) -> ChannelTest:
        return cls(attempt.result.is_sent, **_members(attempt))


def _members(attempt: Attempt) -> dict[str, Any]:
    return {
        "at": format_instant(attempt.at),
        "http_status": attempt.result.http_status,
        "error": attempt.result.error,
        "duration_ms": round(attempt.duration.total_seconds() * 1000),
    }


class SubscriptionTemplate(Shape):
    """Jinja2 over the interaction; null for a part that is as it is without a template."""

    title: str | None
    body: str | None

    @classmethod
    def of(cls, template: Template) -> SubscriptionTemplate | None:
        return cls(template.title, template.body) if template != Template() else None


class SubscriptionResponse(Shape):
    """A subscription; the mnemonics are those that its ids have now."""

    subscription_id: UUID
    channel_id: UUID
    resource_type_id: UUID
    resource_type: str | None
    action_id: UUID
    action: str | None
    origin_id: UUID | None
    origin: str | None
    filters: list[FilterObject]
    template: SubscriptionTemplate | None
    template_problem: Annotated[
        str | None,
        doc(
            "Why the template is not used, until the subscription is replaced: it took too much "
            "three times in a row"
        ),
    ]
    group_by: Annotated[
        Literal["none", "alert"] | list[str],
        doc("The key that transitions of alerts are bundled by: dimension keys and `labels.x`"),
    ]
    group_wait: Annotated[str | None, doc("The length of a bundle; null without groupBy")]
    repeat_every: Annotated[
        str | None, doc("The interval of reminders while something fires; null for none")
    ]
    immediately: Annotated[list[Severity] | None, doc("Severities that are not bundled")]
    enabled: bool
    key: KeyText
    managed_by: ManagedBy
    created_date: InstantText
    modified_date: InstantText

    @classmethod
    def of(cls, subscription: Subscription, catalog: Mnemonics) -> SubscriptionResponse:
        grouping = subscription.grouping
        by = grouping.by if grouping else "none"
        return cls(
            subscription_id=subscription.subscription_id,
            channel_id=subscription.channel_id,
            resource_type_id=subscription.resource_type_id,
            resource_type=mnemonic_of(catalog, Kind.RESOURCE_TYPE, subscription.resource_type_id),
            action_id=subscription.action_id,
            action=mnemonic_of(catalog, Kind.ACTION, subscription.action_id),
            origin_id=subscription.origin_id,
            origin=mnemonic_of(catalog, Kind.ORIGIN, subscription.origin_id),
            filters=[filter_object(tree) for tree in subscription.filters],
            template=SubscriptionTemplate.of(subscription.template),
            template_problem=subscription.template_problem,
            group_by=by if by == "none" or by == "alert" else list(by),
            group_wait=str(grouping.wait) if grouping else None,
            repeat_every=str(grouping.repeat) if grouping and grouping.repeat else None,
            immediately=list(grouping.immediately) if grouping else None,
            enabled=subscription.enabled,
            key=subscription.key,
            managed_by=subscription.managed_by,
            created_date=format_instant(subscription.created_date),
            modified_date=format_instant(subscription.modified_date),
        )


class DeliveryResponse(Shape):
    delivery_id: Annotated[UUID, doc("The `webhook-id`, the same for every attempt")]
    subscription_id: Annotated[
        UUID | None,
        doc(
            "null for a message to a channel of an alert; all zeros for one with the number of "
            "deliveries that were dropped"
        ),
    ]
    channel_id: UUID
    interaction_id: Annotated[UUID | None, doc("null for a bundle and a reminder")]
    status: ShownStatus
    silence_id: UUID | None
    reason: Annotated[str | None, doc("Why it was skipped, if it was")]
    tries: int
    next_attempt_date: Annotated[
        InstantText | None, doc("After the channel's pause; null while the channel is disabled")
    ]
    attempts: list[AttemptResponse]
    interaction: Annotated[
        msgspec.Raw,
        msgspec.Meta(
            description="As it was when it was recorded; over 64 KiB without `interaction` and "
            "`externalResponse`, which are read when it is sent",
            extra_json_schema={"type": "object"},
        ),
    ]
    created_date: InstantText
    finished_date: InstantText | None

    @classmethod
    def of(cls, delivery: Delivery) -> DeliveryResponse:
        due = delivery.due if delivery.status is DeliveryStatus.PENDING else None
        return cls(
            delivery_id=delivery.delivery_id,
            subscription_id=None if delivery.is_of_alert else delivery.subscription_id,
            channel_id=delivery.channel_id,
            interaction_id=None if delivery.is_of_bundle else delivery.interaction_id,
            status=delivery.status.value,  # type: ignore[arg-type]  # of DeliveryStatus by now
            silence_id=delivery.silence_id,
            reason=delivery.skip_reason,
            tries=delivery.tries,
            next_attempt_date=instant_or_none(due),
            attempts=[AttemptResponse.of(attempt) for attempt in delivery.attempts],
            interaction=msgspec.Raw(delivery.snapshot.encode()),
            created_date=format_instant(delivery.created_date),
            finished_date=instant_or_none(delivery.finished_date),
        )


class DeliveriesResponse(Shape):
    deliveries: list[DeliveryResponse]
    next_cursor: str | None

    @classmethod
    def of(cls, page: DeliveryPage) -> DeliveriesResponse:
        cursor = None if page.next_before is None else str(page.next_before)
        return cls([DeliveryResponse.of(delivery) for delivery in page.deliveries], cursor)

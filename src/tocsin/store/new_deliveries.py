"""Builds the rows of new deliveries: one for each subscription that matches an interaction, and for
a transition one for each channel of its alert that no subscription leads to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Connection

from tocsin.model.alerts.alert import Alert
from tocsin.model.interactions.catalog import Kind, system_id
from tocsin.model.interactions.filter_evaluation import FieldValues
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.snapshot import Mnemonics, snapshot, without_contents
from tocsin.model.notifications.channel import Channel
from tocsin.model.notifications.delivery import (
    ALERT,
    MAX_SNAPSHOT,
    NO_TEMPLATE,
    DeliveryStatus,
    delivery_id,
)
from tocsin.model.notifications.grouping import Grouping
from tocsin.model.notifications.held import HeldGroup
from tocsin.model.notifications.subscription import Subscription, Template
from tocsin.model.notifications.transition_content import RECOVERED
from tocsin.store.channels import Channels
from tocsin.store.dropped_deliveries import ChannelCapacity
from tocsin.store.notification_tables import deliveries
from tocsin.store.silences import Silences
from tocsin.store.subscriptions import Subscriptions
from tocsin.store.upsert import insert_ignoring

_NOTIFY = system_id(Kind.ORIGIN, "NOTIFY").bytes


@dataclass(frozen=True, slots=True)
class Recipient:
    """A channel, and what leads to it: a subscription, or None for a channel of the alert."""

    channel: Channel
    subscription: Subscription | None = None

    @property
    def template(self) -> Template:
        return self.subscription.template if self.subscription else NO_TEMPLATE

    @property
    def id(self) -> tuple[UUID, UUID | None]:
        subscription = self.subscription
        return self.channel.channel_id, subscription.subscription_id if subscription else None

    @property
    def grouping(self) -> Grouping | None:
        return self.subscription.grouping if self.subscription else None

    def delivery_id(self, interaction: Interaction) -> UUID:
        by = self.subscription.subscription_id if self.subscription else self.channel.channel_id
        return delivery_id(by, interaction.interaction_id)


ReachedChannels = Mapping[bytes, Collection[UUID]]
"""The channels that grouped subscriptions report a transition to, by the id of its interaction."""

NOBODY_REACHED: ReachedChannels = {}


@dataclass(slots=True)
class DeliveryBatch:
    """The rows of new deliveries. `drops` are the deliveries that exceeded the limit of their
    channel: by channel the ids of their interactions, 16 bytes for each delivery."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    drops: dict[UUID, bytearray] = field(default_factory=dict)

    def drop(self, channel_id: UUID, interaction_id: bytes) -> None:
        self.drops.setdefault(channel_id, bytearray()).extend(interaction_id)

    def insert(self, connection: Connection) -> None:
        """Rows whose delivery exists already change nothing."""
        if self.rows:
            insert_ignoring(connection, deliveries, self.rows, key=["delivery_id"])


class NewDeliveries:
    def __init__(
        self,
        catalog: Mnemonics,
        channels: Channels,
        subscriptions: Subscriptions,
        silences: Silences,
    ) -> None:
        self._catalog = catalog
        self._channels = channels
        self._subscriptions = subscriptions
        self._silences = silences

    def with_subscribers(self, interactions: Iterable[Interaction]) -> list[Interaction]:
        """The interactions that a subscription matches; reads memory only."""
        topics = self._subscriptions.topics
        if not topics:
            return []
        return [
            interaction
            for interaction in interactions
            if (interaction.resource_type_id, interaction.action_id) in topics
            and interaction.origin_id != _NOTIFY
            and not (interaction.has_deliveries or interaction.is_imported)
            and any(self.matching(interaction))
        ]

    def staged(
        self, interactions: Iterable[Interaction], capacity: ChannelCapacity, at: datetime
    ) -> DeliveryBatch:
        """Staged deliveries of interactions that are about to be appended."""
        batch = DeliveryBatch()
        for interaction in interactions:
            accepted = []
            for recipient in self.matching(interaction):
                channel = recipient.channel
                status = DeliveryStatus.SKIPPED if channel.skip_reason else DeliveryStatus.PENDING
                if capacity.take(channel.channel_id, status):
                    accepted.append(recipient)
                else:
                    batch.drop(channel.channel_id, interaction.interaction_id)
            if accepted:
                text = self._snapshot(interaction, is_on_disk_when_sent=True)
                for recipient in accepted:
                    row = _row(recipient, interaction, text, at)
                    reason = recipient.channel.skip_reason
                    batch.rows.append(
                        row | {"status": DeliveryStatus.STAGED, "skip_reason": reason}
                    )
        return batch

    def of_transitions(
        self,
        interactions: Iterable[Interaction],
        alert: Alert,
        capacity: ChannelCapacity,
        at: datetime,
        reached: ReachedChannels,
    ) -> DeliveryBatch:
        """Deliveries of transitions of an alert, without those of grouped subscriptions. They need
        no staging, because their transitions are stored in the same transaction."""
        batch = DeliveryBatch()
        for interaction in interactions:
            channel_ids = reached.get(interaction.interaction_id, ())
            recipients = [
                recipient
                for recipient in self.recipients(interaction, alert, channel_ids)
                if not recipient.grouping
            ]
            self._add(batch, interaction, recipients, alert, capacity, at)
        return batch

    def may_have_recipients(self, alert: Alert) -> bool:
        """Whether there is a channel or a subscription that a transition of an alert may reach."""
        actions = (alert.alert_action_id, alert.recovery_action_id)
        topics = ((alert.resource_type_id.bytes, id.bytes) for id in actions if id)
        return bool(alert.channel_ids) or any(map(self._subscriptions.topics.get, topics))

    def of_subscription(
        self,
        subscription: Subscription,
        interactions: Iterable[Interaction],
        alert: Alert,
        capacity: ChannelCapacity,
        at: datetime,
    ) -> DeliveryBatch:
        """Deliveries of transitions to one subscription, whether it matches them or not."""
        batch = DeliveryBatch()
        channel = self._channels.find(subscription.channel_id)
        recipients = [Recipient(channel, subscription)] if channel else []
        for interaction in interactions:
            self._add(batch, interaction, recipients, alert, capacity, at)
        return batch

    def recipients(
        self, interaction: Interaction, alert: Alert, reached: Collection[UUID] = ()
    ) -> list[Recipient]:
        """The recipients of a transition: those of `matching`, and the channels of its alert that
        none of them has, nor `reached`, so that such a channel gets one message."""
        matching = list(self.matching(interaction))
        others = {recipient.channel.channel_id for recipient in matching}.union(reached)
        own = (self._channels.find(id) for id in alert.channel_ids if id not in others)
        return matching + [Recipient(channel) for channel in own if channel]

    def matching(self, interaction: Interaction) -> Iterator[Recipient]:
        """The enabled subscriptions whose type, action, origin and filters an interaction has."""
        topic = interaction.resource_type_id, interaction.action_id
        values = FieldValues(interaction, self._catalog)
        for subscription in self._subscriptions.topics.get(topic, ()):
            origin_id = subscription.origin_id
            if origin_id is not None and origin_id.bytes != interaction.origin_id:
                continue
            channel = self._channels.find(subscription.channel_id)
            if channel and subscription.selects(values):
                yield Recipient(channel, subscription)

    def _add(
        self,
        batch: DeliveryBatch,
        interaction: Interaction,
        recipients: Sequence[Recipient],
        alert: Alert,
        capacity: ChannelCapacity,
        at: datetime,
    ) -> None:
        if not recipients:
            return
        payload = msgspec.json.decode(interaction.payload)
        silence = self._silences.matching(payload, alert.labels, at)
        held_by = silence if HeldGroup.of_payload(payload) else None
        is_held = held_by is not None
        is_recovery = payload.get("status") == RECOVERED
        text = self._snapshot(interaction, is_on_disk_when_sent=False)
        for recipient in recipients:
            channel = recipient.channel
            held_back = None if channel.passes_silences(is_recovery=is_recovery) else silence
            first = first_status(channel.skip_reason, held_back)
            if capacity.take(channel.channel_id, first["status"], is_held=is_held):
                row = _row(recipient, interaction, text, at)
                batch.rows.append({**row, **first, "held_by": held_by})
            else:
                batch.drop(channel.channel_id, interaction.interaction_id)

    def _snapshot(self, interaction: Interaction, *, is_on_disk_when_sent: bool) -> str:
        size = len(interaction.payload) + len(interaction.external_response)
        take = without_contents if is_on_disk_when_sent and size > MAX_SNAPSHOT else snapshot
        return msgspec.json.encode(take(interaction, self._catalog)).decode()


def _row(recipient: Recipient, interaction: Interaction, text: str, at: datetime) -> dict[str, Any]:
    subscription = recipient.subscription
    return {
        "delivery_id": recipient.delivery_id(interaction),
        "subscription_id": subscription.subscription_id if subscription else ALERT,
        "channel_id": recipient.channel.channel_id,
        "interaction_id": UUID(bytes=interaction.interaction_id),
        "snapshot": text,
        "title_template": recipient.template.title,
        "body_template": recipient.template.body,
        "tries": 0,
        "due": at,
        "is_end_recorded": False,
        "created_date": at,
    }


def first_status(skip_reason: str | None, silence_id: UUID | None) -> dict[str, Any]:
    """Status, silence and skip reason of a new delivery of a transition. A silence takes
    precedence over a disabled channel, so that the deliveries it held back are complete."""
    if silence_id:
        return {"status": DeliveryStatus.SILENCED, "silence_id": silence_id, "skip_reason": None}
    status = DeliveryStatus.SKIPPED if skip_reason else DeliveryStatus.PENDING
    return {"status": status, "silence_id": None, "skip_reason": skip_reason}

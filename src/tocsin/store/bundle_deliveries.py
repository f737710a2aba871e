"""Builds the deliveries of bundles and reminders, without the groups that are silenced."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import msgspec
from sqlalchemy import Connection, select

from tocsin.model.alerts.pages import NO_PAGES, AlertPages
from tocsin.model.instant import cut, format_instant
from tocsin.model.interactions.catalog import Kind, system_id
from tocsin.model.interactions.snapshot import Mnemonics
from tocsin.model.notifications.bundle_payload import (
    BundleKind,
    BundleMessage,
    TransitionMembers,
    payload_of,
)
from tocsin.model.notifications.bundles import BundleEntry
from tocsin.model.notifications.channel import Channel
from tocsin.model.notifications.subscription import Subscription
from tocsin.model.notifications.transition_content import ORIGIN
from tocsin.store.blocks import blocks
from tocsin.store.channels import Channels
from tocsin.store.dropped_deliveries import DroppedDeliveries
from tocsin.store.new_deliveries import first_status
from tocsin.store.notification_tables import deliveries
from tocsin.store.silences import Silences
from tocsin.store.tables import transitions
from tocsin.store.transition_rows import transition_of
from tocsin.store.upsert import insert_ignoring


class _SilencedMembers(msgspec.Struct):
    """The members of an alert that a silence matches."""

    severity: str
    labels: dict[str, str] = {}


_MEMBERS = msgspec.json.Decoder(_SilencedMembers)


class BundleDeliveries:
    def __init__(
        self,
        catalog: Mnemonics,
        channels: Channels,
        silences: Silences,
        dropped: DroppedDeliveries,
        pages: AlertPages = NO_PAGES,
    ) -> None:
        self._catalog = catalog
        self._channels = channels
        self._silences = silences
        self._dropped = dropped
        self._pages = pages

    def add(
        self, connection: Connection, subscription: Subscription, message: BundleMessage
    ) -> Mapping[UUID, Sequence[BundleEntry]]:
        """Add the delivery of a message, in this transaction. Groups that are silenced at its time
        are left out: those of a bundle are in a silenced delivery for each silence. Returns them
        by silence."""
        channel = self._channels.find(subscription.channel_id)
        is_reminder = message.kind is BundleKind.REMINDER
        # Later, a reminder that could not be sent reports nothing that is still true.
        if channel is None or (is_reminder and channel.skip_reason):
            return {}
        parts = self._by_silence(connection, message)
        for silence_id, entries in parts.items():
            if silence_id is None or not is_reminder:
                part = replace(message, entries=entries)
                self._insert(connection, subscription, channel, part, silence_id)
        return {id: entries for id, entries in parts.items() if id is not None}

    def _by_silence(
        self, connection: Connection, message: BundleMessage
    ) -> Mapping[UUID | None, Sequence[BundleEntry]]:
        """The entries of a message by the silence that matches them."""
        silencing = self.silencing(connection, message.entries, message.at)
        parts: dict[UUID | None, list[BundleEntry]] = defaultdict(list)
        for entry in message.entries:
            parts[silencing.get(_last_id(entry))].append(entry)
        return parts

    def silencing(
        self, connection: Connection, entries: Sequence[BundleEntry], at: datetime
    ) -> dict[UUID | None, UUID | None]:
        """The silences that match groups at an instant, by the ids of their last transitions."""
        silencing: dict[UUID | None, UUID | None] = {}
        if not self._silences.all():
            return silencing
        columns = transitions.c
        query = select(columns.transition_id, columns.alert_id, columns.alert, columns.dimensions)
        members: dict[str, _SilencedMembers] = {}
        for ids in blocks([id for entry in entries if (id := _last_id(entry))]):
            for row in connection.execute(query.where(columns.transition_id.in_(ids))):
                alert = members.get(row.alert) or _MEMBERS.decode(row.alert)
                members[row.alert] = alert
                payload = {
                    "alertId": str(row.alert_id),
                    "severity": alert.severity,
                    "dimensions": msgspec.json.decode(row.dimensions),
                }
                silence = self._silences.matching(payload, alert.labels, at)
                silencing[row.transition_id] = silence
        return silencing

    def _insert(
        self,
        connection: Connection,
        subscription: Subscription,
        channel: Channel,
        message: BundleMessage,
        silence_id: UUID | None,
    ) -> None:
        first = first_status(channel.skip_reason, silence_id)
        capacity = self._dropped.alert_capacity(connection)
        if not capacity.take(channel.channel_id, first["status"]):
            self._dropped.count(connection, {channel.channel_id: 1}, message.at)
            return
        id = (
            message.delivery_id
            if silence_id is None
            else uuid5(message.delivery_id, str(silence_id))
        )
        row = {
            "delivery_id": id,
            "subscription_id": subscription.subscription_id,
            "channel_id": channel.channel_id,
            # No interaction has this id: a bundle is a message about several.
            "interaction_id": id,
            "snapshot": self._snapshot(connection, subscription, message),
            "title_template": subscription.template.title,
            "body_template": subscription.template.body,
            **first,
            "tries": 0,
            "due": cut(message.at),
            "is_end_recorded": False,
            "created_date": cut(message.at),
        }
        insert_ignoring(connection, deliveries, row, key=["delivery_id"])

    def _snapshot(
        self, connection: Connection, subscription: Subscription, message: BundleMessage
    ) -> str:
        """The members of an interaction, with the bundle as its payload."""
        payload = payload_of(message, self._named(connection, message))
        alerts = [alert["alertId"] for alert in payload["alerts"]]
        types = self._catalog.mnemonics(Kind.RESOURCE_TYPE)
        snapshot = {
            "interactionId": None,
            "interactionNumber": None,
            "resourceId": alerts[0] if len(alerts) == 1 else str(subscription.subscription_id),
            "resourceTypeId": subscription.resource_type_id,
            "resourceType": types.get(subscription.resource_type_id),
            "actionId": None,
            "action": message.kind,
            "originId": system_id(Kind.ORIGIN, ORIGIN),
            "origin": ORIGIN,
            "timestamp": format_instant(message.at),
            "uowId": None,
            "userId": None,
            "externalReference": None,
            "externalResponse": None,
            "interaction": payload,
        }
        return msgspec.json.encode(snapshot).decode()

    def _named(
        self, connection: Connection, message: BundleMessage
    ) -> Iterable[tuple[BundleEntry, TransitionMembers | None, TransitionMembers | None]]:
        named = message.named
        ids = {id for entry in named for id in (entry.fired_id, entry.recovered_id) if id}
        query = select(transitions).where(transitions.c.transition_id.in_(ids))
        payloads = {
            row["transition_id"]: self._payload(row) for row in connection.execute(query).mappings()
        }
        for entry in named:
            fired, recovered = payloads.get(entry.fired_id), payloads.get(entry.recovered_id)
            yield entry, fired, recovered

    def _payload(self, row: Any) -> TransitionMembers:
        payload: TransitionMembers = transition_of(row).payload(self._pages)
        return payload


def _last_id(entry: BundleEntry) -> UUID | None:
    return entry.fired_id if entry.is_firing else entry.recovered_id

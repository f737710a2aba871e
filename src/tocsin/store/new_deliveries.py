"""Makes the rows of deliveries: which subscriptions match an interaction, and what each keeps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Connection
from sqlalchemy.dialects.sqlite import insert

from tocsin.model.interactions.catalog import Kind, system_id
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.snapshot import Mnemonics, snapshot, without_contents
from tocsin.model.notifications.channel import Channel
from tocsin.model.notifications.delivery import MAX_SNAPSHOT, Status, delivery_id
from tocsin.model.notifications.subscription import Subscription
from tocsin.store.channels import Channels
from tocsin.store.dropped_deliveries import Room
from tocsin.store.silences import Silences
from tocsin.store.subscriptions import Subscriptions
from tocsin.store.tables import deliveries

_NOTIFY = system_id(Kind.ORIGIN, "NOTIFY").bytes


@dataclass(slots=True)
class Made:
    """The rows of new deliveries, and those that no room was left for: for each channel the ids of
    their interactions, one for each delivery."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    drops: dict[UUID, bytearray] = field(default_factory=dict)

    def drop(self, channel_id: UUID, interaction_id: bytes) -> None:
        self.drops.setdefault(channel_id, bytearray()).extend(interaction_id)

    def insert(self, connection: Connection) -> None:
        """What is there already, by its id, stays as it is."""
        if self.rows:
            new = insert(deliveries).on_conflict_do_nothing(["delivery_id"])
            connection.execute(new, self.rows)


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
        """Those of the interactions that somebody is to be told of; reads memory only."""
        topics = self._subscriptions.topics
        if not topics:
            return []
        return [
            one
            for one in interactions
            if (one.resource_type_id, one.action_id) in topics
            and one.origin_id != _NOTIFY
            and not (one.has_deliveries or one.is_imported)
            and any(self._matching(one))
        ]

    def staged(self, interactions: Iterable[Interaction], room: Room, at: datetime) -> Made:
        """Staged deliveries of interactions that are about to be appended."""
        made = Made()
        for interaction in interactions:
            places = []
            for one, channel in self._matching(interaction):
                status = Status.SKIPPED if channel.skip_reason else Status.PENDING
                if room.take(channel.channel_id, status):
                    places.append((one, channel))
                else:
                    made.drop(channel.channel_id, interaction.interaction_id)
            if places:
                text = self._snapshot(interaction, is_on_disk_when_sent=True)
                for one, channel in places:
                    row = _row(one, interaction, text, at)
                    row |= {"status": Status.STAGED, "skip_reason": channel.skip_reason}
                    made.rows.append(row)
        return made

    def of_transitions(
        self,
        interactions: Iterable[Interaction],
        labels: Mapping[str, str],
        room: Room,
        at: datetime,
    ) -> Made:
        """Deliveries of transitions of an alert with these labels, which need not be staged."""
        made = Made()
        for interaction in interactions:
            matching = list(self._matching(interaction))
            if not matching:
                continue
            silence = self._silence(interaction, labels, at)
            text = self._snapshot(interaction, is_on_disk_when_sent=False)
            for one, channel in matching:
                first = _first_status(channel.skip_reason, silence)
                if room.take(channel.channel_id, first["status"]):
                    made.rows.append({**_row(one, interaction, text, at), **first})
                else:
                    made.drop(channel.channel_id, interaction.interaction_id)
        return made

    def _snapshot(self, interaction: Interaction, *, is_on_disk_when_sent: bool) -> str:
        size = len(interaction.payload) + len(interaction.external_response)
        take = without_contents if is_on_disk_when_sent and size > MAX_SNAPSHOT else snapshot
        return msgspec.json.encode(take(interaction, self._catalog)).decode()

    def _matching(self, interaction: Interaction) -> Iterator[tuple[Subscription, Channel]]:
        topic = interaction.resource_type_id, interaction.action_id
        for one in self._subscriptions.topics.get(topic, ()):
            if one.origin_id is not None and one.origin_id.bytes != interaction.origin_id:
                continue
            channel = self._channels.find(one.channel_id)
            if channel:
                yield one, channel

    def _silence(
        self, interaction: Interaction, labels: Mapping[str, str], at: datetime
    ) -> UUID | None:
        return self._silences.matching(msgspec.json.decode(interaction.payload), labels, at)


def _row(one: Subscription, interaction: Interaction, text: str, at: datetime) -> dict[str, Any]:
    return {
        "delivery_id": delivery_id(one.subscription_id, interaction.interaction_id),
        "subscription_id": one.subscription_id,
        "channel_id": one.channel_id,
        "interaction_id": UUID(bytes=interaction.interaction_id),
        "snapshot": text,
        "title_template": one.template.title,
        "body_template": one.template.body,
        "tries": 0,
        "due": at,
        "is_end_recorded": False,
        "created_date": at,
    }


def _first_status(skip_reason: str | None, silence_id: UUID | None) -> dict[str, Any]:
    """The members of a new delivery of a transition; a silence goes before a disabled channel, so
    that what it held back is complete."""
    if silence_id:
        return {"status": Status.SILENCED, "silence_id": silence_id, "skip_reason": None}
    status = Status.SKIPPED if skip_reason else Status.PENDING
    return {"status": status, "silence_id": None, "skip_reason": skip_reason}

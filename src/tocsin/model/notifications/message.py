"""A message as senders get it."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from tocsin.model.instant import format_instant
from tocsin.model.notifications.channel import Channel
from tocsin.model.notifications.content import Content, Section
from tocsin.model.notifications.delivery import Delivery

# Control characters, and the line and paragraph separators that are none.
_CONTROLS = ("Cc", "Zl", "Zp")


@dataclass(frozen=True, slots=True)
class Message:
    """`id` is that of the delivery, the same for every attempt; `snapshot` is the interaction's
    JSON."""

    id: str
    at: datetime
    content: Content
    snapshot: str
    event: str
    happened: str

    @property
    def title(self) -> str:
        return self.content.title

    @property
    def body(self) -> str:
        return self.content.body


def one_line(text: str) -> str:
    """The text without line ends and other control characters: as a subject and in bold it has to
    be one line."""
    return " ".join(_without_controls(text).split())


def printable_lines(text: str) -> str:
    """The text without control characters other than tabs and line ends."""
    return "\n".join(
        "\t".join(_without_controls(part) for part in line.split("\t"))
        for line in text.splitlines()
    )


def _without_controls(text: str) -> str:
    return "".join(" " if unicodedata.category(c) in _CONTROLS else c for c in text)


def message_of(delivery: Delivery, content: Content, at: datetime) -> Message:
    interaction = delivery.interaction
    return Message(
        id=str(delivery.delivery_id),
        at=at,
        content=content,
        snapshot=delivery.snapshot,
        event=f"{interaction['resourceType']}.{interaction['action']}",
        happened=interaction["timestamp"],
    )


def sample(channel: Channel, at: datetime) -> Message:
    """The test message of a channel; it has the form of a delivery."""
    name = channel.spec.name
    text = f"This is a test message from Tocsin for the channel {name}."
    interaction = {
        "interactionId": str(uuid4()),
        "resourceId": str(channel.channel_id),
        "resourceType": "CHANNEL",
        "action": "test",
        "origin": "NOTIFY",
        "timestamp": format_instant(at),
        "interaction": {"channelName": name},
    }
    return Message(
        id=f"test-{uuid4()}",
        at=at,
        content=Content("Test message from Tocsin", sections=(Section(text=text),)),
        snapshot=json.dumps(interaction),
        event="CHANNEL.test",
        happened=format_instant(at),
    )

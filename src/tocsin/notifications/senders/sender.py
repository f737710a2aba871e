"""The interface of senders, one for each kind of channel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from tocsin.model.notifications.channel import AnyChannelSettings
from tocsin.model.notifications.delivery import SendResult
from tocsin.model.notifications.message import Message

SECONDS = 15.0
"""The limit of an attempt, from the look-up of the name to the last byte of the response."""

MAX_ERROR = 500

S_contra = TypeVar("S_contra", bound=AnyChannelSettings, contravariant=True)


class Sender(Protocol[S_contra]):
    """Sends messages through channels of one kind."""

    async def send(self, settings: S_contra, message: Message) -> SendResult:
        """Send a message. A failure of the receiver is a result, not an exception."""
        ...


def redacted(text: str, secrets: Iterable[str]) -> str:
    """An error text that may be stored: short, and without the secrets that it could quote."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return "".join(c if c.isprintable() else " " for c in text)[:MAX_ERROR]

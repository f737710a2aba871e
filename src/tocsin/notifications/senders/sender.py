"""What every kind of channel has in common: a message goes out, and a receipt comes back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from tocsin.model.notifications.channel import AnyChannelSettings
from tocsin.model.notifications.delivery import SendResult
from tocsin.model.notifications.message import Message

SECONDS = 15.0
"""A try takes at most so long, from the look-up of the name to the last byte of the answer."""

MAX_ERROR = 500

S_contra = TypeVar("S_contra", bound=AnyChannelSettings, contravariant=True)


class Sender(Protocol[S_contra]):
    """Sends messages through channels of one kind."""

    async def send(self, settings: S_contra, message: Message) -> SendResult:
        """What became of it; whatever goes wrong out there is a receipt, not an exception."""
        ...


def scrubbed(text: str, secrets: Iterable[str]) -> str:
    """An error as it may be kept: short, and without the secrets it could quote."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return "".join(c if c.isprintable() else " " for c in text)[:MAX_ERROR]

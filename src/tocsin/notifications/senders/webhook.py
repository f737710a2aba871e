"""Sends webhooks: a POST of JSON, signed by the Standard Webhooks specification, so that the
receiver can verify the sender and recognise a repeat."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime

import msgspec

from tocsin.model.notifications.channel import WebhookSettings
from tocsin.model.notifications.channel_types import SECRET_PREFIX
from tocsin.model.notifications.delivery import SendResult
from tocsin.model.notifications.message import Message
from tocsin.notifications.senders.http import HttpClient


class WebhookSender:
    def __init__(self, http: HttpClient) -> None:
        self._http = http

    async def send(self, settings: WebhookSettings, message: Message) -> SendResult:
        body = body_of(message)
        own = {name: value.get_secret_value() for name, value in settings.headers.items()}
        assert settings.secret is not None, "the store gives a secret to a webhook that has none"
        signed = signature(settings.secret.get_secret_value(), message.id, message.at, body)
        return await self._http.post(settings.url, body, own | signed, message.at)


def body_of(message: Message) -> bytes:
    """The body; `data` is the interaction as the API returns it, its payload byte for byte."""
    return msgspec.json.encode(
        {
            "type": message.event,
            "timestamp": message.happened,
            "title": message.title,
            "body": message.body,
            "data": msgspec.Raw(message.snapshot.encode()),
        }
    )


def signature(secret: str, id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers of Standard Webhooks."""
    timestamp = str(int(at.timestamp()))
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = hmac.new(key, b".".join([id.encode(), timestamp.encode(), body]), hashlib.sha256)
    return {
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(signed.digest()).decode()}",
    }

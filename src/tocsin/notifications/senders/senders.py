"""Sends messages through channels of every kind, within common limits."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog

from tocsin.model.notifications.channel import Channel, ChannelKind
from tocsin.model.notifications.delivery import SendResult
from tocsin.model.notifications.message import Message
from tocsin.model.notifications.smtp import SmtpServer
from tocsin.notifications.senders.addresses import Resolve, resolve
from tocsin.notifications.senders.apprise import AppriseSender
from tocsin.notifications.senders.email import EmailSender
from tocsin.notifications.senders.guarded_transport import GuardedBackend
from tocsin.notifications.senders.http import HttpClient
from tocsin.notifications.senders.pagerduty import (
    PagerDutySender,
    TransitionHistory,
)
from tocsin.notifications.senders.sender import SECONDS, Sender, redacted
from tocsin.notifications.senders.slack import SlackSender
from tocsin.notifications.senders.webhook import WebhookSender

log = structlog.get_logger()


class Senders:
    def __init__(
        self,
        *,
        allow_private: bool,
        smtp: SmtpServer | None = None,
        history: TransitionHistory | None = None,
        resolve: Resolve = resolve,
        seconds: float = SECONDS,
    ) -> None:
        self._seconds = seconds
        self._http = HttpClient(GuardedBackend(allow_private=allow_private, resolve=resolve))
        self._by_kind: Mapping[ChannelKind, Sender[Any]] = {
            ChannelKind.WEBHOOK: WebhookSender(self._http),
            ChannelKind.SLACK: SlackSender(self._http),
            ChannelKind.EMAIL: EmailSender(smtp),
            ChannelKind.APPRISE: AppriseSender(allow_private=allow_private),
            ChannelKind.PAGERDUTY: PagerDutySender(self._http, history),
        }

    async def close(self) -> None:
        await self._http.close()

    async def send(self, channel: Channel, message: Message) -> SendResult:
        """Make one attempt. A failure is a result without secrets, not an exception."""
        settings = channel.spec.settings
        try:
            async with asyncio.timeout(self._seconds):
                result = await self._by_kind[channel.kind].send(settings, message)
        except TimeoutError:
            return SendResult(f"did not answer within {self._seconds:g} s")
        except Exception as error:
            # The message and a traceback could quote the secrets of the channel.
            log.error("sender failed", kind=channel.kind, error=type(error).__name__)
            return SendResult(f"could not be sent: {type(error).__name__}")
        if result.error is None:
            return result
        return replace(result, error=redacted(result.error, settings.secrets()))

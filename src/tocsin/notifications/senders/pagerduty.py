"""Sends events to PagerDuty's Events API v2, which opens and resolves an incident for each group.

https://developer.pagerduty.com/docs/send-alert-event
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Protocol
from uuid import UUID
from weakref import WeakValueDictionary

import msgspec

from tocsin.errors import TocsinError
from tocsin.model.notifications.channel import PagerDutySettings
from tocsin.model.notifications.delivery import SendResult
from tocsin.model.notifications.incidents import EventAction, GroupEvent, plan
from tocsin.model.notifications.message import Message
from tocsin.model.notifications.transition_content import TransitionPayload, read_transition
from tocsin.notifications.senders.http import HttpClient
from tocsin.notifications.senders.pagerduty_event import event_of


class TransitionHistory(Protocol):
    def events(self, transition: TransitionPayload, of_delivery: UUID) -> Sequence[GroupEvent]:
        """The transitions of a group before and after the one of a delivery, oldest first. Raises
        Unavailable."""
        ...


class PagerDutySender:
    def __init__(self, http: HttpClient, history: TransitionHistory | None) -> None:
        """Without a history, every transition counts as the newest one of its group."""
        self._http = http
        self._history = history
        # Events of one incident are sent one after another: PagerDuty handles them as they arrive.
        self._incidents: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def send(self, settings: PagerDutySettings, message: Message) -> SendResult:
        interaction = msgspec.json.decode(message.snapshot)
        transition = read_transition(interaction)
        if transition is None:
            # An incident that a test opened would stay open.
            is_test = message.event == "CHANNEL.test"
            actions = (EventAction.TRIGGER, EventAction.RESOLVE)[: 1 + is_test]
            return await self._post(settings, message, None, actions)
        lock = self._incidents.setdefault(transition.group_hash, asyncio.Lock())
        async with lock:
            try:
                events = await self._events(transition, UUID(message.id))
            except TocsinError as error:
                return SendResult(f"The transitions could not be read: {error.detail}")
            planned = plan(events, is_firing=not transition.is_recovery)
            if planned.skip_reason:
                return SendResult(skip_reason=planned.skip_reason)
            return await self._post(settings, message, transition, planned.actions)

    async def _events(
        self, transition: TransitionPayload, of_delivery: UUID
    ) -> Sequence[GroupEvent]:
        if self._history is None:
            return ()
        return await asyncio.to_thread(self._history.events, transition, of_delivery)

    async def _post(
        self,
        settings: PagerDutySettings,
        message: Message,
        transition: TransitionPayload | None,
        actions: Sequence[EventAction],
    ) -> SendResult:
        """The result of the last event, or of the first that was not accepted."""
        result = SendResult()
        key = settings.routing_key.get_secret_value()
        for action in actions:
            event: dict[str, Any] = {"routing_key": key, **event_of(message, transition, action)}
            body = msgspec.json.encode(event)
            result = await self._http.post(settings.url, body, {}, message.at)
            if not result.is_sent:
                break
        # Only these are worth repeating, as PagerDuty documents.
        is_final = result.http_status == HTTPStatus.BAD_REQUEST
        return replace(result, is_final=is_final)

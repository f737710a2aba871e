"""The channels and subscriptions of a file of unit tests, and the messages that they would get.

Nothing is sent: the channels have no address and are disabled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tocsin.cli.channel_references import ChannelNames, with_channel_ids
from tocsin.cli.definition_files import Definition, InvalidDefinitions
from tocsin.cli.test_files import ExpectedMessages, offset
from tocsin.errors import InvalidInput, Problem
from tocsin.model.notifications.channel import read_channel
from tocsin.model.notifications.subscription import read_subscription
from tocsin.notifications.expected_messages import (
    ExpectedMessage,
    RecipientMessages,
    delivery_of,
)
from tocsin.runtime import Runtime

_ADDRESS = {"url": "https://channel.invalid"}


class TestRecipients:
    """The channels that a file names, each of which exists for the test, and its subscriptions."""

    def __init__(self, runtime: Runtime, start: datetime) -> None:
        self._runtime = runtime
        self._start = start
        self._channels: dict[str, UUID] = {}
        self._subscriptions: dict[str, UUID] = {}

    def define(
        self, alerts: Sequence[Definition], subscriptions: Sequence[Definition], file: str
    ) -> list[Definition]:
        """Create the channels and the subscriptions; returns the alerts with the ids of their
        channels. Raises InvalidDefinitions."""
        named = [name for alert in alerts for name in _list(alert.get("channels"))]
        named += [subscription.get("channel") for subscription in subscriptions]
        for name in named:
            if isinstance(name, str) and name not in self._channels:
                self._create_channel(name)
        known = [{"name": name, "channelId": id} for name, id in self._channels.items()]
        resolved = with_channel_ids(alerts, known, file)
        problems: list[Problem] = []
        for index, subscription in enumerate(subscriptions):
            place = f"subscriptions[{index}]"
            self._create_subscription(subscription, ChannelNames(known), place, problems)
        if problems:
            raise InvalidDefinitions(f"{file} cannot be run:", problems)
        return resolved

    def _create_channel(self, name: str) -> None:
        body = {"name": name, "kind": "webhook", "settings": _ADDRESS, "enabled": False}
        channel = self._runtime.channels.create(read_channel(body), self._start)
        self._channels[name] = channel.channel_id

    def _create_subscription(
        self, given: Definition, channels: ChannelNames, place: str, problems: list[Problem]
    ) -> None:
        name = given.get("name")
        if name is not None and (not isinstance(name, str) or name in self._subscriptions):
            problems.append(Problem(f"{place}.name", "must be a text that no other one has"))
            return
        id = channels.id_of(given.get("channel"), f"{place}.channel", problems)
        if id is None:
            return
        body = {member: value for member, value in given.items() if member not in _OWN}
        try:
            draft = read_subscription({**body, "channelId": id}, self._runtime.catalog)
        except InvalidInput as error:
            problems += [Problem(f"{place}.{p.field}", p.message) for p in error.problems]
            return
        created = self._runtime.subscriptions.create(draft, self._start)
        if name is not None:
            self._subscriptions[name] = created.subscription_id

    def differences(
        self, expected: ExpectedMessages, messages: Iterable[RecipientMessages]
    ) -> tuple[str, list[str], list[str]]:
        """The name of the recipient, and the expected and the actual messages as lines."""
        title, has = self._selection(expected)
        sent = [(of, each) for of in messages if has(of) for each in of.sent]
        sent.sort(key=lambda each: each[1].at)
        expected_lines = _expected_lines(expected)
        return title, expected_lines, self._actual_lines(expected, sent)

    def _selection(
        self, expected: ExpectedMessages
    ) -> tuple[str, Callable[[RecipientMessages], bool]]:
        if expected.channel is not None:
            channel_id = _named(self._channels, expected.channel, "channel")
            return expected.channel, lambda of: of.recipient.id[0] == channel_id
        name = expected.subscription or ""
        subscription_id = _named(self._subscriptions, name, "subscription")
        return name, lambda of: of.recipient.id[1] == subscription_id

    def _actual_lines(
        self,
        expected: ExpectedMessages,
        sent: Sequence[tuple[RecipientMessages, ExpectedMessage]],
    ) -> list[str]:
        lines = [_count(len(sent))] if expected.count is not None else []
        if expected.at is None and expected.titles is None:
            return lines
        for of, message in sent:
            parts = [offset(message.at, self._start)] if expected.at is not None else []
            if expected.titles is not None:
                parts.append(self._title(of, message))
            lines.append("  ".join(parts))
        return lines

    def _title(self, of: RecipientMessages, message: ExpectedMessage) -> str:
        delivery = delivery_of(of.recipient, message, self._runtime.catalog)
        return self._runtime.renderer.render(delivery).title if delivery else message.kind.value


_OWN = ("name", "channel")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _named(ids: dict[str, UUID], name: str, noun: str) -> UUID:
    if name not in ids:
        raise InvalidDefinitions(f"The file names no {noun} {name}.")
    return ids[name]


def _expected_lines(expected: ExpectedMessages) -> list[str]:
    lines = [_count(expected.count)] if expected.count is not None else []
    at = [_spelled(each.length) for each in expected.at or []]
    titles = expected.titles or []
    if expected.at is not None and expected.titles is not None:
        return lines + ["  ".join(pair) for pair in zip(at, titles, strict=True)]
    return lines + at + titles


def _spelled(length: timedelta) -> str:
    return offset(datetime.min + length, datetime.min)


def _count(count: int) -> str:
    return f"{count:,} message{'s' if count != 1 else ''}"

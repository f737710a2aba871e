"""The channels and subscriptions of a file of unit tests, and the messages that they would get.

Nothing is sent: the channels have no address and are disabled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tocsin.cli.definition_entries import DefinitionEntry, Entries, FileProblems
from tocsin.cli.definition_files import Definition, InvalidDefinitions
from tocsin.cli.definition_references import References
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

# The kind of a channel decides about bundles; its settings are those of nobody.
_SETTINGS: dict[str, dict[str, Any]] = {
    "webhook": {"url": "https://channel.invalid"},
    "slack": {"webhookUrl": "https://channel.invalid"},
    "email": {"to": ["nobody@channel.invalid"]},
    "apprise": {"url": "json://channel.invalid"},
    "pagerduty": {"routingKey": "0" * 32},
}


class TestRecipients:
    """The channels that a file has or names, each of which exists for the test, and the
    subscriptions of the file."""

    def __init__(self, runtime: Runtime, start: datetime) -> None:
        self._runtime = runtime
        self._start = start
        self._channels: dict[str, UUID] = {}
        self._subscriptions: dict[str, UUID] = {}

    def define(self, entries: Entries, references: References, problems: FileProblems) -> None:
        """Create the channels and the subscriptions, and make the channels known."""
        for entry in entries.of("channels"):
            kind = entry.members.get("kind")
            known = kind if isinstance(kind, str) and kind in _SETTINGS else "webhook"
            self._create_channel(known, *filter(None, (entry.key, entry.name)))
        named = [each for entry in entries.of("alerts") for each in _channels(entry.members)]
        named += [entry.members.get("channel") for entry in entries.of("subscriptions")]
        for name in named:
            if isinstance(name, str) and name not in self._channels:
                self._create_channel("webhook", name)
        for name, id in self._channels.items():
            references.add("channels", str(id), {"key": name})
        for entry in entries.of("subscriptions"):
            self._create_subscription(entry, references, problems)

    def _create_channel(self, kind: str, *names: str) -> None:
        """Create a channel that is known by a key, a name, or both."""
        body = {"name": names[0], "kind": kind, "settings": _SETTINGS[kind], "enabled": False}
        channel = self._runtime.channels.create(read_channel(body), self._start)
        for name in names:
            self._channels.setdefault(name, channel.channel_id)

    def _create_subscription(
        self, entry: DefinitionEntry, references: References, problems: FileProblems
    ) -> None:
        unresolved: list[Problem] = []
        body = references.resolved(entry.section, entry.members, unresolved)
        for problem in unresolved:
            problems.add(entry, problem)
        if unresolved:
            return
        try:
            draft = read_subscription(body, self._runtime.catalog)
            created = self._runtime.subscriptions.create(draft, self._start)
        except InvalidInput as error:
            for problem in error.problems:
                problems.add(entry, problem)
            return
        if entry.key is not None:
            self._subscriptions[entry.key] = created.subscription_id

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


def _channels(alert: Definition) -> list[Any]:
    value = alert.get("channels")
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

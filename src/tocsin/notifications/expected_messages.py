"""The messages that an alert would have sent over a span of the past, for a backtest.

Recipients, filters, silences and grouping are those that live transitions meet: `NewDeliveries`
selects the recipients of each change, and `planned_messages` groups them. Silences apply as they
are now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

import msgspec

from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.state import Dimensions, GroupKey, StateChange, Status, key_of
from tocsin.model.alerts.transition import Transition
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.snapshot import Mnemonics, snapshot
from tocsin.model.metrics.metric import Metric
from tocsin.model.notifications.bundles import GroupTransition
from tocsin.model.notifications.delivery import ALERT, Delivery, DeliveryStatus
from tocsin.model.notifications.planned_messages import (
    MessageKind,
    PlannedMessage,
    planned_messages,
)
from tocsin.store.bundle_collection import occurrence_of
from tocsin.store.new_deliveries import NewDeliveries, Recipient
from tocsin.store.silences import Silences
from tocsin.store.transitions import Transitions

# A change takes some 90 µs, of which the payload of its interaction takes most.
MAX_CHANGES = 20_000
"""The messages of more changes are not counted."""


class PastChanges(Protocol):
    """The history of a group in a backtest."""

    @property
    def changes(self) -> list[StateChange]: ...


History = TypeVar("History", bound=PastChanges)


@dataclass(frozen=True, slots=True)
class ExpectedMessage:
    """A message; a single one has the interaction of its transition."""

    at: datetime
    kind: MessageKind
    is_silenced: bool = False
    interaction: Interaction | None = None


@dataclass(slots=True)
class RecipientMessages:
    """The messages of one recipient, in the order of time."""

    recipient: Recipient
    messages: list[ExpectedMessage] = field(default_factory=list)

    @property
    def sent(self) -> list[ExpectedMessage]:
        return [message for message in self.messages if not message.is_silenced]

    @property
    def silenced(self) -> int:
        return len(self.messages) - len(self.sent)

    def count(self, kind: MessageKind) -> int:
        """The number of messages of a kind that are sent."""
        return sum(message.kind is kind for message in self.sent)


def delivery_of(
    recipient: Recipient, message: ExpectedMessage, catalog: Mnemonics
) -> Delivery | None:
    """The delivery of a single message, from which its text is rendered; None for a bundle."""
    interaction = message.interaction
    if interaction is None:
        return None
    channel_id, subscription_id = recipient.id
    return Delivery(
        delivery_id=recipient.delivery_id(interaction),
        subscription_id=subscription_id or ALERT,
        channel_id=channel_id,
        interaction_id=UUID(bytes=interaction.interaction_id),
        status=DeliveryStatus.PENDING,
        snapshot=msgspec.json.encode(snapshot(interaction, catalog)).decode(),
        template=recipient.template,
        silence_id=None,
        tries=0,
        due=message.at,
        created_date=message.at,
        finished_date=None,
    )


_RecipientId = tuple[UUID, UUID | None]


class _Span:
    """The changes of a span, in the order of time."""

    def __init__(self, changes: Iterable[StateChange], until: datetime) -> None:
        self.changes = sorted(changes, key=lambda change: change.at)
        self.until = until
        self._by_group = {(each.at, key_of(each.dimensions)): each for each in self.changes}
        self._recovered_at = {
            (key_of(each.dimensions), each.fired_at): each.at
            for each in self.changes
            if each.status is Status.OK
        }

    def change_of(self, single: PlannedMessage) -> StateChange:
        ((_, group),) = single.groups
        return self._by_group[single.at, group]

    def outlasts(self, firing: StateChange, at: datetime) -> bool:
        """Whether a group still fires at an instant of the span."""
        recovery = self._recovered_at.get((key_of(firing.dimensions), firing.fired_at))
        return at <= self.until and (recovery is None or recovery > at)


class MessageForecaster:
    def __init__(
        self, transitions: Transitions, new_deliveries: NewDeliveries, silences: Silences
    ) -> None:
        self._transitions = transitions
        self._new = new_deliveries
        self._silences = silences

    def forecast(self, alert: Alert, metric: Metric) -> MessageForecast:
        """A forecast for an alert, which need not be stored, and the metric that it watches."""
        return MessageForecast(alert, metric, self._transitions, self._new, self._silences)


class MessageForecast:
    """Collects the changes of a backtest while it runs, then plans their messages."""

    def __init__(
        self,
        alert: Alert,
        metric: Metric,
        transitions: Transitions,
        new_deliveries: NewDeliveries,
        silences: Silences,
    ) -> None:
        self._alert = alert
        self.metric = metric
        self._transitions = transitions
        self._new = new_deliveries
        self._silences = silences
        self._has_recipients = new_deliveries.may_have_recipients(alert)
        self._changes: list[StateChange] = []
        self.is_complete = True
        """Whether there were not too many changes."""

    def watching(self, histories: Iterable[History]) -> Iterator[History]:
        """The same histories; their changes are noted as they pass."""
        for history in histories:
            if self._has_recipients and self.is_complete:
                self._changes += history.changes
                self.is_complete = len(self._changes) <= MAX_CHANGES
            yield history

    def messages(self, until: datetime) -> list[RecipientMessages]:
        """The messages of each recipient up to an instant, those of the first change first."""
        span = _Span(self._changes if self.is_complete else (), until)
        by_recipient: dict[_RecipientId, RecipientMessages] = {}
        grouped: dict[_RecipientId, list[GroupTransition]] = {}
        # The channels of grouped subscriptions that took the last change of a group, and so take
        # its next one.
        followed: dict[GroupKey, set[UUID]] = {}
        for change in span.changes:
            transition = self._transition(change)
            interaction = self._transitions.interaction(transition)
            key = key_of(change.dimensions)
            matching = self._recipients(interaction, followed.pop(key, set()))
            for id, recipient in matching.items():
                messages = by_recipient.setdefault(id, RecipientMessages(recipient))
                if recipient.grouping:
                    grouped.setdefault(id, [])
                    followed.setdefault(key, set()).add(recipient.channel.channel_id)
                else:
                    messages.messages.append(self._single(recipient, change, interaction, span))
            for id, occurrences in grouped.items():
                is_matched = id in matching
                occurrences.append(occurrence_of(transition, interaction, is_matched=is_matched))
        for id, occurrences in grouped.items():
            of = by_recipient[id]
            of.messages += self._of_grouped(of.recipient, occurrences, span)
        for messages in by_recipient.values():
            messages.messages.sort(key=lambda message: message.at)
        return list(by_recipient.values())

    def _recipients(
        self, interaction: Interaction | None, reached: set[UUID]
    ) -> dict[_RecipientId, Recipient]:
        if interaction is None:
            return {}
        recipients = self._new.recipients(interaction, self._alert, reached)
        return {recipient.id: recipient for recipient in recipients}

    def _transition(self, change: StateChange) -> Transition:
        return Transition.of(change, self._alert, self.metric)

    def _single(
        self,
        recipient: Recipient,
        change: StateChange,
        interaction: Interaction | None,
        span: _Span,
    ) -> ExpectedMessage:
        """The message of one change: sent then, or when a silence ends that its group outlasts, or
        silenced."""
        at = change.at
        is_firing = change.status is Status.FIRING
        passes = recipient.channel.passes_silences(is_recovery=not is_firing)
        released_at = at if passes else self._released_at(change.dimensions, at)
        if released_at == at:
            return ExpectedMessage(at, MessageKind.SINGLE, interaction=interaction)
        if is_firing and released_at and span.outlasts(change, released_at):
            return ExpectedMessage(released_at, MessageKind.SINGLE, interaction=interaction)
        return ExpectedMessage(at, MessageKind.SINGLE, is_silenced=True, interaction=interaction)

    def _released_at(self, dimensions: Dimensions, at: datetime) -> datetime | None:
        """The first instant from `at` on at which no silence matches a group; None for never."""
        while active := self._silences.of_group(self._alert, dimensions, at):
            end = active[1].end
            if end is None:
                return None
            at = end
        return at

    def _of_grouped(
        self, recipient: Recipient, occurrences: Iterable[GroupTransition], span: _Span
    ) -> Iterator[ExpectedMessage]:
        assert recipient.grouping, "these are the messages of a grouped subscription"
        for message in planned_messages(recipient.grouping, occurrences, span.until):
            if message.kind is MessageKind.SINGLE:
                change = span.change_of(message)
                interaction = self._transitions.interaction(self._transition(change))
                yield self._single(recipient, change, interaction, span)
            else:
                yield self._bundle(message)

    def _bundle(self, message: PlannedMessage) -> ExpectedMessage:
        names = self.metric.question.dimensions
        groups = (dict(zip(names, texts, strict=True)) for _, texts in message.groups)
        is_silenced = all(
            self._silences.of_group(self._alert, group, message.at) for group in groups
        )
        return ExpectedMessage(message.at, message.kind, is_silenced)

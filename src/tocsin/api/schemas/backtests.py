"""The shapes of a backtest."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, UnsetType

from tocsin.alerting.backtest import GroupHistory
from tocsin.api.schemas.row_members import OptionalUnit, side_members
from tocsin.api.schemas.shape import InstantText, Shape, doc, only_true
from tocsin.model.alerts.backtest import PastSpan
from tocsin.model.alerts.state import Reason, StateChange, Status
from tocsin.model.instant import format_instant
from tocsin.model.metrics.answer import (
    ReadingDimensions,
    ReadingValue,
    SideOfComparison,
    SideOfRatio,
)
from tocsin.model.metrics.question import Question
from tocsin.model.notifications.planned_messages import MessageKind
from tocsin.notifications.expected_messages import MessageForecast, RecipientMessages

MAX_TRANSITIONS = 100_000
"""A backtest counts more transitions, but does not list them."""


class PastTransition(Shape):
    status: Status
    reason: Reason
    at: InstantText
    fired_at: InstantText
    value: ReadingValue
    numerator: SideOfRatio = UNSET
    denominator: SideOfRatio = UNSET
    current: SideOfComparison = UNSET
    base: SideOfComparison = UNSET

    @classmethod
    def of(cls, change: StateChange, question: Question) -> PastTransition:
        return cls(
            status=change.status,
            reason=change.reason,
            at=format_instant(change.at),
            fired_at=format_instant(change.fired_at),
            value=change.value,
            **side_members(question, change.sides),
        )


class GroupHistoryResponse(Shape):
    """The history that one group would have had."""

    dimensions: ReadingDimensions
    fired: Annotated[int, doc("How often it would have fired")]
    firing_seconds: Annotated[float, doc("For how long, up to the end")]
    transitions: list[PastTransition]

    @classmethod
    def of(cls, history: GroupHistory, question: Question) -> GroupHistoryResponse:
        return cls(
            dimensions=history.dimensions,
            fired=history.fired,
            firing_seconds=history.firing.total_seconds(),
            transitions=[PastTransition.of(change, question) for change in history.changes],
        )


class RecipientMessagesResponse(Shape):
    """The number of messages that one subscription, or one channel of the alert, would have got."""

    subscription_id: Annotated[UUID | None, doc("null for a channel of the alert")]
    channel_id: UUID
    channel_name: str
    sent: Annotated[int, doc("All messages, bundles and reminders included")]
    bundles: int
    reminders: int
    silenced: Annotated[int, doc("Those that a silence would have held back")]

    @classmethod
    def of(cls, messages: RecipientMessages) -> RecipientMessagesResponse:
        channel_id, subscription_id = messages.recipient.id
        return cls(
            subscription_id=subscription_id,
            channel_id=channel_id,
            channel_name=messages.recipient.channel.spec.name,
            sent=len(messages.sent),
            bundles=messages.count(MessageKind.BUNDLE),
            reminders=messages.count(MessageKind.REMINDER),
            silenced=messages.silenced,
        )


class Backtest(Shape, kw_only=True):
    """`results` holds the groups that would have fired; past 100,000 transitions they are counted
    but not listed."""

    evaluations: int
    unit: OptionalUnit = UNSET
    groups: int
    fired: int
    firing_seconds: float
    results: list[GroupHistoryResponse]
    messages: (
        Annotated[
            list[RecipientMessagesResponse],
            doc("By the recipients and silences of today; absent past 20,000 transitions"),
        ]
        | UnsetType
    ) = UNSET
    truncated: (
        Annotated[bool, only_true("Present only if transitions were left out")] | UnsetType
    ) = UNSET

    @classmethod
    def of(
        cls, histories: Iterable[GroupHistory], span: PastSpan, forecast: MessageForecast
    ) -> Backtest:
        """Sums the groups up as they come, so that those that never fired are not kept."""
        question = forecast.metric.question
        groups = fired = transitions = 0
        firing = timedelta()
        results = []
        for history in forecast.watching(histories):
            groups += 1
            fired += history.fired
            firing += history.firing
            transitions += len(history.changes)
            if history.changes and transitions <= MAX_TRANSITIONS:
                results.append(GroupHistoryResponse.of(history, question))
        messages = [RecipientMessagesResponse.of(each) for each in forecast.messages(span.to)]
        return cls(
            evaluations=span.points,
            unit=question.unit or UNSET,
            groups=groups,
            fired=fired,
            firing_seconds=firing.total_seconds(),
            results=results,
            messages=messages if forecast.is_complete else UNSET,
            truncated=transitions > MAX_TRANSITIONS or UNSET,
        )

"""The shapes of alerts, of their groups and transitions, and of backtests."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from msgspec import UNSET, UnsetType, field

from tocsin.alerting.backtest import GroupHistory
from tocsin.api.schemas.shape import (
    DurationText,
    InstantText,
    Shape,
    doc,
    instant_or_none,
    mnemonic_of,
    only_true,
)
from tocsin.model.alerts.alert import Alert, Comparison, Health, NoData, Rule, Severity
from tocsin.model.alerts.evaluation import EvaluationResult, EvaluationStatus, Group
from tocsin.model.alerts.state import Reason, StateChange, Status
from tocsin.model.alerts.transition import Transition
from tocsin.model.instant import format_instant
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.snapshot import Mnemonics
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.answer import ReadingDimensions, ReadingValue

MAX_TRANSITIONS = 100_000
"""A backtest counts more transitions, but does not list them."""

_Error = Annotated[str | None, doc("Why the last evaluation failed")]


class AlertResponse(Shape):
    """An alert and the health of its last evaluation; the mnemonics are those of now."""

    alert_id: UUID
    title: str
    description: str | None
    runbook_url: str | None
    labels: dict[str, str]
    metric_id: UUID
    operator: Comparison
    threshold: int | float
    recovery_threshold: int | float | None
    for_: DurationText = field(name="for")
    keep_firing_for: DurationText
    no_data: NoData
    alert_action_id: UUID
    alert_action: str | None
    recovery_action_id: UUID | None
    recovery_action: str | None
    resource_type_id: UUID
    resource_type: str | None
    severity: Severity
    enabled: bool
    interval: DurationText
    evaluation_delay: DurationText
    health: Health
    health_reason: _Error
    evaluated_at: InstantText | None
    elapsed_ms: float | None
    created_date: InstantText
    modified_date: InstantText

    @classmethod
    def of(cls, alert: Alert, evaluation: EvaluationStatus, catalog: Mnemonics) -> AlertResponse:
        return cls(
            alert_id=alert.alert_id,
            title=alert.title,
            description=alert.description,
            runbook_url=alert.runbook_url,
            labels=alert.labels,
            metric_id=alert.metric_id,
            **_rule(alert.rule),
            alert_action_id=alert.alert_action_id,
            alert_action=mnemonic_of(catalog, Kind.ACTION, alert.alert_action_id),
            recovery_action_id=alert.recovery_action_id,
            recovery_action=mnemonic_of(catalog, Kind.ACTION, alert.recovery_action_id),
            resource_type_id=alert.resource_type_id,
            resource_type=mnemonic_of(catalog, Kind.RESOURCE_TYPE, alert.resource_type_id),
            severity=alert.severity,
            enabled=alert.enabled,
            interval=str(alert.interval),
            evaluation_delay=str(alert.evaluation_delay),
            health=evaluation.health,
            health_reason=evaluation.error,
            evaluated_at=instant_or_none(evaluation.evaluated_at),
            elapsed_ms=evaluation.elapsed_ms,
            created_date=format_instant(alert.created_date),
            modified_date=format_instant(alert.modified_date),
        )


class AlertGroup(Shape):
    dimensions: ReadingDimensions
    status: Status
    since: Annotated[InstantText | None, doc("null for a group that is OK and remembered nowhere")]
    clear_since: Annotated[
        InstantText | None, doc("It fires, but its condition has not held since then")
    ]
    value: ReadingValue

    @classmethod
    def of(cls, group: Group) -> AlertGroup:
        return cls(
            dimensions=group.dimensions,
            status=group.status,
            since=instant_or_none(group.since),
            clear_since=instant_or_none(group.clear_since),
            value=group.value,
        )


class TransitionDefinition(Shape):
    """The definition at the time of the transition, unaffected by later changes of the alert and
    the metric."""

    operator: Comparison
    threshold: int | float
    recovery_threshold: int | float | None
    for_: DurationText = field(name="for")
    keep_firing_for: DurationText
    no_data: NoData
    question: dict[str, Any]


class TransitionResponse(Shape):
    transition_id: UUID
    alert_id: UUID
    alert_title: str
    metric_id: UUID
    metric_name: str
    metric_type: Aggregation
    severity: Severity
    status: Annotated[Status, doc("FIRING, or OK where it recovered")]
    reason: Reason
    value: ReadingValue
    threshold: int | float
    dimensions: ReadingDimensions
    at: InstantText
    fired_at: InstantText
    duration_seconds: Annotated[
        float | None, doc("How long it fired; null where it begins to fire")
    ]
    interaction_id: Annotated[
        UUID | None, doc("The interaction recorded of it; null without an action")
    ]
    definition: TransitionDefinition

    @classmethod
    def of(cls, transition: Transition) -> TransitionResponse:
        alert, change, metric = transition.alert, transition.change, transition.metric
        question = metric.question.model_dump(mode="json", by_alias=True)
        return cls(
            transition_id=transition.transition_id,
            alert_id=alert.alert_id,
            alert_title=alert.title,
            metric_id=metric.metric_id,
            metric_name=metric.name,
            metric_type=metric.question.aggregation,
            severity=alert.severity,
            status=change.status,
            reason=change.reason,
            value=change.value,
            threshold=alert.rule.threshold,
            dimensions=change.dimensions,
            at=format_instant(change.at),
            fired_at=format_instant(change.fired_at),
            duration_seconds=transition.duration_seconds,
            interaction_id=transition.interaction_id,
            definition=TransitionDefinition(**_rule(alert.rule), question=question),
        )


class TransitionsResponse(Shape):
    transitions: list[TransitionResponse]
    next_cursor: str | None


class Evaluation(Shape, kw_only=True):
    alert_id: UUID
    evaluated_at: InstantText
    health: Health
    error: str | UnsetType = UNSET
    groups: int
    firing: int
    transitions: list[TransitionResponse]

    @classmethod
    def of(cls, result: EvaluationResult) -> Evaluation:
        return cls(
            alert_id=result.alert.alert_id,
            evaluated_at=format_instant(result.at),
            health=result.health,
            error=result.error or UNSET,
            groups=result.groups,
            firing=result.firing,
            transitions=[TransitionResponse.of(each) for each in result.transitions],
        )


class EvaluationsResponse(Shape):
    evaluated: int
    results: list[Evaluation]


class PastTransition(Shape):
    status: Status
    reason: Reason
    at: InstantText
    fired_at: InstantText
    value: ReadingValue

    @classmethod
    def of(cls, change: StateChange) -> PastTransition:
        return cls(
            status=change.status,
            reason=change.reason,
            at=format_instant(change.at),
            fired_at=format_instant(change.fired_at),
            value=change.value,
        )


class GroupHistoryResponse(Shape):
    """The history that one group would have had."""

    dimensions: ReadingDimensions
    fired: Annotated[int, doc("How often it would have fired")]
    firing_seconds: Annotated[float, doc("For how long, up to the end")]
    transitions: list[PastTransition]

    @classmethod
    def of(cls, history: GroupHistory) -> GroupHistoryResponse:
        return cls(
            dimensions=history.dimensions,
            fired=history.fired,
            firing_seconds=history.firing.total_seconds(),
            transitions=[PastTransition.of(change) for change in history.changes],
        )


class Backtest(Shape, kw_only=True):
    """`results` holds the groups that would have fired; past 100,000 transitions they are counted
    but not listed."""

    evaluations: int
    groups: int
    fired: int
    firing_seconds: float
    results: list[GroupHistoryResponse]
    truncated: (
        Annotated[bool, only_true("Present only if transitions were left out")] | UnsetType
    ) = UNSET

    @classmethod
    def of(cls, histories: Iterable[GroupHistory], evaluations: int) -> Backtest:
        """Sums the groups up as they come, so that those that never fired are not kept."""
        groups = fired = transitions = 0
        firing = timedelta()
        results = []
        for history in histories:
            groups += 1
            fired += history.fired
            firing += history.firing
            transitions += len(history.changes)
            if history.changes and transitions <= MAX_TRANSITIONS:
                results.append(GroupHistoryResponse.of(history))
        return cls(
            evaluations=evaluations,
            groups=groups,
            fired=fired,
            firing_seconds=firing.total_seconds(),
            results=results,
            truncated=transitions > MAX_TRANSITIONS or UNSET,
        )


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "operator": rule.operator,
        "threshold": rule.threshold,
        "recovery_threshold": rule.recovery_threshold,
        "for_": str(rule.for_),
        "keep_firing_for": str(rule.keep_firing_for),
        "no_data": rule.no_data,
    }

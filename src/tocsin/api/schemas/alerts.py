"""The shapes of alerts, of their groups and transitions, and of backtests."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from msgspec import UNSET, UnsetType, field

from tocsin.api.schemas.guards import GuardResponse, GuardValues, guard_values
from tocsin.api.schemas.row_members import OptionalUnit, side_members
from tocsin.api.schemas.shape import (
    DurationText,
    InstantText,
    KeyText,
    ManagedBy,
    Shape,
    doc,
    instant_or_none,
    mnemonic_of,
)
from tocsin.model.alerts.alert import Alert, Comparison, Health, NoData
from tocsin.model.alerts.evaluation import EvaluationResult, EvaluationStatus, Group
from tocsin.model.alerts.state import Reason, Status
from tocsin.model.alerts.transition import Transition
from tocsin.model.instant import format_instant
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.snapshot import Mnemonics
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.answer import (
    ReadingDimensions,
    ReadingValue,
    SideOfComparison,
    SideOfRatio,
)
from tocsin.model.severity import Severity

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
    only_when: list[GuardResponse]
    alert_action_id: UUID
    alert_action: str | None
    recovery_action_id: UUID | None
    recovery_action: str | None
    resource_type_id: UUID
    resource_type: str | None
    severity: Severity
    channel_ids: Annotated[list[UUID], doc("Notified of its transitions without a subscription")]
    enabled: bool
    interval: DurationText
    evaluation_delay: DurationText
    health: Health
    health_reason: _Error
    evaluated_at: InstantText | None
    elapsed_ms: float | None
    key: KeyText
    managed_by: ManagedBy
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
            **_rule(alert),
            alert_action_id=alert.alert_action_id,
            alert_action=mnemonic_of(catalog, Kind.ACTION, alert.alert_action_id),
            recovery_action_id=alert.recovery_action_id,
            recovery_action=mnemonic_of(catalog, Kind.ACTION, alert.recovery_action_id),
            resource_type_id=alert.resource_type_id,
            resource_type=mnemonic_of(catalog, Kind.RESOURCE_TYPE, alert.resource_type_id),
            severity=alert.severity,
            channel_ids=list(alert.channel_ids),
            enabled=alert.enabled,
            interval=str(alert.interval),
            evaluation_delay=str(alert.evaluation_delay),
            health=evaluation.health,
            health_reason=evaluation.error,
            evaluated_at=instant_or_none(evaluation.evaluated_at),
            elapsed_ms=evaluation.elapsed_ms,
            key=alert.key,
            managed_by=alert.managed_by,
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
    value: Annotated[ReadingValue, doc("null also where a guard does not hold")]
    guards: GuardValues = UNSET

    @classmethod
    def of(cls, group: Group) -> AlertGroup:
        return cls(
            dimensions=group.dimensions,
            status=group.status,
            since=instant_or_none(group.since),
            clear_since=instant_or_none(group.clear_since),
            value=group.value,
            guards=guard_values(group.guards),
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
    only_when: list[GuardResponse]
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
    unit: OptionalUnit = UNSET
    numerator: SideOfRatio = UNSET
    denominator: SideOfRatio = UNSET
    current: SideOfComparison = UNSET
    base: SideOfComparison = UNSET
    guards: GuardValues = UNSET

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
            definition=TransitionDefinition(**_rule(alert), question=question),
            unit=metric.question.unit or UNSET,
            **side_members(metric.question, change.sides),
            guards=guard_values(change.guards),
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


def _rule(alert: Alert) -> dict[str, Any]:
    rule = alert.rule
    return {
        "operator": rule.operator,
        "threshold": rule.threshold,
        "recovery_threshold": rule.recovery_threshold,
        "for_": str(rule.for_),
        "keep_firing_for": str(rule.keep_firing_for),
        "no_data": rule.no_data,
        "only_when": [GuardResponse.of(guard) for guard in alert.only_when],
    }

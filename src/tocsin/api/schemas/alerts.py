"""How do alerts, their groups and their transitions look in an answer?

The shapes are for the OpenAPI document; the functions beside them build what has these shapes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, NotRequired
from uuid import UUID

from pydantic import Field as Member
from typing_extensions import TypedDict

from tocsin.alerting.backtest import GroupHistory as GroupPast
from tocsin.api.schemas.metrics import Dimensions, Value
from tocsin.model.alerts.alert import Alert as Definition
from tocsin.model.alerts.alert import Comparison, Health, NoData, Rule, Severity
from tocsin.model.alerts.evaluation import EvaluationResult, EvaluationStatus, Group
from tocsin.model.alerts.state import Reason, Status
from tocsin.model.alerts.transition import Transition as Made
from tocsin.model.duration import Duration
from tocsin.model.instant import format_instant
from tocsin.model.interactions.catalog import Kind
from tocsin.model.metrics.metric import Aggregation, Question
from tocsin.runtime import Runtime

Error = Annotated[str | None, Member(description="Why the last evaluation failed")]


# Members that are no names in Python.
_For = TypedDict("_For", {"for": Duration})


class Alert(_For):
    """An alert, and how its last evaluation went."""

    alertId: UUID
    title: str
    description: str | None
    runbookUrl: str | None
    labels: dict[str, str]
    metricId: UUID
    operator: Comparison
    threshold: float
    recoveryThreshold: float | None
    alertActionId: UUID
    alertAction: str | None
    recoveryActionId: UUID | None
    recoveryAction: str | None
    resourceTypeId: UUID
    resourceType: str | None
    severity: Severity
    enabled: bool
    interval: Duration
    keepFiringFor: Duration
    noData: NoData
    evaluationDelay: Duration
    health: Health
    healthReason: Error
    evaluatedAt: datetime | None
    elapsedMs: float | None
    createdDate: datetime
    modifiedDate: datetime


class AlertGroup(TypedDict):
    dimensions: Dimensions
    status: Status
    since: Annotated[datetime | None, Member(description="null for a group that is simply OK")]
    clearSince: Annotated[
        datetime | None, Member(description="It fires, but its condition holds no more since then")
    ]
    value: Value


class TransitionDefinition(_For):
    """What a transition was judged by, whatever became of the alert and the metric since."""

    operator: Comparison
    threshold: float
    recoveryThreshold: float | None
    keepFiringFor: Duration
    noData: NoData
    question: dict[str, Any]


class Transition(TypedDict):
    transitionId: UUID
    alertId: UUID
    alertTitle: str
    metricId: UUID
    metricName: str
    metricType: Aggregation
    severity: Severity
    status: Annotated[Status, Member(description="FIRING, or OK where it recovered")]
    reason: Reason
    value: Value
    threshold: float
    dimensions: Dimensions
    at: datetime
    firedAt: datetime
    durationSeconds: Annotated[
        float | None, Member(description="How long it fired; null where it begins to")
    ]
    interactionId: Annotated[
        UUID | None, Member(description="What was recorded of it; null without an action")
    ]
    definition: TransitionDefinition


class Transitions(TypedDict):
    transitions: list[Transition]
    nextCursor: str | None


class Evaluation(TypedDict):
    alertId: UUID
    evaluatedAt: datetime
    health: Health
    error: NotRequired[str]
    groups: int
    firing: int
    transitions: list[Transition]


class Evaluations(TypedDict):
    evaluated: int
    results: list[Evaluation]


class PastTransition(TypedDict):
    status: Status
    reason: Reason
    at: datetime
    firedAt: datetime
    value: Value


class GroupHistory(TypedDict):
    """What one group would have done."""

    dimensions: Dimensions
    fired: Annotated[int, Member(description="How often it would have fired")]
    firingSeconds: Annotated[float, Member(description="For how long, up to the end")]
    transitions: list[PastTransition]


class Backtest(TypedDict):
    """`results` holds the groups that would have fired; past 100,000 transitions they are counted
    but not listed."""

    evaluations: int
    groups: int
    fired: int
    firingSeconds: float
    results: list[GroupHistory]
    truncated: NotRequired[Literal[True]]


def shown(runtime: Runtime, alert: Definition, evaluation: EvaluationStatus) -> dict[str, Any]:
    """An alert as the API answers it, with the mnemonics that its entries have now."""
    return {
        "alertId": alert.alert_id,
        "title": alert.title,
        "description": alert.description,
        "runbookUrl": alert.runbook_url,
        "labels": alert.labels,
        "metricId": alert.metric_id,
        **_rule(alert.rule),
        **_entry(runtime, "alertAction", Kind.ACTION, alert.alert_action_id),
        **_entry(runtime, "recoveryAction", Kind.ACTION, alert.recovery_action_id),
        **_entry(runtime, "resourceType", Kind.RESOURCE_TYPE, alert.resource_type_id),
        "severity": alert.severity,
        "enabled": alert.enabled,
        "interval": str(alert.interval),
        "evaluationDelay": str(alert.evaluation_delay),
        "health": evaluation.health,
        "healthReason": evaluation.error,
        "evaluatedAt": evaluation.evaluated_at and format_instant(evaluation.evaluated_at),
        "elapsedMs": evaluation.elapsed_ms,
        "createdDate": format_instant(alert.created_date),
        "modifiedDate": format_instant(alert.modified_date),
    }


def shown_group(group: Group) -> dict[str, Any]:
    return {
        "dimensions": group.dimensions,
        "status": group.status,
        "since": group.since and format_instant(group.since),
        "clearSince": group.clear_since and format_instant(group.clear_since),
        "value": group.value,
    }


def shown_transition(made: Made) -> dict[str, Any]:
    alert, change, metric = made.alert, made.change, made.metric
    return {
        "transitionId": made.transition_id,
        "alertId": alert.alert_id,
        "alertTitle": alert.title,
        "metricId": metric.metric_id,
        "metricName": metric.name,
        "metricType": metric.question.aggregation,
        "severity": alert.severity,
        "status": change.status,
        "reason": change.reason,
        "value": change.value,
        "threshold": alert.rule.threshold,
        "dimensions": change.dimensions,
        "at": format_instant(change.at),
        "firedAt": format_instant(change.fired_at),
        "durationSeconds": made.duration_seconds,
        "interactionId": made.interaction_id,
        "definition": {**_rule(alert.rule), "question": _question(metric.question)},
    }


def shown_past(past: GroupPast) -> dict[str, Any]:
    return {
        "dimensions": past.dimensions,
        "fired": past.fired,
        "firingSeconds": past.firing.total_seconds(),
        "transitions": [
            {
                "status": change.status,
                "reason": change.reason,
                "at": format_instant(change.at),
                "firedAt": format_instant(change.fired_at),
                "value": change.value,
            }
            for change in past.changes
        ],
    }


def shown_finding(finding: EvaluationResult) -> dict[str, Any]:
    return {
        "alertId": finding.alert.alert_id,
        "evaluatedAt": format_instant(finding.at),
        "health": finding.health,
        **({"error": finding.error} if finding.error else {}),
        "groups": finding.groups,
        "firing": finding.firing,
        "transitions": [shown_transition(made) for made in finding.transitions],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "operator": rule.operator,
        "threshold": rule.threshold,
        "recoveryThreshold": rule.recovery_threshold,
        "for": str(rule.for_),
        "keepFiringFor": str(rule.keep_firing_for),
        "noData": rule.no_data,
    }


def _question(question: Question) -> dict[str, Any]:
    return question.model_dump(mode="json", by_alias=True)


def _entry(runtime: Runtime, member: str, kind: Kind, id: UUID | None) -> dict[str, Any]:
    entry = runtime.catalog.by_id(kind, id) if id else None
    return {f"{member}Id": id, member: entry and entry.mnemonic}

"""The shapes of the list of groups that fire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from msgspec import UNSET

from tocsin.alerting.firing_list import ListedGroup
from tocsin.api.schemas.row_members import OptionalUnit
from tocsin.api.schemas.shape import InstantText, Shape, doc, instant_or_none
from tocsin.model.alerts.alert import Comparison
from tocsin.model.instant import format_instant
from tocsin.model.metrics.answer import ReadingDimensions, ReadingValue
from tocsin.model.severity import Severity


class FiringGroupResponse(Shape):
    """A group that fires, with its alert as it is now."""

    alert_id: UUID
    alert_title: str
    severity: Severity
    labels: dict[str, str]
    description: str | None
    runbook_url: str | None
    metric_id: UUID
    metric_name: str
    operator: Comparison
    threshold: int | float
    dimensions: ReadingDimensions
    value: Annotated[ReadingValue, doc("As of when it began to fire")]
    since: InstantText
    clear_since: Annotated[
        InstantText | None, doc("It fires, but its condition has not held since then")
    ]
    silenced: bool
    silence_id: Annotated[UUID | None, doc("Of several silences, the one that ends last")]
    silenced_until: Annotated[
        InstantText | None, doc("The end of the silence, or of its window; null if it has none")
    ]
    unit: OptionalUnit = UNSET

    @classmethod
    def of(cls, listed: ListedGroup) -> FiringGroupResponse:
        alert, state, metric = listed.firing.alert, listed.firing.state, listed.metric
        return cls(
            alert_id=alert.alert_id,
            alert_title=alert.title,
            severity=alert.severity,
            labels=alert.labels,
            description=alert.description,
            runbook_url=alert.runbook_url,
            metric_id=metric.metric_id,
            metric_name=metric.name,
            operator=alert.rule.operator,
            threshold=alert.rule.threshold,
            dimensions=state.dimensions,
            value=state.value,
            unit=metric.question.unit or UNSET,
            since=format_instant(state.since),
            clear_since=instant_or_none(state.clear_since),
            silenced=listed.silence is not None,
            silence_id=listed.silence.silence_id if listed.silence else None,
            silenced_until=instant_or_none(listed.silenced_until),
        )


class FiringResponse(Shape):
    firing: list[FiringGroupResponse]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Sequence[ListedGroup], limit: int) -> FiringResponse:
        """A page of the first `limit` groups; one more means that there is another page."""
        shown = page[:limit]
        following = shown[-1].firing.position.cursor if len(page) > limit else None
        return cls([FiringGroupResponse.of(listed) for listed in shown], following)

"""The shapes of metrics, of their types and of payload fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET, UnsetType, field

from tocsin.api.schemas.filters import FilterObject, filter_object
from tocsin.api.schemas.shape import (
    FieldText,
    InstantText,
    KeyText,
    ManagedBy,
    OffsetText,
    Shape,
    WindowText,
    doc,
    mnemonic_of,
    only_true,
    text_or_none,
)
from tocsin.errors import Problem
from tocsin.model.instant import format_instant
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.redaction import Treatment
from tocsin.model.interactions.snapshot import Mnemonics
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.answer import FieldReport
from tocsin.model.metrics.calendar import CalendarWindow
from tocsin.model.metrics.comparison import Change, PeriodComparison
from tocsin.model.metrics.metric import Metric
from tocsin.model.metrics.question import Question, Side
from tocsin.model.metrics.rates import RateUnit

_NAMES: Mapping[Aggregation, tuple[str, str]] = {
    Aggregation.COUNT: ("Count", "The number of matching interactions."),
    Aggregation.SUM: ("Sum", "The sum of a field's numbers."),
    Aggregation.AVG: ("Average", "The mean of a field's numbers."),
    Aggregation.MIN: ("Minimum", "The smallest of a field's numbers."),
    Aggregation.MAX: ("Maximum", "The largest of a field's numbers."),
    Aggregation.DISTINCT_COUNT: (
        "Distinct Count",
        "The exact number of distinct texts of a field.",
    ),
    Aggregation.RATE: ("Rate", "Matching interactions per minute, hour or day of the window."),
    Aggregation.PERCENTILE: (
        "Percentile",
        "The exact nearest-rank percentile of a field's numbers.",
    ),
    Aggregation.LATEST: ("Latest", "A field's number in the latest interaction that has one."),
    Aggregation.RATIO: ("Ratio", "One aggregate divided by another."),
}


class SideResponse(Shape):
    """A side of a RATIO, with the current mnemonics of its scope."""

    metric_type: Aggregation
    resource_type_id: UUID | None
    resource_type: str | None
    action_id: UUID | None
    action: str | None
    origin_id: UUID | None
    origin: str | None
    field: FieldText | None
    filters: list[FilterObject]

    @classmethod
    def of(cls, side: Side, catalog: Mnemonics) -> SideResponse:
        return cls(**_side_members(side, catalog))


class ComparisonResponse(Shape, kw_only=True):
    """The comparison of a metric with its value at an earlier instant."""

    offset: OffsetText
    change: Change = field(name="as")
    minimum_base: (
        Annotated[int | float, doc("Below this magnitude of the base there is no value")]
        | UnsetType
    ) = UNSET

    @classmethod
    def of(cls, compare: PeriodComparison) -> ComparisonResponse:
        least = compare.minimum_base
        return cls(
            offset=str(compare.offset),
            change=compare.change,
            minimum_base=UNSET if least is None else least,
        )


_OfRatio = doc("Only there for a RATIO")


class DefinitionWarning(Shape):
    """A part of a definition that has no effect in the recorded interactions."""

    field: Annotated[str, doc("Where it is in the definition, such as `filters[0].field`")]
    message: str


Warnings = Annotated[list[DefinitionWarning], doc("Absent if there are none")] | UnsetType


def warnings_of(problems: Sequence[Problem]) -> Warnings:
    return [DefinitionWarning(problem.field, problem.message) for problem in problems] or UNSET


class MetricResponse(Shape, kw_only=True):
    """A metric, with the current mnemonics of its scope."""

    metric_id: UUID
    name: str
    description: str | None
    metric_type_id: UUID
    metric_type: Aggregation
    resource_type_id: UUID | None
    resource_type: str | None
    action_id: UUID | None
    action: str | None
    origin_id: UUID | None
    origin: str | None
    field: FieldText | None
    filters: list[FilterObject]
    time_window: WindowText | None
    timezone: Annotated[str, doc("Only there for a calendar window")] | UnsetType = UNSET
    rate_unit: Annotated[RateUnit, doc("Only there if it was given")] | UnsetType = UNSET
    unit: Annotated[str, doc("Only there if it was given")] | UnsetType = UNSET
    group_by: list[FieldText]
    percentile: Annotated[int | float, doc("Only there for a PERCENTILE")] | UnsetType = UNSET
    numerator: Annotated[SideResponse, _OfRatio] | UnsetType = UNSET
    denominator: Annotated[SideResponse, _OfRatio] | UnsetType = UNSET
    scale: Annotated[int, _OfRatio] | UnsetType = UNSET
    minimum_denominator: Annotated[int | float | None, _OfRatio] | UnsetType = UNSET
    compare: Annotated[ComparisonResponse, doc("Only there for a comparison")] | UnsetType = UNSET
    enabled: bool
    expose: bool
    key: KeyText
    managed_by: ManagedBy
    created_date: InstantText
    modified_date: InstantText
    warnings: Warnings = UNSET

    @classmethod
    def of(
        cls, metric: Metric, catalog: Mnemonics, warnings: Sequence[Problem] = ()
    ) -> MetricResponse:
        question = metric.question
        return cls(
            metric_id=metric.metric_id,
            name=metric.name,
            description=metric.description,
            metric_type_id=question.aggregation.type_id,
            **_side_members(question, catalog),
            **window_members(question),
            rate_unit=question.rate_unit or UNSET,
            unit=question.own_unit or UNSET,
            group_by=[str(field) for field in question.group_by],
            percentile=UNSET if question.percentile is None else question.percentile,
            **_ratio_members(question, catalog),
            compare=ComparisonResponse.of(question.compare) if question.compare else UNSET,
            enabled=metric.enabled,
            expose=metric.expose,
            key=metric.key,
            managed_by=metric.managed_by,
            created_date=format_instant(metric.created_date),
            modified_date=format_instant(metric.modified_date),
            warnings=warnings_of(warnings),
        )


def _side_members(side: Side, catalog: Mnemonics) -> dict[str, Any]:
    return {
        "metric_type": side.aggregation,
        "resource_type_id": side.resource_type_id,
        "resource_type": mnemonic_of(catalog, Kind.RESOURCE_TYPE, side.resource_type_id),
        "action_id": side.action_id,
        "action": mnemonic_of(catalog, Kind.ACTION, side.action_id),
        "origin_id": side.origin_id,
        "origin": mnemonic_of(catalog, Kind.ORIGIN, side.origin_id),
        "field": text_or_none(side.field),
        "filters": list(map(filter_object, side.filters)),
    }


def window_members(question: Question) -> dict[str, Any]:
    """The window as a definition has it: a calendar window as two members."""
    window = question.time_window
    if isinstance(window, CalendarWindow):
        return {"time_window": window.name, "timezone": window.timezone}
    return {"time_window": text_or_none(window)}


def _ratio_members(question: Question, catalog: Mnemonics) -> dict[str, Any]:
    if question.numerator is None or question.denominator is None:
        return {}
    return {
        "numerator": SideResponse.of(question.numerator, catalog),
        "denominator": SideResponse.of(question.denominator, catalog),
        "scale": question.scale,
        "minimum_denominator": question.minimum_denominator,
    }


class MetricType(Shape):
    metric_type_id: UUID
    mnemonic: Aggregation
    name: str
    description: str
    requires_field: bool
    requires_time_window: bool

    @classmethod
    def of(cls, aggregation: Aggregation) -> MetricType:
        name, description = _NAMES[aggregation]
        return cls(
            metric_type_id=aggregation.type_id,
            mnemonic=aggregation,
            name=name,
            description=description,
            requires_field=aggregation.requires_field,
            requires_time_window=aggregation.requires_window,
        )


class FieldReportResponse(Shape):
    field: FieldText
    types: list[Literal["string", "number", "boolean", "array"]]
    occurrences: int
    examples: list[str | int | float | bool]
    truncated: Annotated[bool, only_true("Present only if an example was cut")] | UnsetType = UNSET
    promoted: (
        Annotated[bool, only_true("Present only if the field has a materialized column")]
        | UnsetType
    ) = UNSET
    redact: (
        Annotated[Treatment, doc("Present only if a resource type of the scope redacts the field")]
        | UnsetType
    ) = UNSET

    @classmethod
    def of(cls, report: FieldReport, redact: Treatment | None = None) -> FieldReportResponse:
        return cls(
            field=str(report.field),
            types=report.types,  # type: ignore[arg-type]  # the engine's names for JSON types
            occurrences=report.occurrences,
            examples=list(report.examples),
            truncated=report.truncated or UNSET,
            promoted=report.promoted or UNSET,
            redact=redact or UNSET,
        )

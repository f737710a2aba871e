"""The shapes of calculated values: now, over time, and how the engine calculated them.

The rows of a calculation are the model's readings: a grouped metric has thousands of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import UNSET, UnsetType

from tocsin.api.schemas.metrics import Warnings, warnings_of
from tocsin.api.schemas.row_members import OptionalUnit
from tocsin.api.schemas.shape import FieldText, InstantText, Shape, doc, only_true
from tocsin.errors import Problem, TocsinError
from tocsin.model.instant import format_instant
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.answer import (
    Answer,
    Explanation,
    Reading,
    ReadingDimensions,
    ReadingValue,
    Series,
)
from tocsin.model.metrics.metric import Metric

_Truncated = Annotated[bool, only_true("Present only if rows were cut")] | UnsetType
_GroupCount = (
    Annotated[int, doc("The number of all rows; present only if some were cut")] | UnsetType
)


class Calculation(Shape, kw_only=True):
    metric_id: UUID | None
    metric_name: str | None
    metric_type: Aggregation
    calculated_at: InstantText
    unit: OptionalUnit = UNSET
    results: list[Reading]
    truncated: _Truncated = UNSET
    group_count: _GroupCount = UNSET
    warnings: Warnings = UNSET

    @classmethod
    def of(
        cls,
        id: UUID | None,
        name: str | None,
        type: Aggregation,
        answer: Answer,
        warnings: Sequence[Problem] = (),
    ) -> Calculation:
        return cls(
            metric_id=id,
            metric_name=name,
            metric_type=type,
            **_members(answer),
            warnings=warnings_of(warnings),
        )


class CalculationOfAll(Shape, kw_only=True):
    """The calculation of one metric of all; one that failed has `error` instead of its results."""

    metric_id: UUID
    metric_name: str
    metric_type: Aggregation
    calculated_at: InstantText
    unit: OptionalUnit = UNSET
    results: list[Reading] | UnsetType = UNSET
    truncated: _Truncated = UNSET
    group_count: _GroupCount = UNSET
    result_count: int | UnsetType = UNSET
    sample_value: ReadingValue | UnsetType = UNSET
    error: str | UnsetType = UNSET

    @classmethod
    def of(cls, metric: Metric, answer: Answer | TocsinError, at: datetime) -> CalculationOfAll:
        members: dict[str, Any]
        if isinstance(answer, TocsinError):
            members = {"calculated_at": format_instant(at), "error": str(answer)}
        else:
            readings = answer.readings
            members = {
                **_members(answer),
                "result_count": len(readings),
                "sample_value": readings[0].value if readings else None,
            }
        return cls(
            metric_id=metric.metric_id,
            metric_name=metric.name,
            metric_type=metric.question.aggregation,
            **members,
        )


class Calculations(Shape):
    calculated: int
    results: list[CalculationOfAll]

    @classmethod
    def of(cls, results: list[CalculationOfAll]) -> Calculations:
        return cls(sum(result.error is UNSET for result in results), results)


class Point(Shape, gc=False):
    at: InstantText
    value: ReadingValue


class LineResponse(Shape):
    dimensions: ReadingDimensions
    points: list[Point]


class SeriesResponse(Shape, kw_only=True):
    metric_id: UUID
    metric_name: str
    metric_type: Aggregation
    unit: OptionalUnit = UNSET
    series: list[LineResponse]
    truncated: _Truncated = UNSET
    group_count: _GroupCount = UNSET

    @classmethod
    def of(cls, metric: Metric, series: Series) -> SeriesResponse:
        # All lines have the same points, so each instant is written once.
        points = series.lines[0].points if series.lines else []
        instants = [format_instant(at) for at, _ in points]
        return cls(
            metric_id=metric.metric_id,
            metric_name=metric.name,
            metric_type=metric.question.aggregation,
            unit=metric.question.unit or UNSET,
            series=[
                LineResponse(
                    line.dimensions,
                    [
                        Point(at, value)
                        for at, (_, value) in zip(instants, line.points, strict=True)
                    ],
                )
                for line in series.lines
            ],
            **_cut(series.group_count),
        )


class ExplanationResponse(Shape):
    sql: str
    parameters: dict[str, Any]
    promoted: Annotated[list[FieldText], doc("Fields read from materialized columns")]
    rows_read: int
    bytes_read: int
    elapsed_ms: float
    from_rollup: bool

    @classmethod
    def of(cls, explanation: Explanation) -> ExplanationResponse:
        return cls(
            sql=explanation.sql,
            parameters=explanation.parameters,
            promoted=[str(field) for field in explanation.promoted],
            rows_read=explanation.rows_read,
            bytes_read=explanation.bytes_read,
            elapsed_ms=round(explanation.elapsed_ms, 3),
            from_rollup=explanation.from_rollup,
        )


def _members(answer: Answer) -> dict[str, Any]:
    return {
        "calculated_at": format_instant(answer.at),
        "unit": answer.unit or UNSET,
        "results": answer.readings,
        **_cut(answer.group_count),
    }


def _cut(group_count: int | None) -> dict[str, Any]:
    return {} if group_count is None else {"truncated": True, "group_count": group_count}

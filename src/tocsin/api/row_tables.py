"""Answers and series as flat tables: one row for each group, or for each group and instant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tocsin.model.instant import format_instant
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.answer import Answer, Series
from tocsin.model.metrics.metric import Metric
from tocsin.model.metrics.question import Question

TIME = "time"

_COUNTS = (Aggregation.COUNT, Aggregation.DISTINCT_COUNT)


@dataclass(frozen=True, slots=True)
class RowTable:
    """Rows of an instant (if `has_time`), the texts of dimensions, and numbers; None for null.

    `counts` has the numbers that are whole by the definition of the metric. `properties` describe
    the table, in formats that have a place for them.
    """

    has_time: bool
    texts: Sequence[str]
    numbers: Sequence[str]
    rows: Sequence[tuple[Any, ...]]
    is_cut: bool
    counts: frozenset[str] = frozenset()
    properties: dict[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        return (*([TIME] if self.has_time else []), *self.texts, *self.numbers)


def table_of_answer(metric: Metric, answer: Answer) -> RowTable:
    question = metric.question
    numbers = ("value", *question.side_names)
    rows = [
        (*(reading.dimensions or {}).values(), *(getattr(reading, name) for name in numbers))
        for reading in answer.readings
    ]
    return RowTable(
        has_time=False,
        texts=question.dimensions,
        numbers=numbers,
        rows=rows,
        is_cut=answer.group_count is not None,
        counts=_counts(question),
        properties={
            **_properties(metric, answer.unit),
            "calculatedAt": format_instant(answer.at),
        },
    )


def table_of_series(metric: Metric, series: Series) -> RowTable:
    """The points of all lines, oldest first."""
    question = metric.question
    lines = [(tuple((line.dimensions or {}).values()), line.points) for line in series.lines]
    count = len(lines[0][1]) if lines else 0
    return RowTable(
        has_time=True,
        texts=question.dimensions,
        numbers=("value",),
        rows=[
            (points[index][0], *texts, points[index][1])
            for index in range(count)
            for texts, points in lines
        ],
        is_cut=series.group_count is not None,
        counts=_counts(question) & {"value"},
        properties=_properties(metric, question.unit),
    )


def _counts(question: Question) -> frozenset[str]:
    if question.compare:
        # A difference of counts is whole as well.
        value = () if question.compare.change.divides else ("value",)
        is_count = question.aggregation in _COUNTS
        return frozenset((*value, *question.side_names) if is_count else ())
    sides = (question, *question.parts) if question.is_joined else (question,)
    pairs = zip(("value", *question.side_names), sides, strict=True)
    return frozenset(name for name, side in pairs if side.aggregation in _COUNTS)


def _properties(metric: Metric, unit: str | None) -> dict[str, str]:
    named = {"metricId": str(metric.metric_id), "metricName": metric.name}
    return {**named, "metricType": metric.question.aggregation.value, "unit": unit or ""}

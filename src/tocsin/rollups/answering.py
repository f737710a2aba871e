"""From what a window's cells come to, to the rows of an answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

import numpy as np

from tocsin.model.metric import Aggregation, Answer, Question, Reading, plain
from tocsin.rollups.groups import GroupTexts
from tocsin.rollups.rows import Doubles, Rows, totals
from tocsin.sql.compiler import SCALE_UP
from tocsin.sql.plan import Measure

Value = int | float | None


def answer(
    question: Question,
    at: datetime,
    parts: Sequence[Rows],
    groups: Sequence[GroupTexts],
    limit: int,
) -> Answer:
    """The question's answer, given the rows of all cells and edges of its window."""
    is_grouped = bool(question.group_by)
    measure = Measure.of(question.aggregation)
    occurring, sums = totals(measure, parts, len(groups) if is_grouped else None)
    values = [plain(value) for value in _values(question, sums)]
    if not is_grouped:
        return Answer(at, [Reading(values[0])], question.unit)
    rows = [(value, groups[n]) for value, n in zip(values, occurring.tolist(), strict=True)]
    rows.sort(key=_rank)
    names = question.dimensions
    readings = [
        Reading(value, dict(zip(names, texts, strict=True))) for value, texts in rows[:limit]
    ]
    return Answer(at, readings, question.unit, len(rows) if len(rows) > limit else None)


def _rank(row: tuple[Value, GroupTexts]) -> tuple[object, ...]:
    """The order of rows in semantics.md."""
    value, texts = row
    return value is None, -(value or 0), [(text is None, text or "") for text in texts]


def _values(question: Question, sums: Doubles) -> list[Value]:
    """The aggregation's value for each column of partial results."""
    match question.aggregation:
        case Aggregation.COUNT:
            return [int(count) for count in sums[0].tolist()]
        case Aggregation.DISTINCT_COUNT:
            return [int(count) for count in sums[1].tolist()]
        case Aggregation.RATE:
            assert question.time_window
            return list((sums[0] / question.time_window.count).tolist())
        case Aggregation.MIN | Aggregation.MAX:
            return _or_null(sums[1])
        case _:
            return _sums(question.aggregation, sums)


def _sums(aggregation: Aggregation, sums: Doubles) -> list[Value]:
    _, numbers, small, scaled = sums
    is_mean = aggregation is Aggregation.AVG
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        divisor = numbers if is_mean else np.ones_like(numbers)
        large = scaled / divisor * float(SCALE_UP)
        values = np.where(np.isfinite(small), small / divisor, large)
    over_nothing = np.nan if is_mean else 0.0
    return _or_null(np.where(numbers == 0, over_nothing, values))


def _or_null(values: Doubles) -> list[Value]:
    return [value if math.isfinite(value) else None for value in values.tolist()]

"""From the aggregates of a metric's runs to its points.

A run is a stretch of points, from `lo` to `hi`, at each of which its rows lie in the window
(see `sql/runs.py`); a point's value is that of all runs that cover it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tocsin.model.metric import Aggregation, Line, Question, Series
from tocsin.sql.compiler import SCALE_UP
from tocsin.sql.runs import Points
from tocsin.sql.series import MAX_LINES

Value = int | float | None
Values = NDArray[Any]
Columns = Sequence[NDArray[Any]]


def fold(question: Question, points: Points, rows: Sequence[Sequence[Any]]) -> Series:
    """The series of the rows that `compile_series` asks for."""
    names = question.dimensions
    instants = points.all()
    lines = []
    for row in rows:
        *texts, runs, _groups = row
        columns = [np.array(column) for column in zip(*runs, strict=True)]
        found = values_of(question, points.count, columns)
        values = [value_of(value) for value in found.tolist()]
        dimensions = dict(zip(names, texts, strict=True)) if names else None
        lines.append(Line(dimensions, list(zip(instants, values, strict=True))))
    groups = rows[0][-1] if rows else 0
    lines.sort(key=_rank)
    return Series(lines, groups if groups > MAX_LINES else None)


def values_of(question: Question, count: int, columns: Columns) -> Values:
    """The value at each of `count` points, of the columns of a group's runs: integers, or doubles
    that are not finite where there is nothing to aggregate, or no double can hold it."""
    aggregation = question.aggregation
    if not columns:
        columns = [np.zeros(0, dtype=np.int64)] * 5
    if aggregation in (Aggregation.MIN, Aggregation.MAX):
        return _extremes(aggregation, count, columns)
    if aggregation in (Aggregation.SUM, Aggregation.AVG):
        return _sums(aggregation, count, columns)
    totals = covering(count, columns[0], columns[1], columns[2])
    if aggregation is Aggregation.RATE:
        assert question.time_window
        return totals / question.time_window.count
    return totals


def covering(count: int, lo: Values, hi: Values, number: Values | int = 1) -> Values:
    """The sum of the runs' numbers at each point: what begins there is added, what ended taken
    away, which is exact for integers."""
    steps = np.zeros(count + 1, dtype=np.int64)
    np.add.at(steps, lo, number)
    np.subtract.at(steps, hi + 1, number)
    return np.cumsum(steps[:-1])


def value_of(value: int | float) -> Value:
    """A value as it is answered: null where it is not finite, whole numbers without a fraction."""
    if isinstance(value, int):
        return value
    if not np.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _extremes(aggregation: Aggregation, count: int, columns: Columns) -> Values:
    smallest = aggregation is Aggregation.MIN
    least = np.full(count, np.inf if smallest else -np.inf)
    choose = np.fmin if smallest else np.fmax
    lo, hi, extreme = columns[:3]
    for first, last, value in zip(lo.tolist(), hi.tolist(), _doubles(extreme), strict=True):
        choose(least[first : last + 1], value, out=least[first : last + 1])
    return least


def _sums(aggregation: Aggregation, count: int, columns: Columns) -> Values:
    plain, scaled = np.zeros(count), np.zeros(count)
    lo, hi, parts, scaled_parts, numbers = columns
    has_numbers = numbers > 0
    ends = zip(lo[has_numbers].tolist(), hi[has_numbers].tolist(), strict=True)
    small, large = _doubles(parts[has_numbers]), _doubles(scaled_parts[has_numbers])
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for (first, last), part, scaled_part in zip(ends, small, large, strict=True):
            plain[first : last + 1] += part
            scaled[first : last + 1] += scaled_part
        # Where nothing was added, a mean divides 0 by 0: NaN, which is written as null.
        is_mean = aggregation is Aggregation.AVG
        divisor = covering(count, lo, hi, numbers) if is_mean else np.ones(count)
        scale = float(SCALE_UP)
        return np.where(np.isfinite(plain), plain / divisor, scaled / divisor * scale)


def _doubles(column: Values) -> list[float]:
    """Numbers as doubles, a missing one as NaN."""
    doubles: list[float] = column.astype(np.float64).tolist()
    return doubles


def _rank(line: Line) -> tuple[Any, ...]:
    """The order of rows in semantics.md, by the last point."""
    value = line.points[-1][1]
    texts = (line.dimensions or {}).values()
    order = [(text is None, text or "") for text in texts]
    return (value is None, -(value or 0), order)

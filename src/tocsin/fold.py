"""From the aggregates of a series' runs to its points.

A run is a stretch of points, from `lo` to `hi`, at each of which its rows lie in the window
(see `sql/series.py`); a point's value is that of all runs that cover it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tocsin.model.metric import Aggregation, Line, Question, Series
from tocsin.sql.compiler import SCALE_UP
from tocsin.sql.series import MAX_LINES, Points

Value = int | float | None


def fold(question: Question, points: Points, rows: Sequence[Sequence[Any]]) -> Series:
    """The series of the rows that `compile_series` asks for."""
    names = question.dimensions
    instants = points.all()
    lines = []
    for row in rows:
        *texts, runs, _groups = row
        values = _values(question, points.count, runs)
        dimensions = dict(zip(names, texts, strict=True)) if names else None
        lines.append(Line(dimensions, list(zip(instants, values, strict=True))))
    groups = rows[0][-1] if rows else 0
    lines.sort(key=_rank)
    return Series(lines, groups if groups > MAX_LINES else None)


def _values(question: Question, count: int, runs: Sequence[Sequence[Any]]) -> list[Value]:
    aggregation = question.aggregation
    if aggregation in (Aggregation.MIN, Aggregation.MAX):
        return _extremes(aggregation, count, runs)
    if aggregation in (Aggregation.SUM, Aggregation.AVG):
        return _sums(aggregation, count, runs)
    totals = np.zeros(count, dtype=np.int64)
    for lo, hi, number in runs:
        totals[lo : hi + 1] += number
    if aggregation is Aggregation.RATE:
        assert question.time_window
        return [_whole(value / question.time_window.count) for value in totals.tolist()]
    return list(totals.tolist())


def _extremes(aggregation: Aggregation, count: int, runs: Sequence[Sequence[Any]]) -> list[Value]:
    smallest = aggregation is Aggregation.MIN
    least = np.full(count, np.inf if smallest else -np.inf)
    choose = np.minimum if smallest else np.maximum
    for lo, hi, extreme in runs:
        if extreme is not None:
            choose(least[lo : hi + 1], extreme, out=least[lo : hi + 1])
    return [_whole(value) for value in least.tolist()]


def _sums(aggregation: Aggregation, count: int, runs: Sequence[Sequence[Any]]) -> list[Value]:
    plain, scaled = np.zeros(count), np.zeros(count)
    numbers = np.zeros(count, dtype=np.int64)
    with np.errstate(over="ignore", invalid="ignore"):
        for lo, hi, part, part_scaled, part_count in runs:
            if part_count:
                plain[lo : hi + 1] += part
                scaled[lo : hi + 1] += part_scaled
                numbers[lo : hi + 1] += part_count
        # Where nothing was added, a mean divides 0 by 0: NaN, which is written as null.
        divisor = numbers if aggregation is Aggregation.AVG else np.ones(count)
        with np.errstate(divide="ignore"):
            small, large = plain / divisor, scaled / divisor * float(SCALE_UP)
        values = np.where(np.isfinite(plain), small, large)
    return [_whole(value) for value in values.tolist()]


def _whole(value: float) -> Value:
    if not np.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _rank(line: Line) -> tuple[Any, ...]:
    """The order of rows in semantics.md, by the last point."""
    value = line.points[-1][1]
    texts = (line.dimensions or {}).values()
    order = [(text is None, text or "") for text in texts]
    return (value is None, -(value or 0), order)

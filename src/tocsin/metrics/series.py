"""Calculates the points of a series from the aggregates of its runs.

A run is a range of points, from `lo` to `hi`, and the aggregate of the rows in the windows
of all these points (`clickhouse/sql/runs.py`). The value at a point combines all runs that include
the point.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tocsin.clickhouse.sql.exact_sums import PARTS
from tocsin.clickhouse.sql.points import SeriesPoints
from tocsin.clickhouse.sql.runs import aggregates
from tocsin.clickhouse.sql.series import MAX_LINES
from tocsin.metrics.decimals import (
    Values,
    are_exact,
    as_shown,
    integer_of,
    values_of_integers,
    values_of_parts,
)
from tocsin.metrics.selected_at_points import latest_at_points, percentiles_at_points
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.answer import Line, Series, plain, row_sort_key
from tocsin.model.metrics.percentile import thousandths_of
from tocsin.model.metrics.question import Question

AggregateColumns = Sequence[NDArray[Any]]


class Inexact(Exception):
    """The sums of parts do not determine the exact sum; a query for sums of integers is needed."""


def fold(
    question: Question,
    points: SeriesPoints,
    rows: Sequence[Sequence[Any]],
    check: Callable[[], None] = lambda: None,
) -> Series:
    """The series from the rows of a query by `compile_series`. Raises Inexact.

    `check` is called before each line and may raise, to end the calculation at a deadline."""
    names = question.dimensions
    instants = points.all()
    lines = []
    for row in rows:
        check()
        *texts, runs, _value, _groups = row
        columns = [
            _column(name, column)
            for name, column in zip(aggregates(question), zip(*runs, strict=True), strict=False)
        ]
        exact = values_of(question, points.count, columns)
        values = map(plain, as_shown(question.aggregation, exact).tolist())
        dimensions = dict(zip(names, texts, strict=True)) if names else None
        lines.append(Line(dimensions, list(zip(instants, values, strict=True))))
    groups = rows[0][-1] if rows else 0
    lines.sort(key=lambda line: row_sort_key(line.points[-1][1], (line.dimensions or {}).values()))
    return Series(lines[:MAX_LINES], groups if groups > MAX_LINES else None)


def _column(name: str, values: Sequence[Any]) -> Values:
    """One column of the runs as an array. Sums of integers by exponent become integers, and lists
    of numbers one array."""
    if name == "numbers":
        return np.concatenate([np.asarray(numbers, dtype=np.float64) for numbers in values])
    if values and isinstance(values[0], tuple):
        return np.array([integer_of(value) for value in values], dtype=object)
    return np.array(values)


def values_of(question: Question, count: int, columns: AggregateColumns) -> Values:
    """The values at `count` points, as integers or doubles that are not rounded, from the columns
    of a group's runs.

    A double is not finite if the point has no value, or one that no double can represent. Raises
    Inexact."""
    aggregation = question.aggregation
    if not columns:
        columns = [np.zeros(0, dtype=np.int64)] * (3 + PARTS)
    if aggregation in (Aggregation.MIN, Aggregation.MAX):
        return _extremes(aggregation, count, columns)
    if aggregation.selects_number:
        return _selected(question, count, columns)
    if aggregation.is_sum:
        return _sums(aggregation, count, columns)
    totals = sums_at_points(count, columns[0], columns[1], columns[2])
    if aggregation is Aggregation.RATE:
        factor = question.rate_factor
        return totals * factor.numerator / factor.denominator
    return totals


def sums_at_points(count: int, lo: Values, hi: Values, number: Values | int = 1) -> Values:
    """The sum, at each point, of the numbers of the runs that include it: a running total that adds
    a number at the first point of its run and subtracts it after the last one. It is exact for
    integers, and for parts of numbers if it is finite."""
    steps = np.zeros(count + 1, dtype=np.asarray(number).dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        np.add.at(steps, lo, number)
        np.subtract.at(steps, hi + 1, number)
        return np.cumsum(steps[:-1])


def _extremes(aggregation: Aggregation, count: int, columns: AggregateColumns) -> Values:
    is_min = aggregation is Aggregation.MIN
    values = np.full(count, np.inf if is_min else -np.inf)
    choose = np.fmin if is_min else np.fmax
    lo, hi, extreme = columns[:3]
    for first, last, value in zip(lo.tolist(), hi.tolist(), _doubles(extreme), strict=True):
        choose(values[first : last + 1], value, out=values[first : last + 1])
    return values


def _selected(question: Question, count: int, columns: AggregateColumns) -> Values:
    if question.aggregation is Aggregation.LATEST:
        lo, hi, latest = columns[:3]
        return latest_at_points(count, lo, hi, latest)
    assert question.percentile is not None
    lo, hi, sizes, numbers = columns[:4]
    thousandths = thousandths_of(question.percentile)
    return percentiles_at_points(count, thousandths, (lo, hi, sizes), numbers)


def _sums(aggregation: Aggregation, count: int, columns: AggregateColumns) -> Values:
    lo, hi, *sums, numbers = columns
    counts = sums_at_points(count, lo, hi, numbers)
    has_numbers = numbers > 0
    lo, hi = lo[has_numbers], hi[has_numbers]
    if len(sums) == 1:
        totals = sums_at_points(count, lo, hi, sums[0][has_numbers])
        return values_of_integers(aggregation, counts, totals)
    parts = [
        sums_at_points(count, lo, hi, np.asarray(part[has_numbers], dtype=np.float64))
        for part in sums
    ]
    if not are_exact(parts):
        raise Inexact
    return values_of_parts(aggregation, counts, parts)


def _doubles(column: Values) -> list[float]:
    """Numbers as doubles; NaN for a missing one."""
    doubles: list[float] = column.astype(np.float64).tolist()
    return doubles

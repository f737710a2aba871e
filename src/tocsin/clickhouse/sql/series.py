"""Compiles one metric at many instants to one query: the runs of its rows, collected by group."""

from __future__ import annotations

from tocsin.clickhouse.sql.compiler import SUMS, order_by, ranking
from tocsin.clickhouse.sql.fields import Fields
from tocsin.clickhouse.sql.points import PointWindows, SeriesPoints
from tocsin.clickhouse.sql.query import Binder, Query
from tocsin.clickhouse.sql.runs import aggregates, compile_runs
from tocsin.clickhouse.sql.selected_numbers import quantile
from tocsin.clickhouse.sql.table import Table
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.question import Question

MAX_LINES = 100


def compile_series(
    question: Question,
    points: SeriesPoints,
    table: Table,
    *,
    between: tuple[float, float] | None = None,
    is_exact: bool = False,
) -> Query:
    """Rows of (dimension texts..., runs, value, groups), for the MAX_LINES greatest groups at the
    last point and one more: the runs as (lo, hi, aggregates...), the value that orders groups, and
    the number of all groups.

    The value of a SUM or an AVG only gives the order; it and `between` are as in `compile_metric`.
    With `is_exact`, the query returns all groups, and sums as integers by exponent.
    """
    bind = Binder()
    names = [f"d{n}" for n in range(len(question.group_by))]
    windows = PointWindows.of_series(question, points)
    runs = compile_runs(question, windows, Fields(table, bind), bind, is_exact=is_exact)
    run = ", ".join(aggregates(question, is_exact=is_exact))
    at_last_point = f"hi = {bind.integer(points.count - 1)}"
    columns = [
        *names,
        f"groupArray(({run})) AS runs",
        f"{'0' if is_exact else _value_over(question, at_last_point)} AS value",
        "count() OVER () AS groups",
    ]
    lines = [
        "SELECT " + ", ".join(columns),
        f"FROM (\n{runs}\n)",
        *(["GROUP BY " + ", ".join(names)] if names else []),
    ]
    if between:
        lines.append(f"HAVING value BETWEEN {' AND '.join(map(bind.double, between))}")
    if not is_exact:
        sums = ", ".join(_sums_over(at_last_point))
        equal = f" BY sumIf(c, {at_last_point}), {sums}" if between else ""
        lines.append(order_by("value", len(names)))
        lines.append(f"LIMIT {MAX_LINES + 1}{equal}")
    return Query("\n".join(lines), bind.parameters)


def _value_over(question: Question, condition: str) -> str:
    """The value of a group over the runs that meet a condition."""
    aggregation = question.aggregation
    if aggregation in (Aggregation.MIN, Aggregation.MAX):
        return f"{aggregation.lower()}If(extreme, {condition})"
    if aggregation is Aggregation.PERCENTILE:
        value = f"{quantile(question, 'ArrayIf')}(numbers, {condition})"
        return f"if(isNaN({value}), NULL, {value} + 0)"
    if aggregation is Aggregation.LATEST:
        # Runs that end at the same point are in the order of their first points.
        return f"argMaxIf(latest, lo, {condition} AND isNotNull(latest)) + 0"
    if not aggregation.is_sum:
        return f"sumIf(c, {condition})"
    return ranking(question, f"sumIf(c, {condition})", _sums_over(condition))


def _sums_over(condition: str) -> list[str]:
    return [f"sumIf({name}, {condition})" for name in SUMS]

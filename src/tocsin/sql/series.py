"""One metric at many instants as one query: the runs of its rows, put together by group."""

from __future__ import annotations

from datetime import timedelta

from tocsin.model.metric import Aggregation, Question
from tocsin.sql.compiler import Sums, order_by
from tocsin.sql.fields import Fields
from tocsin.sql.query import Binder, Query
from tocsin.sql.runs import Points, Span, aggregates, compile_runs
from tocsin.sql.table import Table

MAX_LINES = 100


def compile_series(question: Question, points: Points, table: Table) -> Query:
    """Rows of (dimension texts..., runs, groups): a row for each of the greatest groups at the
    last point, its runs as (lo, hi, aggregates...), and how many groups there are."""
    bind = Binder()
    fields = Fields(table, bind)
    dimensions = len(question.group_by)
    names = [f"d{n}" for n in range(dimensions)]
    runs = compile_runs(question, Span(points, _window(question, points)), fields, bind)
    last = bind.integer(points.count - 1)
    columns = [
        *names,
        f"groupArray(({', '.join(aggregates(question))})) AS runs",
        "count() OVER () AS groups",
    ]
    lines = [
        "SELECT " + ", ".join(columns),
        f"FROM (\n{runs}\n)",
        *(["GROUP BY " + ", ".join(names)] if names else []),
        order_by(_value_at(question, f"hi = {last}"), dimensions),
        f"LIMIT {MAX_LINES}",
    ]
    return Query("\n".join(lines), bind.parameters)


def _window(question: Question, points: Points) -> timedelta:
    """How far back a point looks; a metric without a window counts within each step."""
    return question.time_window.length if question.time_window else points.step


def _value_at(question: Question, holds: str) -> str:
    """The value of a group over the runs for which a condition holds."""
    aggregation = question.aggregation
    if aggregation in (Aggregation.MIN, Aggregation.MAX):
        return f"{aggregation.lower()}If(extreme, {holds})"
    if aggregation not in (Aggregation.SUM, Aggregation.AVG):
        return f"sumIf(c, {holds})"
    sums = Sums(f"sumIf(plain, {holds})", f"sumIf(scaled, {holds})", f"sumIf(c, {holds})")
    return sums.total if aggregation is Aggregation.SUM else sums.mean

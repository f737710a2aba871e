"""One metric at many instants as one query: the runs of its rows, put together by group."""

from __future__ import annotations

from datetime import timedelta

from tocsin.clickhouse.sql.compiler import SUMS, order_by, ranked
from tocsin.clickhouse.sql.fields import Fields
from tocsin.clickhouse.sql.query import Binder, Query
from tocsin.clickhouse.sql.runs import Points, Span, aggregates, compile_runs
from tocsin.clickhouse.sql.table import Table
from tocsin.model.metrics.metric import Aggregation, Question

MAX_LINES = 100


def compile_series(
    question: Question,
    points: Points,
    table: Table,
    *,
    between: tuple[float, float] | None = None,
    is_exact: bool = False,
) -> Query:
    """Rows of (dimension texts..., runs, value, groups): a row for each of the greatest groups at
    the last point and one more, its runs as (lo, hi, aggregates...), what it was ordered by, and
    how many groups there are.

    The value of a SUM or an AVG only tells the order, as in `compile_metric`, and so does
    `between`. With `is_exact` all groups are answered, and sums as integers by exponent.
    """
    bind = Binder()
    fields = Fields(table, bind)
    names = [f"d{n}" for n in range(len(question.group_by))]
    span = Span(points, _window(question, points))
    runs = compile_runs(question, span, fields, bind, is_exact=is_exact)
    kept = ", ".join(aggregates(question, is_exact=is_exact))
    holds = f"hi = {bind.integer(points.count - 1)}"
    columns = [
        *names,
        f"groupArray(({kept})) AS runs",
        f"{'0' if is_exact else _value_at(question, holds)} AS value",
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
        equal = f" BY sumIf(c, {holds}), {', '.join(_sums_at(holds))}" if between else ""
        lines.append(order_by("value", len(names)))
        lines.append(f"LIMIT {MAX_LINES + 1}{equal}")
    return Query("\n".join(lines), bind.parameters)


def _window(question: Question, points: Points) -> timedelta:
    """How far back a point looks; a metric without a window counts within each step."""
    return question.time_window.length if question.time_window else points.step


def _value_at(question: Question, holds: str) -> str:
    """The value of a group over the runs for which a condition holds."""
    aggregation = question.aggregation
    if aggregation in (Aggregation.MIN, Aggregation.MAX):
        return f"{aggregation.lower()}If(extreme, {holds})"
    if not aggregation.is_sum:
        return f"sumIf(c, {holds})"
    return ranked(question, f"sumIf(c, {holds})", _sums_at(holds))


def _sums_at(holds: str) -> list[str]:
    return [f"sumIf({name}, {holds})" for name in SUMS]

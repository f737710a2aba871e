"""Compiles one metric at many instants for a backtest: the runs of its rows, in slabs of groups.

Unlike a series, a backtest needs every group, and every window slides: a metric without a window
counts all time up to a point.
"""

from __future__ import annotations

from tocsin.clickhouse.sql.fields import Fields
from tocsin.clickhouse.sql.lines import Slab, compile_lines
from tocsin.clickhouse.sql.points import Points, PointWindows
from tocsin.clickhouse.sql.query import Binder, Query
from tocsin.clickhouse.sql.runs import compile_row_counts
from tocsin.clickhouse.sql.table import Table
from tocsin.model.metrics.question import Question


def compile_size(question: Question, points: Points, table: Table, *, most: int) -> Query:
    """One row: the number of interactions that count at one of the points or more, and the number
    of their groups. Both may be too small if there are more than `most` groups."""
    bind = Binder()
    rows = compile_row_counts(question, _windows(question, points), Fields(table, bind), bind)
    settings = f"max_rows_to_group_by = {most:d}, group_by_overflow_mode = 'any'"
    return Query(f"SELECT sum(c), count()\nFROM (\n{rows}\n)\nSETTINGS {settings}", bind.parameters)


def compile_slab(
    question: Question,
    points: Points,
    slab: Slab,
    table: Table,
    *,
    is_exact: bool = False,
) -> Query:
    """The lines of the groups of a slab (`lines.py`)."""
    return compile_lines(question, _windows(question, points), slab, table, is_exact=is_exact)


def _windows(question: Question, points: Points) -> PointWindows:
    return PointWindows(points, question.time_window)

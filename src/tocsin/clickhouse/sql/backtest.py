"""Compiles one metric at many instants for a backtest: the runs of its rows, in slabs of groups.

Unlike a series, a backtest needs every group, and every window slides: a metric without a window
counts all time up to a point. A slab holds the groups whose hash has one remainder, which bounds
the size of each answer.
"""

from __future__ import annotations

from tocsin.clickhouse.sql.compiler import SUMS
from tocsin.clickhouse.sql.fields import Fields
from tocsin.clickhouse.sql.query import Binder, Query
from tocsin.clickhouse.sql.runs import (
    Points,
    PointWindows,
    aggregates,
    compile_row_counts,
    compile_runs,
)
from tocsin.clickhouse.sql.table import Table
from tocsin.model.metrics.metric import Question


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
    slab: int,
    slabs: int,
    table: Table,
    *,
    is_exact: bool = False,
) -> Query:
    """One row for each group of slab `slab` of `slabs`: dimension texts, then a list for each
    column of its runs. With `is_exact`, sums are integers by exponent."""
    bind = Binder()
    fields = Fields(table, bind)
    names = [f"d{n}" for n in range(len(question.group_by))]
    conditions = []
    if slabs > 1 and names:
        hashed = f"cityHash64(tuple({', '.join(names)}))"
        conditions = [f"modulo({hashed}, {bind.integer(slabs)}) = {bind.integer(slab)}"]
    windows = _windows(question, points)
    runs = compile_runs(question, windows, fields, bind, conditions, is_exact=is_exact)
    lists = [
        f"groupArray({_nullable(name)}) AS {name}s"
        for name in aggregates(question, is_exact=is_exact)
    ]
    lines = [
        "SELECT " + ", ".join([*names, *lists]),
        f"FROM (\n{runs}\n)",
        *(["GROUP BY " + ", ".join(names)] if names else []),
    ]
    return Query("\n".join(lines), bind.parameters)


def _windows(question: Question, points: Points) -> PointWindows:
    return PointWindows(points, question.time_window.length if question.time_window else None)


def _nullable(name: str) -> str:
    """`groupArray` skips nulls, which would misalign the lists: NaN replaces them."""
    if name == "integers":
        return name
    if name in (*SUMS, "extreme"):
        return f"ifNull(toFloat64({name}), nan)"
    return f"toInt64({name})"

"""One metric at very many instants, all groups: the runs of its rows, in slabs of groups.

As in a series, but every group counts and every window slides: a metric without a window counts
all time up to a point. A slab holds the groups of one remainder of a hash, so that no answer is
larger than it has to be.
"""

from __future__ import annotations

from tocsin.clickhouse.sql.compiler import SUMS
from tocsin.clickhouse.sql.fields import Fields
from tocsin.clickhouse.sql.query import Binder, Query
from tocsin.clickhouse.sql.runs import Points, Span, aggregates, compile_row_counts, compile_runs
from tocsin.clickhouse.sql.table import Table
from tocsin.model.metrics.metric import Question


def compile_size(question: Question, points: Points, table: Table, *, most: int) -> Query:
    """How many interactions count at one of the points, and how many groups they make. Of more than
    `most` groups not all need to be counted."""
    bind = Binder()
    rows = compile_row_counts(question, _span(question, points), Fields(table, bind), bind)
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
    """A row for each group of a slab: dimension texts, then a list for each column of its runs.
    With `is_exact` sums are integers by exponent."""
    bind = Binder()
    fields = Fields(table, bind)
    names = [f"d{n}" for n in range(len(question.group_by))]
    among = []
    if slabs > 1 and names:
        hashed = f"cityHash64(tuple({', '.join(names)}))"
        among = [f"modulo({hashed}, {bind.integer(slabs)}) = {bind.integer(slab)}"]
    runs = compile_runs(question, _span(question, points), fields, bind, among, is_exact=is_exact)
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


def _span(question: Question, points: Points) -> Span:
    return Span(points, question.time_window.length if question.time_window else None)


def _nullable(name: str) -> str:
    """groupArray leaves nulls out, which would put the lists out of step."""
    if name == "integers":
        return name
    if name in (*SUMS, "extreme"):
        return f"ifNull(toFloat64({name}), nan)"
    return f"toInt64({name})"

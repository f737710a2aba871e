"""Many questions as the interactions that they look at, one row each.

A shared scan (`plan.py`) costs the engine a millisecond for each aggregate, whatever it reads.
Where there are few interactions it is cheaper to fetch them with all that any question asks of
them, and to aggregate them in `rollups/fetched.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tocsin.clickhouse.sql.plan import Measure
from tocsin.clickhouse.sql.query import Query
from tocsin.clickhouse.sql.scan import Period, Writing, joined, scope_of
from tocsin.clickhouse.sql.table import INTERACTIONS, Table
from tocsin.model.metrics.metric import Question

TIME, NUMBER = "time", "number"


@dataclass(frozen=True, slots=True)
class Numbers:
    """Interactions with a number up to `upto`; if `after` is given, greater than that, and their
    numbers are to be told."""

    upto: int
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """The columns that a question needs: what those of its scope must be, its conditions, what it
    aggregates, its dimensions."""

    scope: tuple[tuple[str, int], ...]
    conditions: tuple[str, ...]
    operand: str | None
    dimensions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fetch:
    """A query whose rows are (time in milliseconds, what is asked...)."""

    query: Query
    asked: tuple[Asked, ...]


def compile_fetch(
    questions: Sequence[Question],
    periods: Sequence[Period],
    numbers: Numbers | None,
    table: Table,
) -> Fetch:
    """The interactions that any of the questions may look at, in some periods; all of them, or
    those with some numbers."""
    writing = Writing(questions, table)
    columns: dict[str, str] = {}

    def column(expression: str) -> str:
        return columns.setdefault(expression, f"c{len(columns)}")

    codes = {kind: writing.codes(kind) for kind in writing.kinds}
    asked = tuple(
        Asked(
            tuple(
                (column(text), numbers[id])
                for kind, (text, numbers) in codes.items()
                if (id := scope_of(question)[kind])
            ),
            tuple(column(f"CAST({name} AS UInt8)") for name in writing.conditions(question)),
            column(_operand(question, writing)) if question.field else None,
            tuple(column(writing.fields.text(field)) for field in question.group_by),
        )
        for question in questions
    )
    selected = [
        f"toUnixTimestamp64Milli(timestamp) AS {TIME}",
        *(f"{expression} AS {name}" for expression, name in columns.items()),
    ]
    if numbers and numbers.after is not None:
        selected.append(f"toInt64(interactionNumber) AS {NUMBER}")
    known = [writing.among(numbers.upto, numbers.after)] if numbers else []
    where = writing.where(joined(periods), *known)
    lines = [
        *writing.definitions(),
        "SELECT " + ",\n       ".join(selected),
        f"FROM {INTERACTIONS}",
        where,
    ]
    return Fetch(Query("\n".join(lines), writing.bind.parameters), asked)


def compile_fetch_size(
    questions: Sequence[Question], periods: Sequence[Period], parts: int, table: Table
) -> Query:
    """How many interactions that would be, and the times in milliseconds that part them about
    evenly into so many parts."""
    writing = Writing(questions, table)
    where = writing.where(joined(periods))
    levels = ", ".join(str(part / parts) for part in range(1, parts))
    lines = [
        *writing.definitions(),
        f"SELECT count(), quantiles({levels})(toUnixTimestamp64Milli(timestamp))",
        f"FROM {INTERACTIONS}",
        where,
    ]
    return Query("\n".join(lines), writing.bind.parameters)


def _operand(question: Question, writing: Writing) -> str:
    assert question.field
    if Measure.of(question.aggregation) is not Measure.DISTINCT:
        return writing.named(writing.fields.number(question.field))
    there, hashed = writing.hashed(question.field)
    return writing.named(f"if({there}, {hashed}, NULL)")

"""Compiles a query that returns the single interactions that many questions need, one row each.

A shared scan (`plan.py`) costs the engine a millisecond for each aggregate, however little it
reads. A few interactions are cheaper to fetch, with the columns of all questions, and to aggregate
in `metrics/rollups/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tocsin.clickhouse.sql.plan import Measure
from tocsin.clickhouse.sql.query import Query
from tocsin.clickhouse.sql.scan import SharedQuery, merge_periods
from tocsin.clickhouse.sql.table import INTERACTIONS, Table
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.question import Question
from tocsin.model.metrics.window import Period

TIME, NUMBER = "time", "number"


@dataclass(frozen=True, slots=True)
class NumberRange:
    """Interactions with a number up to `upto`; with `after`, only those with a greater number, and
    the query returns their numbers, as it does where a LATEST needs them."""

    upto: int
    after: int | None = None


@dataclass(frozen=True, slots=True)
class QuestionColumns:
    """The names of a question's columns: those of its scope, each with the code that it must have,
    those of its conditions, its operand and its dimensions."""

    scope: tuple[tuple[str, int], ...]
    conditions: tuple[str, ...]
    operand: str | None
    dimensions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fetch:
    """A query whose rows are (time in milliseconds, columns of the questions...)."""

    query: Query
    columns: tuple[QuestionColumns, ...]


def compile_fetch(
    questions: Sequence[Question],
    periods: Sequence[Period],
    numbers: NumberRange | None,
    table: Table,
) -> Fetch:
    """The interactions of the periods that any of the questions may count; with `numbers`, only
    those in that range."""
    return _FetchQuery(questions, table).fetch(periods, numbers)


def compile_fetch_size(
    questions: Sequence[Question], periods: Sequence[Period], parts: int, table: Table
) -> Query:
    """One row: the number of interactions that `compile_fetch` would return, and the times in
    milliseconds that divide them into `parts` parts of about equal size."""
    query = SharedQuery(questions, table)
    where = query.where(merge_periods(periods))
    levels = ", ".join(str(part / parts) for part in range(1, parts))
    lines = [
        *query.definitions(),
        f"SELECT count(), quantiles({levels})(toUnixTimestamp64Milli(timestamp))",
        f"FROM {INTERACTIONS}",
        where,
    ]
    return Query("\n".join(lines), query.bind.parameters)


class _FetchQuery(SharedQuery):
    """The clauses of one fetch; equal expressions share a column."""

    def __init__(self, questions: Sequence[Question], table: Table) -> None:
        super().__init__(questions, table)
        self._columns: dict[str, str] = {}
        self._codes = {kind: self.scope_codes(kind) for kind in self.kinds}

    def fetch(self, periods: Sequence[Period], numbers: NumberRange | None) -> Fetch:
        columns = tuple(map(self._columns_of, self.questions))
        selected = [
            f"toUnixTimestamp64Milli(timestamp) AS {TIME}",
            *(f"{expression} AS {name}" for expression, name in self._columns.items()),
        ]
        is_ordered = any(q.aggregation is Aggregation.LATEST for q in self.questions)
        if is_ordered or (numbers and numbers.after is not None):
            selected.append(f"toInt64(interactionNumber) AS {NUMBER}")
        in_range = [self.number_condition(numbers.upto, numbers.after)] if numbers else []
        where = self.where(merge_periods(periods), *in_range)
        lines = [
            *self.definitions(),
            "SELECT " + ",\n       ".join(selected),
            f"FROM {INTERACTIONS}",
            where,
        ]
        return Fetch(Query("\n".join(lines), self.bind.parameters), columns)

    def _columns_of(self, question: Question) -> QuestionColumns:
        return QuestionColumns(
            tuple(
                (self._column(text), numbers[id])
                for kind, (text, numbers) in self._codes.items()
                if (id := question.scope.ids[kind])
            ),
            tuple(self._column(f"CAST({name} AS UInt8)") for name in self.conditions(question)),
            self._column(self._operand(question)) if question.field else None,
            tuple(self._column(self.fields.text(field)) for field in question.group_by),
        )

    def _column(self, expression: str) -> str:
        return self._columns.setdefault(expression, f"c{len(self._columns)}")

    def _operand(self, question: Question) -> str:
        assert question.field
        if Measure.of(question.aggregation) is not Measure.DISTINCT:
            return self.aliases(self.fields.number(question.field))
        has_text, key = self.distinct_key(question.field)
        return self.aliases(f"if({has_text}, {key}, NULL)")

"""One metric as one query.

`scope` and `Measure` are shared with `series.py`: a filter and an aggregation mean the same
wherever they are asked for, because they are the same code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.model.metric import Aggregation, Question
from tocsin.sql.extent import Extent
from tocsin.sql.fields import Fields
from tocsin.sql.filters import condition
from tocsin.sql.query import Binder, Query
from tocsin.sql.table import INTERACTIONS, SCOPE_COLUMNS, Table
from tocsin.sql.writing import scope_of, told_apart

# A sum may pass what a double holds on the way to a value that does not. Summed again at
# 2^-64 of the scale, which is exact for doubles of that size, it cannot.
SCALE_DOWN = "5.421010862427522e-20"
SCALE_UP = "18446744073709551616."

NARROW = timedelta(hours=1)


def compile_metric(
    question: Question, at: datetime, limit: int, table: Table, *, may_overflow: bool = False
) -> Query:
    """The question as of `at`: rows of (value, dimension texts...), `limit` and one at most.

    The row beyond the limit tells that there are more. A first value that is infinite tells that a
    sum passed what a double holds: it must be asked again with `may_overflow`, which costs more.
    """
    bind = Binder()
    fields = Fields(table, bind)
    measured = operand(question, fields)
    groups = [fields.group(field) for field in question.group_by]
    texts = [f"{text} AS d{n}" for n, (_, text) in enumerate(groups)]
    lines = [
        *([f"WITH {measured} AS x"] if measured else []),
        "SELECT "
        + ",\n       ".join([f"{measure(question, may_overflow=may_overflow)} AS value", *texts]),
        f"FROM {INTERACTIONS}",
        where(question, at, fields, bind),
    ]
    if groups:
        lines.append("GROUP BY " + ", ".join(group_keys(question, fields)))
        lines.append(order_by("value", len(groups)))
        lines.append(f"LIMIT {bind.integer(limit + 1)}")
    if _is_narrow(question):
        lines.append("SETTINGS max_threads = 1, optimize_move_to_prewhere = 0")
    return Query("\n".join(filter(None, lines)), bind.parameters)


def _is_narrow(question: Question) -> bool:
    """Whether so little is read that sharing it out among threads, or reading it in two steps,
    takes longer than reading it."""
    window = question.time_window
    is_scoped = question.resource_type_id is not None and question.action_id is not None
    return is_scoped and window is not None and window.length <= NARROW


def compile_group_count(question: Question, at: datetime, table: Table) -> Query:
    """How many groups the question has as of `at`."""
    bind = Binder()
    fields = Fields(table, bind)
    texts = [f"{fields.group(field)[1]} AS d{n}" for n, field in enumerate(question.group_by)]
    lines = [
        "SELECT " + ", ".join(texts),
        f"FROM {INTERACTIONS}",
        where(question, at, fields, bind),
        "GROUP BY " + ", ".join(group_keys(question, fields)),
    ]
    return Query(
        "SELECT count() FROM (\n{}\n)".format("\n".join(filter(None, lines))), bind.parameters
    )


def where(question: Question, at: datetime, fields: Fields, bind: Binder) -> str:
    """All of "Which interactions count" in semantics.md; nothing where all of them do."""
    scoped = scope(question, bind)
    conditions = [*scoped, *within(question, at, fields.table, bind)]
    own = Fields(fields.table, bind)
    filters = [condition(filter, own, bind) for filter in question.filters]
    if filters and conditions and own.are_columns and not scoped:
        # The engine by itself would test the time first, in a step of its own.
        return f"PREWHERE {_all_of(filters)}\nWHERE {_all_of(conditions)}"
    conditions += filters
    return f"WHERE {_all_of(conditions)}" if conditions else ""


def _all_of(conditions: Sequence[str]) -> str:
    return "\n  AND ".join(conditions)


def group_keys(question: Question, fields: Fields) -> list[str]:
    """What to group by: the text of a dimension (d0, d1, ...), or what stands for it."""
    groups = enumerate(fields.group(field) for field in question.group_by)
    return [f"d{n}" if key == text else key for n, (key, text) in groups]


def scope(question: Question, bind: Binder) -> list[str]:
    """The conditions of "Which interactions count" 1 in semantics.md."""
    ids = scope_of(question)
    return [f"{SCOPE_COLUMNS[kind]} = {bind.uuid(id)}" for kind, id in ids.items() if id]


def within(question: Question, at: datetime, table: Table, bind: Binder) -> list[str]:
    """The conditions of "Which interactions count" 2."""
    tests = time_tests(question, at, table.extent)
    return [f"timestamp {comparison} {bind.instant(instant)}" for comparison, instant in tests]


def time_tests(question: Question, at: datetime, extent: Extent) -> list[tuple[str, datetime]]:
    """What the time has to be compared with: a window is open at its beginning, and an end of it
    that nothing recorded lies beyond need not be looked at."""
    tests = []
    window = question.time_window
    if window and extent.earliest <= at - window.length:
        tests.append((">", at - window.length))
    if extent.latest > at:
        tests.append(("<=", at))
    return tests


def order_by(value: str, dimensions: int) -> str:
    """The total order of "Grouping" in semantics.md."""
    texts = [f"d{n} ASC NULLS LAST" for n in range(dimensions)]
    return "ORDER BY " + ", ".join([f"{value} DESC NULLS LAST", *texts])


def operand(question: Question, fields: Fields) -> str | None:
    """What is aggregated: the field's number or, to tell texts apart, its text."""
    if question.field is None:
        return None
    if question.aggregation is Aggregation.DISTINCT_COUNT:
        return fields.text(question.field)
    return fields.number(question.field)


def measure(question: Question, *, may_overflow: bool) -> str:
    """The aggregation of the operand `x` over the rows of a group."""
    aggregation = question.aggregation
    if aggregation is Aggregation.RATE:
        assert question.time_window
        return f"count() / {question.time_window.count}"
    sums = Sums("sum(x)", f"sum(x * {SCALE_DOWN})", "count(x)")
    there, told = told_apart("x")
    return {
        Aggregation.COUNT: "count()",
        Aggregation.SUM: sums.total if may_overflow else _infinite_unless_finite("sum(x)", "0"),
        Aggregation.AVG: sums.mean if may_overflow else _infinite_unless_finite("avg(x)", "NULL"),
        Aggregation.MIN: "min(x)",
        Aggregation.MAX: "max(x)",
        Aggregation.DISTINCT_COUNT: f"uniqExactIf({told}, {there})",
    }[aggregation]


def _infinite_unless_finite(value: str, over_nothing: str) -> str:
    """So that what overflowed comes first in the order, wherever it would have come."""
    return f"multiIf(isNull({value}), {over_nothing}, isFinite({value}), {value}, inf)"


@dataclass(frozen=True, slots=True)
class Sums:
    """A sum, the same at a smaller scale, and how many numbers went into it."""

    plain: str
    scaled: str
    count: str

    @property
    def total(self) -> str:
        """0 over nothing, NULL where no double can hold it."""
        large = f"{self.scaled} * {SCALE_UP}"
        return self._finite("0", self.plain, large)

    @property
    def mean(self) -> str:
        """NULL over nothing, and where no double can hold it."""
        large = f"{self.scaled} / {self.count} * {SCALE_UP}"
        return self._finite("NULL", f"{self.plain} / {self.count}", large)

    def _finite(self, over_nothing: str, value: str, large: str) -> str:
        return (
            f"multiIf({self.count} = 0, {over_nothing}, isFinite({self.plain}), {value}, "
            f"isFinite({large}), {large}, NULL)"
        )

"""Compiles one metric to one query.

Series and backtests use the same conditions and aggregations, so that a filter has one meaning in
every kind of query.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from tocsin.clickhouse.sql.exact_sums import approximate, by_exponent, parts, whole_parts
from tocsin.clickhouse.sql.extent import Extent
from tocsin.clickhouse.sql.fields import Fields
from tocsin.clickhouse.sql.filters import condition
from tocsin.clickhouse.sql.query import Aliases, Binder, Query
from tocsin.clickhouse.sql.scan import distinct_key, scope_conditions
from tocsin.clickhouse.sql.selected_numbers import selected_number
from tocsin.clickhouse.sql.table import INTERACTIONS, Table
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.question import Question

NARROW = timedelta(hours=1)
NARROW_SETTINGS: dict[str, int | str] = {"max_threads": 1, "optimize_move_to_prewhere": 0}
"""Those of a query that `is_narrow`."""
SUMS = ("s0", "s1", "s2", "s3")


def compile_metric(
    question: Question,
    at: datetime,
    limit: int,
    table: Table,
    *,
    between: tuple[float, float] | None = None,
) -> Query:
    """The question as of `at`: rows of (value, dimension texts...), at most `limit` and one.

    The value of a SUM or an AVG only gives the order of rows; the last columns of a row are the
    number of numbers and the sums of their parts (`exact_sums.py`). An infinite value in the first
    row means that some sums of parts are not exact: `compile_exact` computes exact ones. With
    `between`, only groups with values in that range are returned, of those with equal sums `limit`
    and one.
    """
    query = _MetricQuery(question, at, table)
    bind = query.bind
    ending = []
    if question.group_by:
        count = bind.integer(limit + 1)
        within = between and f"WHERE value BETWEEN {' AND '.join(map(bind.double, between))}"
        ending = [
            within or "",
            order_by("value", len(question.group_by)),
            f"LIMIT {count} BY {', '.join(('c', *SUMS))}" if between else f"LIMIT {count}",
        ]
    if is_narrow(question, at):
        clause = ", ".join(f"{name} = {value}" for name, value in NARROW_SETTINGS.items())
        ending.append(f"SETTINGS {clause}")
    if question.aggregation.is_sum:
        return query.build_ranked(ranking(question, "c", SUMS), _sum_columns(query), ending)
    return query.build([_value(question)], [], ending)


def compile_exact(question: Question, at: datetime, table: Table) -> Query:
    """The sums of a question as of `at`, in any order: rows of (number of numbers, dimension
    texts..., integers by exponent)."""
    query = _MetricQuery(question, at, table)
    return query.build(["count(x) AS c"], [f"{by_exponent('x')} AS integers"], [])


class _MetricQuery:
    """The clauses of one metric's query."""

    def __init__(self, question: Question, at: datetime, table: Table) -> None:
        self.bind = Binder()
        self._question = question
        self._fields = Fields(table, self.bind)
        measured = operand(question, self._fields)
        self.aliases = Aliases()
        self._operand = [f"{measured} AS x"] if measured else []
        self.is_whole = question.field is not None and self._fields.is_whole(question.field)
        groups = [self._fields.group(field) for field in question.group_by]
        self._texts = [f"{text} AS d{n}" for n, (_, text) in enumerate(groups)]
        self._where = where(question, at, self._fields, self.bind)

    def build_ranked(self, value: str, columns: Sequence[str], ending: Sequence[str]) -> Query:
        """The query with the texts of dimensions, these columns, and a value of them before all;
        `ending` are the clauses that follow FROM.

        The value is outside of the query that groups: a distributed table sends shards a query in
        which each name is replaced by its expression, and the value has each sum twice."""
        inner = self.build([], columns, [])
        texts = [f"d{n}" for n in range(len(self._texts))]
        names = [column.rpartition(" AS ")[2] for column in columns]
        lines = [
            "SELECT " + ",\n       ".join([f"{value} AS value", ", ".join([*texts, *names])]),
            f"FROM (\n{inner.text}\n)",
            *ending,
        ]
        return Query("\n".join(filter(None, lines)), self.bind.parameters)

    def build(self, before: Sequence[str], after: Sequence[str], ending: Sequence[str]) -> Query:
        """The query with these columns before and after the texts of dimensions, and with
        `ending`, the clauses that follow GROUP BY."""
        definitions = [*self._operand, *self.aliases.definitions]
        lines = [
            *(["WITH " + ",\n     ".join(definitions)] if definitions else []),
            "SELECT " + ",\n       ".join([*before, *self._texts, *after]),
            f"FROM {INTERACTIONS}",
            self._where,
        ]
        if self._texts:
            lines.append("GROUP BY " + ", ".join(group_keys(self._question, self._fields)))
        return Query("\n".join(filter(None, [*lines, *ending])), self.bind.parameters)


def is_narrow(question: Question, at: datetime) -> bool:
    """Whether the query reads so little that dividing it among threads, or reading it in two
    steps, takes longer than reading it."""
    is_scoped = question.resource_type_id is not None and question.action_id is not None
    if question.time_window is None or not is_scoped:
        return False
    period = question.time_window.period(at)
    return period.upto - period.after <= NARROW


def compile_group_count(question: Question, at: datetime, table: Table) -> Query:
    """One row: the number of groups of the question as of `at`."""
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


def where(question: Question, at: datetime | None, fields: Fields, bind: Binder) -> str:
    """PREWHERE and WHERE by "Which interactions count" in docs/reference/semantics.md; empty
    without conditions. Without `at`, interactions of any time."""
    scoped = scope_conditions(question.scope, bind)
    times = [] if at is None else time_conditions(question, at, fields.table, bind)
    conditions = [*scoped, *times]
    own = Fields(fields.table, bind)
    filters = [condition(filter, own, bind) for filter in question.filters]
    if filters and conditions and own.are_columns and not scoped:
        # Without PREWHERE, the engine would test the time first, in a separate step.
        return f"PREWHERE {_all_of(filters)}\nWHERE {_all_of(conditions)}"
    conditions += filters
    return f"WHERE {_all_of(conditions)}" if conditions else ""


def _all_of(conditions: Sequence[str]) -> str:
    return "\n  AND ".join(conditions)


def group_keys(question: Question, fields: Fields) -> list[str]:
    """The expressions to group by: the text of a dimension (d0, d1, ...), or a cheaper key."""
    groups = enumerate(fields.group(field) for field in question.group_by)
    return [f"d{n}" if key == text else key for n, (key, text) in groups]


def time_conditions(question: Question, at: datetime, table: Table, bind: Binder) -> list[str]:
    """The conditions of "Which interactions count" 2."""
    comparisons = time_comparisons(question, at, table.extent)
    return [f"timestamp {operator} {bind.instant(instant)}" for operator, instant in comparisons]


def time_comparisons(
    question: Question, at: datetime, extent: Extent
) -> list[tuple[str, datetime]]:
    """Pairs of an operator and an instant, which a timestamp must satisfy. A window excludes its
    beginning; an end is not compared if nothing is recorded beyond it."""
    comparisons = []
    period = question.time_window.period(at) if question.time_window else None
    if period and extent.earliest <= period.after:
        comparisons.append((">", period.after))
    upto = period.upto if period else at
    if extent.latest > upto:
        comparisons.append(("<=", upto))
    return comparisons


def order_by(value: str, dimensions: int) -> str:
    """The total order of "Grouping and order" in docs/reference/semantics.md."""
    texts = [f"d{n} ASC NULLS LAST" for n in range(dimensions)]
    return "ORDER BY " + ", ".join([f"{value} DESC NULLS LAST", *texts])


def operand(question: Question, fields: Fields) -> str | None:
    """The aggregated expression: the field's number or, for DISTINCT_COUNT, its text."""
    if question.field is None:
        return None
    if question.aggregation is Aggregation.DISTINCT_COUNT:
        return fields.text(question.field)
    return fields.number(question.field)


def _sum_columns(query: _MetricQuery) -> list[str]:
    """Columns of the number of numbers, and of the sums of their parts."""
    split = whole_parts if query.is_whole else parts
    sums = [
        f"sum({part}) AS {name}" for part, name in zip(split("x", query.aliases), SUMS, strict=True)
    ]
    return ["count(x) AS c", *sums]


def ranking(question: Question, count: str, sums: Sequence[str]) -> str:
    """The expression that orders groups: the approximate SUM or AVG; infinite where the sums are
    not exact, so that such groups come first."""
    empty_value = "NULL" if question.aggregation is Aggregation.AVG else "0"
    value = f"about / {count}" if question.aggregation is Aggregation.AVG else "about"
    total = f"({approximate(sums)}) AS about"
    return f"multiIf({count} = 0, {empty_value}, isFinite({total}), {value}, inf)"


def _value(question: Question) -> str:
    """The aggregation of the operand `x` over the rows of a group."""
    aggregation = question.aggregation
    if aggregation is Aggregation.RATE:
        factor = question.rate_factor
        count = "count()" if factor.numerator == 1 else f"count() * {factor.numerator}"
        return f"{count} / {factor.denominator} AS value"
    if aggregation.selects_number:
        return f"{selected_number(question, 'x')} AS value"
    there, hashed = distinct_key("x")
    values = {
        Aggregation.COUNT: "count()",
        Aggregation.MIN: "min(x)",
        Aggregation.MAX: "max(x)",
        Aggregation.DISTINCT_COUNT: f"uniqExactIf({hashed}, {there})",
    }
    return f"{values[aggregation]} AS value"

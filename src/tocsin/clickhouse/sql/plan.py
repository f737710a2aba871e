"""Compiles many questions to few scans.

The partial aggregates of a question do not depend on its window: questions that differ in nothing
else share a rollup key. A scan serves many rollups: it reads the rows of its periods once, assigns
them to time buckets, and computes the partial aggregates of all questions for each bucket, scope
and group, with filters as conditions of the aggregates. `metrics/rollups/` combines the buckets of
a window. In SQL, a bucket is `cell` and its resolution `level`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

from tocsin.clickhouse.sql.compiler import group_keys
from tocsin.clickhouse.sql.exact_sums import parts
from tocsin.clickhouse.sql.fields import KINDS
from tocsin.clickhouse.sql.query import Query
from tocsin.clickhouse.sql.scan import SharedQuery, aggregate_if, merge_periods
from tocsin.clickhouse.sql.selected_numbers import TIME, latest
from tocsin.clickhouse.sql.table import INTERACTIONS, SCOPE_COLUMNS, Table
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.field import Field
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.question import Question
from tocsin.model.metrics.window import Period


class Measure(StrEnum):
    """The kind of a bucket's partial aggregates."""

    COUNT = "count"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    DISTINCT = "distinct"
    LATEST = "latest"

    @classmethod
    def of(cls, aggregation: Aggregation) -> Measure:
        return _MEASURES[aggregation]


_MEASURES = {
    Aggregation.COUNT: Measure.COUNT,
    Aggregation.RATE: Measure.COUNT,
    Aggregation.SUM: Measure.SUM,
    Aggregation.AVG: Measure.SUM,
    Aggregation.MIN: Measure.MIN,
    Aggregation.MAX: Measure.MAX,
    Aggregation.DISTINCT_COUNT: Measure.DISTINCT,
    Aggregation.LATEST: Measure.LATEST,
}


@dataclass(frozen=True, slots=True)
class Scan:
    """A query whose rows are (scope ids by `kinds`, level, cell, d0, d1, ..., aggregates).

    `columns` names the partial aggregates of each question: the number of matching interactions,
    then those that its measure needs.
    """

    query: Query
    kinds: tuple[Kind, ...]
    columns: tuple[tuple[str, ...], ...]


def has_partials(question: Question) -> bool:
    """Whether a question has partial aggregates. A PERCENTILE has none: it needs every number of
    its window (decision 76)."""
    return question.aggregation in _MEASURES


def partials_key(question: Question) -> Hashable:
    """Equal for questions with the same partial aggregates: they differ in their windows only."""
    return Measure.of(question.aggregation), question.shape


def aggregates_of(question: Question) -> Hashable:
    """Equal for questions for which a scan needs the same aggregates."""
    return Measure.of(question.aggregation), question.field, str(question.filters)


def mnemonics_used_by(fields: Iterable[Field], table: Table) -> Hashable:
    """The catalog's mnemonics that the texts of the fields depend on; None without any."""
    kinds = {KINDS[field.column] for field in fields if field.column in KINDS}
    return tuple(frozenset(table.mnemonics[kind].items()) for kind in sorted(kinds)) or None


def compile_scan(
    questions: Sequence[Question],
    periods: Sequence[Sequence[Period]],
    lengths: Sequence[int],
    table: Table,
    *,
    upto: int | None = None,
) -> Scan:
    """One scan for questions that are grouped by the same fields.

    `periods` are those of each resolution, and do not overlap: a row in one belongs to a bucket of
    that resolution, `lengths` milliseconds long. With `upto`, the scan reads only interactions
    with a number up to that.
    """
    return ScanQuery(questions, table).scan(periods, lengths, upto)


class ScanQuery(SharedQuery):
    """The clauses of one scan."""

    def __init__(self, questions: Sequence[Question], table: Table) -> None:
        super().__init__(questions, table)
        self._aggregates: dict[str, str] = {}

    def scan(
        self, periods: Sequence[Sequence[Period]], lengths: Sequence[int], upto: int | None
    ) -> Scan:
        question = self.questions[0]
        groups = [self.fields.group(field) for field in question.group_by]
        columns = tuple(self._partials(question) for question in self.questions)
        levels = {
            level: self._in_periods(of_level) for level, of_level in enumerate(periods) if of_level
        }
        in_range = [] if upto is None else [self.number_condition(upto)]
        where = self.where(merge_periods(list(chain.from_iterable(periods))), *in_range)
        scope = [SCOPE_COLUMNS[kind] for kind in self.kinds]
        selected = [
            *scope,
            f"{self._by_level(levels, str)} AS level",
            "intDiv(toUnixTimestamp64Milli(timestamp) + length - 1, length) AS cell",
            *(f"{text} AS d{n}" for n, (_, text) in enumerate(groups)),
            *(f"{aggregate} AS {name}" for aggregate, name in self._aggregates.items()),
        ]
        keys = [*scope, "level", "cell", *group_keys(question, self.fields)]
        length = self._by_level(levels, lambda level: self.bind.integer(lengths[level]))
        lines = [
            *self.definitions(f"{length} AS length"),
            "SELECT " + ",\n       ".join(selected),
            f"FROM {INTERACTIONS}",
            where,
            "GROUP BY " + ", ".join(keys),
        ]
        return Scan(Query("\n".join(lines), self.bind.parameters), self.kinds, columns)

    def _partials(self, question: Question) -> tuple[str, ...]:
        """The names of a question's partial aggregates."""
        conditions = self.conditions(question)
        matched = self._aggregate("count", "", conditions)
        measure = Measure.of(question.aggregation)
        if question.field is None:
            return (matched,)
        if measure is Measure.DISTINCT:
            has_text, key = self.distinct_key(question.field)
            return matched, self._aggregate("groupUniqArray", key, [*conditions, has_text])
        number = self.aliases(self.fields.number(question.field))
        if measure is Measure.LATEST:
            results = number, TIME, "interactionNumber"
            selected = (latest(result, number, conditions) for result in results)
            return matched, *map(self._named, selected)
        if measure is not Measure.SUM:
            return matched, self._aggregate(measure.value, number, conditions)
        return (
            matched,
            self._aggregate("count", "", [*conditions, f"isNotNull({number})"]),
            *(self._aggregate("sum", part, conditions) for part in parts(number, self.aliases)),
        )

    def _aggregate(self, function: str, argument: str, conditions: list[str]) -> str:
        """The name of an aggregate over the rows that meet all conditions."""
        return self._named(aggregate_if(function, argument, conditions))

    def _named(self, text: str) -> str:
        """The name of an aggregate; equal ones share one."""
        return self._aggregates.setdefault(text, f"a{len(self._aggregates)}")

    def _by_level(self, conditions: dict[int, str], value: Callable[[int], str]) -> str:
        """The value for the level whose periods contain the row."""
        *others, last = conditions
        chosen = "".join(f"{conditions[level]}, {value(level)}, " for level in others)
        return f"multiIf({chosen}{value(last)})" if others else f"toInt64({value(last)})"

"""Many questions as few scans.

What a question keeps of the rows does not depend on its window: questions that differ in it only
have the same basis. A scan serves many bases at once: it goes over the rows of some stretches of
time once, puts them into cells, and takes for each cell, scope and group what every basis needs,
the filters as conditions of the aggregates. `rollups/` adds the cells of a window together.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tocsin.clickhouse.sql.compiler import group_keys
from tocsin.clickhouse.sql.exact_sums import parts
from tocsin.clickhouse.sql.fields import KINDS
from tocsin.clickhouse.sql.query import Query
from tocsin.clickhouse.sql.scan import Period, Writing, joined
from tocsin.clickhouse.sql.table import INTERACTIONS, SCOPE_COLUMNS, Table
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.field import Field
from tocsin.model.metrics.metric import Aggregation, Question


class Measure(StrEnum):
    """What is kept of the rows of a cell."""

    COUNT = "count"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    DISTINCT = "distinct"

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
}


@dataclass(frozen=True, slots=True)
class Scan:
    """A query whose rows are (scope ids by `kinds`, cell, d0, d1, ..., partial results).

    `columns` names the partial results of each question: how many interactions matched, then what
    its measure needs beyond that.
    """

    query: Query
    kinds: tuple[Kind, ...]
    columns: tuple[tuple[str, ...], ...]


def basis_of(question: Question) -> Hashable:
    """What the partial results of a question depend on: all of it but its window."""
    return Measure.of(question.aggregation), question.shape


def aggregates_of(question: Question) -> Hashable:
    """What decides which aggregates a scan must take for a question."""
    return Measure.of(question.aggregation), question.field, str(question.filters)


def catalog_read_by(fields: Iterable[Field], table: Table) -> Hashable:
    """The names in the catalog that the texts of some fields depend on; None if on none."""
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
    """One pass for questions that are grouped by the same fields. The periods are those of each
    level, and do not overlap: a row in one goes into a cell of its level, `lengths` milliseconds
    long. Only interactions with a number up to `upto` are looked at, if one is given."""
    return _Writing(questions, table).scan(periods, lengths, upto)


class _Writing(Writing):
    """The parts of one scan."""

    def __init__(self, questions: Sequence[Question], table: Table) -> None:
        super().__init__(questions, table)
        self._aggregates: dict[str, str] = {}

    def scan(
        self, periods: Sequence[Sequence[Period]], lengths: Sequence[int], upto: int | None
    ) -> Scan:
        question = self.questions[0]
        groups = [self.fields.group(field) for field in question.group_by]
        columns = tuple(self._partials(question) for question in self.questions)
        spans = {level: self.within(some) for level, some in enumerate(periods) if some}
        known = [] if upto is None else [self.among(upto)]
        where = self.where(joined([period for some in periods for period in some]), *known)
        scope = [SCOPE_COLUMNS[kind] for kind in self.kinds]
        selected = [
            *scope,
            f"{self._by_level(spans, str)} AS level",
            "intDiv(toUnixTimestamp64Milli(timestamp) + length - 1, length) AS cell",
            *(f"{text} AS d{n}" for n, (_, text) in enumerate(groups)),
            *(f"{aggregate} AS {name}" for aggregate, name in self._aggregates.items()),
        ]
        keys = [*scope, "level", "cell", *group_keys(question, self.fields)]
        length = self._by_level(spans, lambda level: self.bind.integer(lengths[level]))
        lines = [
            *self.definitions(f"{length} AS length"),
            "SELECT " + ",\n       ".join(selected),
            f"FROM {INTERACTIONS}",
            where,
            "GROUP BY " + ", ".join(keys),
        ]
        return Scan(Query("\n".join(lines), self.bind.parameters), self.kinds, columns)

    def _partials(self, question: Question) -> tuple[str, ...]:
        """The names of a question's partial results."""
        holds = self.conditions(question)
        matched = self._aggregate("count", "", holds)
        measure = Measure.of(question.aggregation)
        if question.field is None:
            return (matched,)
        if measure is Measure.DISTINCT:
            there, hashed = self.hashed(question.field)
            return matched, self._aggregate("groupUniqArray", hashed, [*holds, there])
        number = self.named(self.fields.number(question.field))
        if measure is not Measure.SUM:
            return matched, self._aggregate(measure.value, number, holds)
        return (
            matched,
            self._aggregate("count", "", [*holds, f"isNotNull({number})"]),
            *(self._aggregate("sum", part, holds) for part in parts(number, self.named)),
        )

    def _aggregate(self, function: str, argument: str, holds: list[str]) -> str:
        """The name of an aggregate over the rows for which all conditions hold."""
        text = f"{function}({argument})"
        if holds:
            arguments = [*([argument] if argument else []), " AND ".join(holds)]
            text = f"{function}If({', '.join(arguments)})"
        return self._aggregates.setdefault(text, f"a{len(self._aggregates)}")

    def _by_level(self, spans: dict[int, str], say: Callable[[int], str]) -> str:
        """What is said of the level in whose periods a row lies."""
        *others, last = spans
        chosen = "".join(f"{spans[level]}, {say(level)}, " for level in others)
        return f"multiIf({chosen}{say(last)})" if others else f"toInt64({say(last)})"

"""Many questions as few scans.

What a question keeps of the rows does not depend on its window: questions that differ in it only
have the same basis. A scan serves many bases at once: it goes over the rows of some stretches of
time once, puts them into cells, and takes for each cell, scope and group what every basis needs,
the filters as conditions of the aggregates. `rollups/` adds the cells of a window together.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tocsin.model.catalog import Kind
from tocsin.model.field import Field
from tocsin.model.metric import Aggregation, Question
from tocsin.sql.compiler import SCALE_DOWN, group_keys
from tocsin.sql.fields import KINDS, Fields
from tocsin.sql.filters import condition
from tocsin.sql.query import Binder, Query
from tocsin.sql.table import INTERACTIONS, SCOPE_COLUMNS, Table


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
class Period:
    """Later than `after` and up to `upto`."""

    after: datetime
    upto: datetime


@dataclass(frozen=True, slots=True)
class Scan:
    """A query whose rows are (scope ids by `kinds`, cell, d0, d1, ..., partial results).

    `columns` names the partial results of each question: how many interactions matched, then what
    its measure needs beyond that.
    """

    query: Query
    kinds: tuple[Kind, ...]
    columns: tuple[tuple[str, ...], ...]


def scope_of(question: Question) -> dict[Kind, UUID | None]:
    return {
        Kind.RESOURCE_TYPE: question.resource_type_id,
        Kind.ACTION: question.action_id,
        Kind.ORIGIN: question.origin_id,
    }


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
) -> Scan:
    """One pass for questions that are grouped by the same fields. The periods are those of each
    level, and do not overlap: a row in one goes into a cell of its level, `lengths` milliseconds
    long."""
    return _Writing(questions, table).scan(periods, lengths)


class _Writing:
    """The parts of one scan; equal expressions are written, and calculated, once."""

    def __init__(self, questions: Sequence[Question], table: Table) -> None:
        self._questions = questions
        self._bind = Binder()
        self._fields = Fields(table, self._bind)
        self._names: dict[str, str] = {}
        self._aggregates: dict[str, str] = {}
        self._scopes = [scope_of(question) for question in questions]
        self._kinds = tuple(
            kind for kind in Kind if len({scope[kind] for scope in self._scopes}) > 1
        )
        filters = {tuple(map(str, question.filters)) for question in questions}
        self._has_common_filters = len(filters) == 1

    def scan(self, periods: Sequence[Sequence[Period]], lengths: Sequence[int]) -> Scan:
        groups = [self._fields.group(field) for field in self._questions[0].group_by]
        columns = tuple(self._partials(question) for question in self._questions)
        spans = {level: self._time(some) for level, some in enumerate(periods) if some}
        where = [*self._scope(), self._time(_joined(periods)), *self._common_filters()]
        selected = [
            *(SCOPE_COLUMNS[kind] for kind in self._kinds),
            f"{self._by_level(spans, str)} AS level",
            "intDiv(toUnixTimestamp64Milli(timestamp) + length - 1, length) AS cell",
            *(f"{text} AS d{n}" for n, (_, text) in enumerate(groups)),
            *(f"{aggregate} AS {name}" for aggregate, name in self._aggregates.items()),
        ]
        keys = [
            *(SCOPE_COLUMNS[kind] for kind in self._kinds),
            "level",
            "cell",
            *group_keys(self._questions[0], self._fields),
        ]
        length = self._by_level(spans, lambda level: self._bind.integer(lengths[level]))
        named = [f"{expression} AS {name}" for expression, name in self._names.items()]
        named.append(f"{length} AS length")
        lines = [
            "WITH " + ",\n     ".join(named),
            "SELECT " + ",\n       ".join(selected),
            f"FROM {INTERACTIONS}",
            "WHERE " + "\n  AND ".join(where),
            "GROUP BY " + ", ".join(keys),
        ]
        return Scan(Query("\n".join(lines), self._bind.parameters), self._kinds, columns)

    def _partials(self, question: Question) -> tuple[str, ...]:
        """The names of a question's partial results."""
        holds = [] if self._has_common_filters else self._conditions(question)
        matched = self._aggregate("count", "", holds)
        measure = Measure.of(question.aggregation)
        if question.field is None:
            return (matched,)
        if measure is Measure.DISTINCT:
            text = self._name(self._fields.text(question.field))
            there = [*holds, f"isNotNull({text})"]
            # As an integer it is gathered twice as fast as in the form the function answers.
            hashed = f"reinterpretAsUInt128(sipHash128(assumeNotNull({text})))"
            return matched, self._aggregate("groupUniqArray", hashed, there)
        number = self._name(self._fields.number(question.field))
        if measure is not Measure.SUM:
            return matched, self._aggregate(measure.value, number, holds)
        return (
            matched,
            self._aggregate("count", "", [*holds, f"isNotNull({number})"]),
            self._aggregate("sum", number, holds),
            self._aggregate("sum", f"{number} * {SCALE_DOWN}", holds),
        )

    def _aggregate(self, function: str, argument: str, holds: list[str]) -> str:
        """The name of an aggregate over the rows for which all conditions hold."""
        text = f"{function}({argument})"
        if holds:
            arguments = [*([argument] if argument else []), " AND ".join(holds)]
            text = f"{function}If({', '.join(arguments)})"
        return self._aggregates.setdefault(text, f"a{len(self._aggregates)}")

    def _name(self, expression: str) -> str:
        return self._names.setdefault(expression, f"x{len(self._names)}")

    def _conditions(self, question: Question) -> list[str]:
        conditions = [condition(filter, self._fields, self._bind) for filter in question.filters]
        return [self._name(f"ifNull({text}, false)") for text in conditions]

    def _common_filters(self) -> list[str]:
        if not self._has_common_filters:
            return []
        return [condition(f, self._fields, self._bind) for f in self._questions[0].filters]

    def _scope(self) -> list[str]:
        """Rows that no question looks at are left out as far as that is cheaply told: the engine
        takes longer to plan for thirty scopes than to read what lies between them."""
        conditions = []
        for kind, column in SCOPE_COLUMNS.items():
            ids = {scope[kind] for scope in self._scopes}
            if None not in ids:
                known = sorted(id for id in ids if id)
                ways = [f"= {self._bind.uuid(known[0])}", f"IN {self._bind.uuids(known)}"]
                conditions.append(f"{column} {ways[len(known) > 1]}")
        return conditions

    def _by_level(self, spans: dict[int, str], say: Callable[[int], str]) -> str:
        """What is said of the level in whose periods a row lies."""
        *others, last = spans
        chosen = "".join(f"{spans[level]}, {say(level)}, " for level in others)
        return f"multiIf({chosen}{say(last)})" if others else f"toInt64({say(last)})"

    def _time(self, periods: Sequence[Period]) -> str:
        """Whether a row lies in one of the periods, which come in their order."""
        spelled = [
            f"timestamp > {self._bind.instant(period.after)} "
            f"AND timestamp <= {self._bind.instant(period.upto)}"
            for period in periods
        ]
        return f"({' OR '.join(spelled)})"


def _joined(periods: Sequence[Sequence[Period]]) -> list[Period]:
    """The periods of all levels, those that follow on each other as one."""
    joined: list[Period] = []
    for period in sorted((p for some in periods for p in some), key=lambda p: p.after):
        if joined and joined[-1].upto == period.after:
            joined[-1] = Period(joined[-1].after, period.upto)
        else:
            joined.append(period)
    return joined

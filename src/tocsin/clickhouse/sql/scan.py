"""The clauses that queries for many questions share: scope, time and conditions.

Equal expressions are written, and calculated, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from tocsin.clickhouse.sql.fields import Fields
from tocsin.clickhouse.sql.filters import condition
from tocsin.clickhouse.sql.query import Aliases, Binder
from tocsin.clickhouse.sql.table import SCOPE_COLUMNS, Table
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.field import Field
from tocsin.model.interactions.scope import Scope
from tocsin.model.metrics.question import Question
from tocsin.model.metrics.window import Period


def scope_conditions(scope: Scope, bind: Binder) -> list[str]:
    """The conditions of "Which interactions count" 1 in docs/reference/semantics.md."""
    return [f"{SCOPE_COLUMNS[kind]} = {bind.uuid(id)}" for kind, id in scope.ids.items() if id]


def in_periods(periods: Sequence[Period], bind: Binder) -> str:
    """The condition that a row is in one of the periods."""
    alternatives = [
        f"timestamp > {bind.instant(period.after)} AND timestamp <= {bind.instant(period.upto)}"
        for period in periods
    ]
    return f"({' OR '.join(alternatives)})"


class SharedQuery:
    """The clauses of one query for many questions."""

    def __init__(self, questions: Sequence[Question], table: Table) -> None:
        self.questions = questions
        self.bind = Binder()
        self.fields = Fields(table, self.bind)
        self.aliases = Aliases()
        self._scopes = [question.scope.ids for question in questions]
        self.kinds = tuple(
            kind for kind in Kind if len({scope[kind] for scope in self._scopes}) > 1
        )
        filters = {tuple(map(str, question.filters)) for question in questions}
        self._has_common_filters = len(filters) == 1

    def definitions(self, *others: str) -> list[str]:
        """The WITH clause that defines the aliases, if there are any."""
        definitions = ",\n     ".join([*self.aliases.definitions, *others])
        return [f"WITH {definitions}"] if definitions else []

    def conditions(self, question: Question) -> list[str]:
        """The aliases of a question's conditions, without those of the whole query."""
        if self._has_common_filters:
            return []
        texts = [condition(filter, self.fields, self.bind) for filter in question.filters]
        return [self.aliases(f"ifNull({text}, false)") for text in texts]

    def where(self, periods: Sequence[Period], *others: str) -> str:
        """The WHERE clause. It excludes rows that no question counts only as far as that is cheap:
        the engine takes longer to plan for thirty scopes than to read the rows between them."""
        common = self.questions[0].filters if self._has_common_filters else ()
        filters = [condition(filter, self.fields, self.bind) for filter in common]
        conditions = [*self._scope(), self._in_periods(periods), *others, *filters]
        return "WHERE " + "\n  AND ".join(conditions)

    def number_condition(self, upto: int, after: int | None = None) -> str:
        """The condition that a row has a number up to `upto`, and greater than `after`."""
        greater = [] if after is None else [f"interactionNumber > {self.bind.integer(after)}"]
        return " AND ".join([*greater, f"interactionNumber <= {self.bind.integer(upto)}"])

    def _in_periods(self, periods: Sequence[Period]) -> str:
        return in_periods(periods, self.bind)

    def distinct_key(self, field: Field) -> tuple[str, str]:
        """The condition that a field has a text, and a key that is different for each text."""
        return distinct_key(self.aliases(self.fields.text(field)))

    def scope_codes(self, kind: Kind) -> tuple[str, dict[UUID, int]]:
        """The expression of a small number that replaces a row's id, and the number of each id
        that a question has."""
        codes = {id: code for code, id in enumerate(self._ids(kind), start=1)}
        ids, numbers = self.bind.uuids(list(codes)), self.bind.integers(list(codes.values()))
        return f"toUInt16(transform({SCOPE_COLUMNS[kind]}, {ids}, {numbers}, 0))", codes

    def _ids(self, kind: Kind) -> list[UUID]:
        return sorted({id for scope in self._scopes if (id := scope[kind])})

    def _scope(self) -> list[str]:
        conditions = []
        for kind, column in SCOPE_COLUMNS.items():
            if all(scope[kind] for scope in self._scopes):
                ids = self._ids(kind)
                is_one_of = [f"= {self.bind.uuid(ids[0])}", f"IN {self.bind.uuids(ids)}"]
                conditions.append(f"{column} {is_one_of[len(ids) > 1]}")
        return conditions


def aggregate_if(function: str, argument: str, conditions: Sequence[str]) -> str:
    """An aggregate over the rows that meet all conditions."""
    if not conditions:
        return f"{function}({argument})"
    arguments = [*([argument] if argument else []), " AND ".join(conditions)]
    return f"{function}If({', '.join(arguments)})"


def distinct_key(text: str) -> tuple[str, str]:
    """The condition that there is a text, and a key that is different for each text: the 128-bit
    hash that the engine's `uniqExact` also uses. Aggregating it as an integer takes two thirds of
    the time."""
    return f"isNotNull({text})", f"reinterpretAsUInt128(sipHash128(assumeNotNull({text})))"


def merge_periods(periods: Sequence[Period]) -> list[Period]:
    """The same time in ascending order, with overlapping and adjacent periods merged."""
    merged: list[Period] = []
    for period in sorted(periods, key=lambda period: period.after):
        if merged and merged[-1].upto >= period.after:
            merged[-1] = Period(merged[-1].after, max(merged[-1].upto, period.upto))
        else:
            merged.append(period)
    return merged

"""What queries for many questions have in common: their scope, their time, their conditions.

Equal expressions are written, and calculated, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tocsin.clickhouse.sql.fields import Fields
from tocsin.clickhouse.sql.filters import condition
from tocsin.clickhouse.sql.query import Binder, Names
from tocsin.clickhouse.sql.table import SCOPE_COLUMNS, Table
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.field import Field
from tocsin.model.metrics.metric import Question


@dataclass(frozen=True, slots=True)
class Period:
    """Later than `after` and up to `upto`."""

    after: datetime
    upto: datetime


def scope_of(question: Question) -> dict[Kind, UUID | None]:
    return {
        Kind.RESOURCE_TYPE: question.resource_type_id,
        Kind.ACTION: question.action_id,
        Kind.ORIGIN: question.origin_id,
    }


class Writing:
    """The parts of one query."""

    def __init__(self, questions: Sequence[Question], table: Table) -> None:
        self.questions = questions
        self.bind = Binder()
        self.fields = Fields(table, self.bind)
        self.named = Names()
        self._scopes = [scope_of(question) for question in questions]
        self.kinds = tuple(
            kind for kind in Kind if len({scope[kind] for scope in self._scopes}) > 1
        )
        filters = {tuple(map(str, question.filters)) for question in questions}
        self._has_common_filters = len(filters) == 1

    def definitions(self, *others: str) -> list[str]:
        """The clause that says what the names stand for, if there are any."""
        together = ",\n     ".join([*self.named.definitions, *others])
        return [f"WITH {together}"] if together else []

    def conditions(self, question: Question) -> list[str]:
        """The names of the conditions of a question that are not those of the whole query."""
        if self._has_common_filters:
            return []
        texts = [condition(filter, self.fields, self.bind) for filter in question.filters]
        return [self.named(f"ifNull({text}, false)") for text in texts]

    def where(self, periods: Sequence[Period], *others: str) -> str:
        """Rows that no question looks at are left out as far as that is cheaply told: the engine
        takes longer to plan for thirty scopes than to read what lies between them."""
        common = self.questions[0].filters if self._has_common_filters else ()
        filters = [condition(filter, self.fields, self.bind) for filter in common]
        conditions = [*self._scope(), self.within(periods), *others, *filters]
        return "WHERE " + "\n  AND ".join(conditions)

    def among(self, upto: int, after: int | None = None) -> str:
        """Whether a row has a number up to `upto`, and greater than `after`."""
        begins = [] if after is None else [f"interactionNumber > {self.bind.integer(after)}"]
        return " AND ".join([*begins, f"interactionNumber <= {self.bind.integer(upto)}"])

    def within(self, periods: Sequence[Period]) -> str:
        """Whether a row lies in one of the periods, which come in their order."""
        spelled = [
            f"timestamp > {self.bind.instant(period.after)} "
            f"AND timestamp <= {self.bind.instant(period.upto)}"
            for period in periods
        ]
        return f"({' OR '.join(spelled)})"

    def hashed(self, field: Field) -> tuple[str, str]:
        """Whether a field has a text, and what tells it from other texts."""
        return told_apart(self.named(self.fields.text(field)))

    def codes(self, kind: Kind) -> tuple[str, dict[UUID, int]]:
        """A small number in place of a row's id, and what it is for those that are asked for."""
        codes = {id: code for code, id in enumerate(self._ids(kind), start=1)}
        ids, numbers = self.bind.uuids(list(codes)), self.bind.integers(list(codes.values()))
        return f"toUInt16(transform({SCOPE_COLUMNS[kind]}, {ids}, {numbers}, 0))", codes

    def _ids(self, kind: Kind) -> list[UUID]:
        return sorted({id for scope in self._scopes if (id := scope[kind])})

    def _scope(self) -> list[str]:
        conditions = []
        for kind, column in SCOPE_COLUMNS.items():
            if all(scope[kind] for scope in self._scopes):
                known = self._ids(kind)
                ways = [f"= {self.bind.uuid(known[0])}", f"IN {self.bind.uuids(known)}"]
                conditions.append(f"{column} {ways[len(known) > 1]}")
        return conditions


def told_apart(text: str) -> tuple[str, str]:
    """Whether there is a text, and what tells it from other texts: the 128 bits that the engine's
    `uniqExact` takes of it too. As an integer they are gathered in two thirds of the time."""
    return f"isNotNull({text})", f"reinterpretAsUInt128(sipHash128(assumeNotNull({text})))"


def joined(periods: Sequence[Period]) -> list[Period]:
    """The time of some periods, which may overlap: those that follow on each other as one."""
    found: list[Period] = []
    for period in sorted(periods, key=lambda period: period.after):
        if found and found[-1].upto >= period.after:
            found[-1] = Period(found[-1].after, max(found[-1].upto, period.upto))
        else:
            found.append(period)
    return found

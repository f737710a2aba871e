"""Warns about fields of a definition that have no effect in the recorded interactions.

A field that has never occurred is mostly misspelled, and a field of texts has no sum. A warning
never rejects a definition: the interactions may come later.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import structlog

from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.sql.occurrence import compile_number_counts, compile_occurring
from tocsin.clickhouse.sql.query import Query, ResultRow
from tocsin.clickhouse.sql.table import JsonType, Table
from tocsin.errors import Problem, TocsinError
from tocsin.model.interactions.field import Column, Field
from tocsin.model.interactions.scope import ANY_SCOPE, Scope
from tocsin.model.interactions.snapshot import Mnemonics
from tocsin.model.metrics.field_uses import FieldUse, field_uses
from tocsin.model.metrics.question import Question
from tocsin.process.deadline import Deadline

log = structlog.get_logger()

MAX_SECONDS = 1
"""A definition is saved and previewed without warnings if they take longer."""
MAX_FIELDS = 20
REMEMBERED_SECONDS = 60
_REMEMBERED = 10_000
_NUMBERS = {JsonType.INTEGER, JsonType.UNSIGNED, JsonType.DOUBLE, JsonType.BIG_INTEGER}
# Every interaction has these.
_EVERYWHERE = Field(Column.RESOURCE_ID)
_REQUIRED = {Column.RESOURCE_ID, Column.RESOURCE_TYPE, Column.ACTION, Column.ORIGIN}


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Whether a field occurs in a scope; for a field of which numbers are needed, in how many
    interactions, and in how many without a number."""

    occurs: bool
    count: int = 0
    without_number: int = 0


_Key = tuple[Scope, Field, bool]
_UNKNOWN = Occurrence(True)


class DefinitionWarnings:
    def __init__(self, engine: Engine, catalog: Mnemonics) -> None:
        self._engine = engine
        self._catalog = catalog
        # Until when an answer holds, in seconds of the monotonic clock. A field that does not
        # occur is looked up each time, because its first interaction may just have come.
        self._remembered: dict[_Key, tuple[float, Occurrence]] = {}

    def of(self, question: Question) -> list[Problem]:
        """The warnings, in the order of the definition; none if they cannot be found in time."""
        uses = [use for use in field_uses(question) if use.effect or _can_be_missing(use.field)]
        if not uses:
            return []
        try:
            return list(self._warnings(uses[:MAX_FIELDS]))
        except TocsinError as error:
            log.info("definition not checked for warnings", error=str(error))
            return []

    def _warnings(self, uses: Sequence[FieldUse]) -> Iterator[Problem]:
        table = self._engine.table(self._catalog, with_columns=True)
        occurrences = self._occurrences({_key(use, table) for use in uses}, table)
        scopes = {use.scope for use in uses if not occurrences[_key(use, table)].occurs}
        empty = self._empty(scopes, table)
        for use in uses:
            occurrence = occurrences[_key(use, table)]
            if use.scope in empty:
                continue
            if not occurrence.occurs:
                yield Problem(use.path, _never(use))
            elif occurrence.without_number:
                yield Problem(use.path, _not_numeric(use, occurrence))

    def _empty(self, scopes: set[Scope], table: Table) -> set[Scope]:
        """The scopes without interactions, where no field can have occurred."""
        keys = {(scope, _EVERYWHERE, False) for scope in scopes}
        occurrences = self._occurrences(keys, table)
        return {scope for scope, _, _ in keys if not occurrences[scope, _EVERYWHERE, False].occurs}

    def _occurrences(self, keys: set[_Key], table: Table) -> dict[_Key, Occurrence]:
        now = time.monotonic()
        remembered = {key: self._remembered.get(key, (0.0, _UNKNOWN)) for key in keys}
        occurrences = {key: each for key, (end, each) in remembered.items() if end > now}
        groups: dict[tuple[Scope, bool], list[Field]] = defaultdict(list)
        for scope, field, is_counted in keys - occurrences.keys():
            if field.column or table.types_of(field.path):
                groups[scope, is_counted].append(field)
            else:
                occurrences[scope, field, is_counted] = Occurrence(False)
        deadline = self._engine.deadline(MAX_SECONDS)
        for (scope, is_counted), fields in groups.items():
            for field, occurrence in self._look_up(scope, fields, is_counted, table, deadline):
                occurrences[scope, field, is_counted] = occurrence
                if occurrence.occurs:
                    self._remember((scope, field, is_counted), occurrence)
        return occurrences

    def _look_up(
        self,
        scope: Scope,
        fields: Sequence[Field],
        is_counted: bool,
        table: Table,
        deadline: Deadline,
    ) -> Iterator[tuple[Field, Occurrence]]:
        try:
            if is_counted:
                (counts,) = self._run(compile_number_counts(scope, fields, table), deadline)
                pairs = zip(counts[::2], counts[1::2], strict=True)
                results = [Occurrence(count > 0, count, without) for count, without in pairs]
            else:
                rows = self._run(compile_occurring(scope, fields, table), deadline)
                positions = {position for (position,) in rows}
                results = [Occurrence(index in positions) for index in range(len(fields))]
        except TocsinError:
            # So that the next preview of this definition does not wait for it again.
            for field in fields:
                self._remember((scope, field, is_counted), _UNKNOWN)
            raise
        return zip(fields, results, strict=True)

    def _remember(self, key: _Key, occurrence: Occurrence) -> None:
        if len(self._remembered) >= _REMEMBERED:
            self._remembered = {}
        self._remembered[key] = time.monotonic() + REMEMBERED_SECONDS, occurrence

    def _run(self, query: Query, deadline: Deadline) -> list[ResultRow]:
        return self._engine.calculation_queries.run(query, deadline)


def _can_be_missing(field: Field) -> bool:
    return field.column not in _REQUIRED


def _key(use: FieldUse, table: Table) -> _Key:
    """Numbers are counted only where a value may have none."""
    is_counted = use.effect is not None and not (
        use.field.path and table.types_of(use.field.path) <= _NUMBERS
    )
    return use.scope, use.field, is_counted


def _never(use: FieldUse) -> str:
    if use.column:
        return (
            f"is no key of a payload in this scope: {use.column} without interaction. "
            "names that member of the interaction itself"
        )
    return "has never occurred in any interaction" + _in_scope(use.scope)


def _not_numeric(use: FieldUse, occurrence: Occurrence) -> str:
    return (
        f"is not a number in {occurrence.without_number:,} of the {occurrence.count:,} "
        f"interactions{_in_scope(use.scope)} that have it: {use.effect}"
    )


def _in_scope(scope: Scope) -> str:
    return "" if scope == ANY_SCOPE else " of the scope"

"""Compiles a RATIO to one query, which reads the interactions of both sides once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tocsin.clickhouse.sql.compiler import SUMS, group_keys, where
from tocsin.clickhouse.sql.exact_sums import by_exponent, parts, whole_parts
from tocsin.clickhouse.sql.fields import Fields
from tocsin.clickhouse.sql.filters import condition
from tocsin.clickhouse.sql.lines import group_hash, signed_hash
from tocsin.clickhouse.sql.points import PointWindows
from tocsin.clickhouse.sql.query import Aliases, Binder, Query
from tocsin.clickhouse.sql.runs import compile_where
from tocsin.clickhouse.sql.scan import aggregate_if, distinct_key, scope_conditions
from tocsin.clickhouse.sql.table import INTERACTIONS, Table
from tocsin.model.interactions.scope import Scope
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.question import Question

PREFIXES = ("n_", "d_")
"""Of the columns of the numerator, and of those of the denominator."""


def compile_ratio(
    question: Question, at: datetime, table: Table, *, is_exact: bool = False
) -> Query:
    """One row for each group of either side as of `at`, in any order: dimension texts, and the
    columns of `side_columns` for each side. With `is_exact`, sums are integers by exponent."""
    return _RatioQuery(question, at, table).build(is_exact=is_exact)


def compile_ratio_groups(
    question: Question, windows: PointWindows, table: Table, *, is_exact: bool = False
) -> Query:
    """One row for each group of either side at one of the points or more: as in `compile_ratio` as
    of the last point, and `hash`, the hash of the group's texts (`lines.py`)."""
    return _SpanQuery(question, windows, table).build(is_exact=is_exact)


def side_columns(part: Question, prefix: str, *, is_exact: bool = False) -> list[str]:
    """The names of a side's columns: its value; or, for a sum, the number of numbers and the sums
    of their parts."""
    if not part.aggregation.is_sum:
        return [f"{prefix}value"]
    return [f"{prefix}{name}" for name in ("c", *(["integers"] if is_exact else SUMS))]


@dataclass(frozen=True, slots=True)
class _Conditions:
    """The scope and filters that both sides have, as a question; the conditions of each side."""

    common: Question
    own: Sequence[Sequence[str]]


class _SidesQuery:
    """The clauses of one query for both sides."""

    def __init__(self, question: Question, table: Table) -> None:
        self._question = question
        self._bind = Binder()
        self._fields = Fields(table, self._bind)
        self._aliases = Aliases()

    def build(self, *, is_exact: bool) -> Query:
        question = self._question
        conditions = self._conditions()
        groups = [self._fields.group(field) for field in question.group_by]
        columns = [*(f"{text} AS d{n}" for n, (_, text) in enumerate(groups)), *self._extra()]
        for part, prefix, own in zip(question.parts, PREFIXES, conditions.own, strict=True):
            names = side_columns(part, prefix, is_exact=is_exact)
            texts = self._aggregates(part, [*own, *self._valued()], is_exact=is_exact)
            columns += [f"{text} AS {name}" for text, name in zip(texts, names, strict=True)]
        definitions = [*self._definitions(), *self._aliases.definitions]
        lines = [
            *(["WITH " + ",\n     ".join(definitions)] if definitions else []),
            "SELECT " + ",\n       ".join(columns),
            f"FROM {INTERACTIONS}",
            self._where(conditions),
        ]
        if groups:
            lines.append("GROUP BY " + ", ".join(group_keys(question, self._fields)))
        return Query("\n".join(filter(None, lines)), self._bind.parameters)

    def _conditions(self) -> _Conditions:
        parts = self._question.parts
        scopes = [part.scope.ids for part in parts]
        shared = [
            id if all(scope[kind] == id for scope in scopes) else None
            for kind, id in scopes[0].items()
        ]
        # By their texts: the values 1 and true are equal in Python, but not in a filter.
        texts = [{repr(filter): filter for filter in part.filters} for part in parts]
        filters = [filter for text, filter in texts[0].items() if text in texts[1]]
        resource_type_id, action_id, origin_id = shared
        common = Question(
            aggregation=Aggregation.COUNT,
            resource_type_id=resource_type_id,
            action_id=action_id,
            origin_id=origin_id,
            filters=tuple(filters),
            time_window=self._question.time_window,
        )
        return _Conditions(common, [self._own(part, common) for part in parts])

    def _own(self, part: Question, common: Question) -> list[str]:
        """The conditions of a side that the other does not have."""
        ids = zip(part.scope.ids.values(), common.scope.ids.values(), strict=True)
        rest = Scope(*(None if shared else id for id, shared in ids))
        known = set(map(repr, common.filters))
        filters = [filter for filter in part.filters if repr(filter) not in known]
        tests = [condition(filter, self._fields, self._bind) for filter in filters]
        aliases = [self._aliases(f"ifNull({test}, false)") for test in tests]
        return [*scope_conditions(rest, self._bind), *aliases]

    def _where(self, conditions: _Conditions) -> str:
        """The interactions that at least one side counts."""
        text = self._counted(conditions.common)
        if not all(conditions.own):
            return text
        either = " OR ".join(f"({' AND '.join(own)})" for own in conditions.own)
        return f"{text}\n  AND ({either})" if text else f"WHERE {either}"

    def _counted(self, common: Question) -> str:
        """The clause with the conditions that both sides have."""
        raise NotImplementedError

    def _extra(self) -> list[str]:
        """Columns of a group."""
        return []

    def _valued(self) -> list[str]:
        """The conditions of the interactions that the values count."""
        return []

    def _definitions(self) -> list[str]:
        return []

    def _aggregates(self, part: Question, own: Sequence[str], *, is_exact: bool) -> list[str]:
        if part.field is None:
            return [aggregate_if("count", "", own)]
        if part.aggregation is Aggregation.DISTINCT_COUNT:
            has_text, key = distinct_key(self._aliases(self._fields.text(part.field)))
            return [aggregate_if("uniqExact", key, [*own, has_text])]
        number = self._aliases(self._fields.number(part.field))
        if not part.aggregation.is_sum:
            return [aggregate_if(part.aggregation.lower(), number, own)]
        count = aggregate_if("count", number, own)
        if is_exact:
            return [count, by_exponent(number, " AND ".join(own))]
        split = whole_parts if self._fields.is_whole(part.field) else parts
        sums = [aggregate_if("sum", text, own) for text in split(number, self._aliases)]
        return [count, *sums]


class _RatioQuery(_SidesQuery):
    """The clauses of a query as of one instant."""

    def __init__(self, question: Question, at: datetime, table: Table) -> None:
        super().__init__(question, table)
        self._at = at

    def _counted(self, common: Question) -> str:
        return where(common, self._at, self._fields, self._bind)


class _SpanQuery(_SidesQuery):
    """The clauses of a query for the groups of a series; values are those at the last point."""

    def __init__(self, question: Question, windows: PointWindows, table: Table) -> None:
        super().__init__(question, table)
        self._windows = windows

    def _counted(self, common: Question) -> str:
        conditions = compile_where(common, self._windows, self._fields, self._bind)
        return f"WHERE {conditions}\n  AND lo <= hi"

    def _extra(self) -> list[str]:
        dimensions = len(self._question.group_by)
        return [f"{signed_hash(group_hash(dimensions))} AS hash"] if dimensions else []

    def _valued(self) -> list[str]:
        return [f"hi = {self._bind.integer(self._windows.points.count - 1)}"]

    def _definitions(self) -> list[str]:
        return self._windows.run_ends(self._bind)

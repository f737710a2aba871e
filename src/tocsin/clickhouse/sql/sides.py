"""Compiles a RATIO or a comparison to one query, which reads the interactions of all parts once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tocsin.clickhouse.sql.compiler import SUMS, group_keys, time_conditions, where
from tocsin.clickhouse.sql.exact_sums import by_exponent, parts, whole_parts
from tocsin.clickhouse.sql.fields import Fields
from tocsin.clickhouse.sql.filters import condition
from tocsin.clickhouse.sql.lines import group_hash, signed_hash
from tocsin.clickhouse.sql.points import PointWindows, SeriesPoints
from tocsin.clickhouse.sql.query import Aliases, Binder, Query
from tocsin.clickhouse.sql.runs import compile_where, span_conditions
from tocsin.clickhouse.sql.scan import aggregate_if, distinct_key, scope_conditions
from tocsin.clickhouse.sql.selected_numbers import selected_number
from tocsin.clickhouse.sql.table import INTERACTIONS, Table
from tocsin.model.interactions.scope import Scope
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.question import Question


def compile_sides(
    question: Question, at: datetime, table: Table, *, is_exact: bool = False
) -> Query:
    """One row for each group of any part as of `at`, in any order: dimension texts, and the
    columns of `part_columns` for each part. With `is_exact`, sums are integers by exponent."""
    return _SidesAtInstant(question, at, table).build(is_exact=is_exact)


def compile_groups_of_sides(
    question: Question, points: SeriesPoints, table: Table, *, is_exact: bool = False
) -> Query:
    """One row for each group of any part at one of the points or more: as in `compile_sides` as of
    the last point, and `hash`, the hash of the group's texts (`lines.py`). A metric without a
    window counts within each step."""
    return _SidesOverTime(question, points, table).build(is_exact=is_exact)


def prefixes(question: Question) -> list[str]:
    """Those of the columns of each part: of the numerator and the denominator, of the current value
    and the base, or of the two of each."""
    sides = ["n_", "d_"] if question.aggregation is Aggregation.RATIO else [""]
    periods = ["c_", "b_"] if question.compare else [""]
    return [period + side for period in periods for side in sides]


def part_columns(part: Question, prefix: str, *, is_exact: bool = False) -> list[str]:
    """The names of a part's columns: its value; or, for a sum, the number of numbers and the sums
    of their parts."""
    if not part.aggregation.is_sum:
        return [f"{prefix}value"]
    return [f"{prefix}{name}" for name in ("c", *(["integers"] if is_exact else SUMS))]


@dataclass(frozen=True, slots=True)
class _Conditions:
    """The scope, the filters and the window that all parts have, as a question; the conditions of
    each part."""

    common: Question
    own: Sequence[Sequence[str]]


class _SidesQuery:
    """The clauses of one query for all parts."""

    def __init__(self, question: Question, table: Table) -> None:
        self._question = question
        self._bind = Binder()
        self._fields = Fields(table, self._bind)
        self._aliases = Aliases()
        windows = dict.fromkeys(part.time_window for part in question.parts)
        self._windows = list(windows)

    def build(self, *, is_exact: bool) -> Query:
        question = self._question
        conditions = self._conditions()
        groups = [self._fields.group(field) for field in question.group_by]
        columns = [*(f"{text} AS d{n}" for n, (_, text) in enumerate(groups)), *self._extra()]
        each = zip(question.parts, prefixes(question), conditions.own, strict=True)
        for part, prefix, own in each:
            names = part_columns(part, prefix, is_exact=is_exact)
            texts = self._aggregates(part, [*own, *self._valued(part)], is_exact=is_exact)
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
        filters = [
            filter for text, filter in texts[0].items() if all(text in other for other in texts)
        ]
        resource_type_id, action_id, origin_id = shared
        common = Question(
            aggregation=Aggregation.COUNT,
            resource_type_id=resource_type_id,
            action_id=action_id,
            origin_id=origin_id,
            filters=tuple(filters),
            time_window=parts[0].time_window,
        )
        return _Conditions(common, [self._own(part, common) for part in parts])

    @property
    def _has_one_window(self) -> bool:
        return len(self._windows) == 1

    def _own(self, part: Question, common: Question) -> list[str]:
        """The conditions of a part that others do not have."""
        ids = zip(part.scope.ids.values(), common.scope.ids.values(), strict=True)
        rest = Scope(*(None if shared else id for id, shared in ids))
        known = set(map(repr, common.filters))
        filters = [filter for filter in part.filters if repr(filter) not in known]
        tests = [condition(filter, self._fields, self._bind) for filter in filters]
        aliases = [self._aliases(f"ifNull({test}, false)") for test in tests]
        times = [] if self._has_one_window else self._times(part)
        period = [self._aliases(" AND ".join(times))] if times else []
        return [*scope_conditions(rest, self._bind), *aliases, *period]

    def _where(self, conditions: _Conditions) -> str:
        """The interactions that at least one part counts."""
        common = conditions.common
        if self._has_one_window:
            text = self._counted(common)
        else:
            text = where(common, None, self._fields, self._bind)
        if not all(conditions.own):
            return text
        any_part = " OR ".join(f"({' AND '.join(own)})" for own in _weakest(conditions.own))
        return f"{text}\n  AND ({any_part})" if text else f"WHERE {any_part}"

    def _counted(self, common: Question) -> str:
        """The clause with the conditions that all parts have, if they have one window."""
        raise NotImplementedError

    def _times(self, part: Question) -> list[str]:
        """The conditions of time of a part."""
        raise NotImplementedError

    def _extra(self) -> list[str]:
        """Columns of a group."""
        return []

    def _valued(self, _part: Question) -> list[str]:
        """The conditions of the interactions that the values of a part count."""
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
        if part.aggregation.selects_number:
            return [selected_number(part, number, own)]
        if not part.aggregation.is_sum:
            return [aggregate_if(part.aggregation.lower(), number, own)]
        count = aggregate_if("count", number, own)
        if is_exact:
            return [count, by_exponent(number, " AND ".join(own))]
        split = whole_parts if self._fields.is_whole(part.field) else parts
        sums = [aggregate_if("sum", text, own) for text in split(number, self._aliases)]
        return [count, *sums]


class _SidesAtInstant(_SidesQuery):
    """The clauses of a query as of one instant."""

    def __init__(self, question: Question, at: datetime, table: Table) -> None:
        super().__init__(question, table)
        self._at = at

    def _counted(self, common: Question) -> str:
        return where(common, self._at, self._fields, self._bind)

    def _times(self, part: Question) -> list[str]:
        return time_conditions(part, self._at, self._fields.table, self._bind)


class _SidesOverTime(_SidesQuery):
    """The clauses of a query for the groups of a series; values are those at the last point. Each
    window has columns `lo` and `hi` of its own."""

    def __init__(self, question: Question, points: SeriesPoints, table: Table) -> None:
        super().__init__(question, table)
        self._points = points

    def _counted(self, common: Question) -> str:
        conditions = compile_where(common, self._ends(common), self._fields, self._bind)
        return f"WHERE {conditions}\n  AND lo <= hi"

    def _times(self, part: Question) -> list[str]:
        suffix = self._suffix(part)
        return [*span_conditions(self._ends(part), self._bind), f"lo{suffix} <= hi{suffix}"]

    def _extra(self) -> list[str]:
        dimensions = len(self._question.group_by)
        return [f"{signed_hash(group_hash(dimensions))} AS hash"] if dimensions else []

    def _valued(self, part: Question) -> list[str]:
        return [f"hi{self._suffix(part)} = {self._bind.integer(self._points.count - 1)}"]

    def _definitions(self) -> list[str]:
        by_window = {part.time_window: part for part in self._question.parts}
        return [
            f"{end}{self._suffix(part)}"
            for part in by_window.values()
            for end in self._ends(part).run_ends(self._bind)
        ]

    def _suffix(self, part: Question) -> str:
        return "" if self._has_one_window else str(self._windows.index(part.time_window))

    def _ends(self, part: Question) -> PointWindows:
        return PointWindows.of_series(part, self._points)


def _weakest(conjunctions: Iterable[Sequence[str]]) -> list[Sequence[str]]:
    """The conjunctions that no other one is contained in, each once."""
    distinct = list({frozenset(each): each for each in conjunctions}.values())
    return [each for each in distinct if not any(set(other) < set(each) for other in distinct)]

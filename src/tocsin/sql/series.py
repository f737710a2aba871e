"""One metric at many instants as one query.

A row with timestamp t belongs to the points at which its window is open: an unbroken run of
them, from `lo` to `hi`. Rows are aggregated once by group and run; the calculator then adds each
aggregate to the points of its run. A distinct text must count once at a point however many runs
hold it, so its runs are first cut to what each adds to those before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.model.instant import to_milliseconds
from tocsin.model.metric import Aggregation, Question
from tocsin.sql.compiler import SCALE_DOWN, Sums, order_by, scope
from tocsin.sql.fields import Fields
from tocsin.sql.filters import condition
from tocsin.sql.query import Binder, Query
from tocsin.sql.table import INTERACTIONS, Table

MAX_LINES = 100

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Points:
    """The instants of a series: `first`, `first + step`, and so on."""

    first: datetime
    step: timedelta
    count: int

    @classmethod
    def between(cls, start: datetime, to: datetime, step: timedelta) -> Points:
        """`to`, `to - step`, and so on while later than `start`."""
        count = -((start - to) // step)
        return cls(to - (count - 1) * step, step, count)

    @property
    def last(self) -> datetime:
        return self.first + (self.count - 1) * self.step

    def all(self) -> list[datetime]:
        return [self.first + n * self.step for n in range(self.count)]


def compile_series(question: Question, points: Points, table: Table) -> Query:
    """Rows of (dimension texts..., runs, groups): a row for each of the greatest groups at the
    last point, its runs as (lo, hi, aggregates...), and how many groups there are."""
    bind = Binder()
    fields = Fields(table, bind)
    dimensions = len(question.group_by)
    names = [f"d{n}" for n in range(dimensions)]
    runs = _runs(question, points, fields, bind)
    last = bind.integer(points.count - 1)
    columns = [*names, f"groupArray({_aggregates(question)}) AS runs", "count() OVER () AS groups"]
    lines = [
        "SELECT " + ", ".join(columns),
        f"FROM (\n{runs}\n)",
        *(["GROUP BY " + ", ".join(names)] if names else []),
        order_by(_value_at(question, f"hi = {last}"), dimensions),
        f"LIMIT {MAX_LINES}",
    ]
    return Query("\n".join(lines), bind.parameters)


def window_of(question: Question, points: Points) -> timedelta:
    """How far back a point looks; a metric without a window counts within each step."""
    return question.time_window.length if question.time_window else points.step


def _runs(question: Question, points: Points, fields: Fields, bind: Binder) -> str:
    """Rows of (dimension texts..., lo, hi, aggregates...)."""
    keys = [fields.group(field) for field in question.group_by]
    texts = [f"{text} AS d{n}" for n, (_, text) in enumerate(keys)]
    names = [f"d{n}" for n in range(len(keys))]
    if question.aggregation is Aggregation.DISTINCT_COUNT:
        return _distinct_runs(question, points, fields, bind, texts, names)
    columns = [*texts, *_span(question, points, bind), *_partials(question, fields)]
    return (
        f"SELECT {', '.join(columns)}\nFROM {INTERACTIONS}\n"
        f"WHERE {_where(question, points, fields, bind)}\n  AND lo <= hi\n"
        f"GROUP BY {', '.join([*(key for key, _ in keys), 'lo', 'hi'])}"
    )


def _distinct_runs(
    question: Question,
    points: Points,
    fields: Fields,
    bind: Binder,
    texts: list[str],
    names: list[str],
) -> str:
    assert question.field
    columns = [*texts, f"{fields.text(question.field)} AS text", *_span(question, points, bind)]
    rows = (
        f"SELECT DISTINCT {', '.join(columns)}\nFROM {INTERACTIONS}\n"
        f"WHERE {_where(question, points, fields, bind)}\n  AND lo <= hi"
    )
    spans = f"SELECT {', '.join([*names, 'text'])}, arraySort(groupArray((lo, hi))) AS spans"
    spans += f"\nFROM (\n{rows}\n)\nGROUP BY {', '.join([*names, 'text'])}"
    # Spans are in order of lo and of hi, so each adds the points after the end of the one before.
    added = (
        "arrayJoin(arrayMap((span, reached) -> (greatest(span.1, reached + 1), span.2), "
        "spans, arrayPushFront(arrayPopBack(spans.2), toInt64(-1)))) AS span"
    )
    columns = [*names, "span.1 AS lo", "span.2 AS hi", "countIf(isNotNull(text)) AS c"]
    return (
        f"SELECT {', '.join(columns)}\nFROM (\nSELECT {', '.join([*names, 'text', added])}\n"
        f"FROM (\n{spans}\n)\n)\nWHERE lo <= hi\nGROUP BY {', '.join([*names, 'lo', 'hi'])}"
    )


def _span(question: Question, points: Points, bind: Binder) -> list[str]:
    """The first and the last point at which a row's window is open."""
    first = bind.integer(to_milliseconds(points.first))
    since = f"toUnixTimestamp64Milli(timestamp) - {first}"
    width = bind.integer(_milliseconds(window_of(question, points)))
    every = bind.integer(_milliseconds(points.step))
    end = bind.integer(points.count - 1)
    return [
        f"intDiv(greatest({since}, 0) + {every} - 1, {every}) AS lo",
        f"least(intDiv({since} + {width} - 1, {every}), {end}) AS hi",
    ]


def _where(question: Question, points: Points, fields: Fields, bind: Binder) -> str:
    begin = points.first - window_of(question, points)
    conditions = [
        *scope(question, bind),
        f"timestamp > {bind.instant(begin)}",
        f"timestamp <= {bind.instant(points.last)}",
        *(condition(filter, fields, bind) for filter in question.filters),
    ]
    return "\n  AND ".join(conditions)


def _partials(question: Question, fields: Fields) -> list[str]:
    """What is kept of the rows of one run."""
    if question.aggregation in (Aggregation.COUNT, Aggregation.RATE):
        return ["count() AS c"]
    assert question.field
    number = fields.number(question.field)
    if question.aggregation in (Aggregation.MIN, Aggregation.MAX):
        return [f"{question.aggregation.lower()}({number}) AS extreme"]
    return [
        f"sum({number}) AS plain",
        f"sum({number} * {SCALE_DOWN}) AS scaled",
        f"count({number}) AS c",
    ]


def _aggregates(question: Question) -> str:
    names = {
        Aggregation.MIN: "(lo, hi, extreme)",
        Aggregation.MAX: "(lo, hi, extreme)",
        Aggregation.SUM: "(lo, hi, plain, scaled, c)",
        Aggregation.AVG: "(lo, hi, plain, scaled, c)",
    }
    return names.get(question.aggregation, "(lo, hi, c)")


def _value_at(question: Question, holds: str) -> str:
    """The value of a group over the runs for which a condition holds."""
    aggregation = question.aggregation
    if aggregation in (Aggregation.MIN, Aggregation.MAX):
        return f"{aggregation.lower()}If(extreme, {holds})"
    if aggregation not in (Aggregation.SUM, Aggregation.AVG):
        return f"sumIf(c, {holds})"
    sums = Sums(f"sumIf(plain, {holds})", f"sumIf(scaled, {holds})", f"sumIf(c, {holds})")
    return sums.total if aggregation is Aggregation.SUM else sums.mean


def _milliseconds(length: timedelta) -> int:
    return length // _MILLISECOND

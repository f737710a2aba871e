"""A metric's rows by the points at which they count: a query that other queries stand on.

A row with timestamp t belongs to the points at which its window is open: an unbroken run of
them, from `lo` to `hi`. Rows are aggregated once by group and run; the process then adds each
aggregate to the points of its run (`fold.py`). A distinct text must count once at a point however
many runs hold it, so its runs are first cut to what each adds to those before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.clickhouse.sql.compiler import SUMS, scope
from tocsin.clickhouse.sql.exact_sums import by_exponent, parts
from tocsin.clickhouse.sql.fields import Fields
from tocsin.clickhouse.sql.filters import condition
from tocsin.clickhouse.sql.query import Binder, Names
from tocsin.clickhouse.sql.table import INTERACTIONS
from tocsin.model.instant import MILLISECOND, to_milliseconds
from tocsin.model.metrics.metric import Aggregation, Question


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


@dataclass(frozen=True, slots=True)
class Span:
    """The points of a metric, and how far back each looks; None for all time."""

    points: Points
    window: timedelta | None


def compile_runs(
    question: Question,
    span: Span,
    fields: Fields,
    bind: Binder,
    among: Sequence[str] = (),
    *,
    is_exact: bool = False,
) -> str:
    """Rows of (dimension texts..., lo, hi, aggregates...), among the interactions for which some
    further conditions hold. With `is_exact` numbers are added as integers by exponent, which takes
    longer and holds every sum."""
    keys = [fields.group(field) for field in question.group_by]
    texts = [f"{text} AS d{n}" for n, (_, text) in enumerate(keys)]
    if question.aggregation is Aggregation.DISTINCT_COUNT:
        return _distinct_runs(question, span, fields, bind, among)
    named = Names()
    partials = _partials(question, fields, named, is_exact=is_exact)
    columns = [*texts, *_ends(span, bind), *partials]
    where = "\n  AND ".join([compile_where(question, span, fields, bind), "lo <= hi", *among])
    definitions = ", ".join(named.definitions)
    return (
        (f"WITH {definitions}\n" if definitions else "")
        + f"SELECT {', '.join(columns)}\nFROM {INTERACTIONS}\n"
        f"WHERE {where}\n"
        f"GROUP BY {', '.join([*(key for key, _ in keys), 'lo', 'hi'])}"
    )


def compile_row_counts(question: Question, span: Span, fields: Fields, bind: Binder) -> str:
    """A row for each group, of how many of its interactions count at one of the points."""
    keys = [key for key, _ in map(fields.group, question.group_by)]
    where = "\n  AND ".join([compile_where(question, span, fields, bind), "lo <= hi"])
    return (
        f"WITH {', '.join(_ends(span, bind))}\n"
        f"SELECT count() AS c\nFROM {INTERACTIONS}\nWHERE {where}"
        + (f"\nGROUP BY {', '.join(keys)}" if keys else "")
    )


def _distinct_runs(
    question: Question, span: Span, fields: Fields, bind: Binder, among: Sequence[str]
) -> str:
    assert question.field
    texts = [f"{fields.group(field)[1]} AS d{n}" for n, field in enumerate(question.group_by)]
    names = [f"d{n}" for n in range(len(texts))]
    columns = [*texts, f"{fields.text(question.field)} AS text", *_ends(span, bind)]
    where = "\n  AND ".join([compile_where(question, span, fields, bind), "lo <= hi", *among])
    rows = f"SELECT DISTINCT {', '.join(columns)}\nFROM {INTERACTIONS}\nWHERE {where}"
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


def _ends(span: Span, bind: Binder) -> list[str]:
    """The first and the last point at which a row's window is open."""
    points = span.points
    first = bind.integer(to_milliseconds(points.first))
    since = f"toUnixTimestamp64Milli(timestamp) - {first}"
    width = bind.integer(_milliseconds(span.window)) if span.window else None
    every = bind.integer(_milliseconds(points.step))
    end = bind.integer(points.count - 1)
    last = f"least(intDiv({since} + {width} - 1, {every}), {end})" if width else end
    return [f"intDiv(greatest({since}, 0) + {every} - 1, {every}) AS lo", f"{last} AS hi"]


def compile_where(question: Question, span: Span, fields: Fields, bind: Binder) -> str:
    """The conditions of the interactions that count at one of the points at least, or may."""
    points, window = span.points, span.window
    conditions = [
        *scope(question, bind),
        *([f"timestamp > {bind.instant(points.first - window)}"] if window else []),
        f"timestamp <= {bind.instant(points.last)}",
        *(condition(filter, fields, bind) for filter in question.filters),
    ]
    return "\n  AND ".join(conditions)


def _partials(question: Question, fields: Fields, named: Names, *, is_exact: bool) -> list[str]:
    """What is kept of the rows of one run."""
    if question.aggregation in (Aggregation.COUNT, Aggregation.RATE):
        return ["count() AS c"]
    assert question.field
    number = fields.number(question.field)
    if question.aggregation in (Aggregation.MIN, Aggregation.MAX):
        return [f"{question.aggregation.lower()}({number}) AS extreme"]
    if is_exact:
        return [f"{by_exponent(number)} AS integers", f"count({number}) AS c"]
    sums = zip(parts(named(number), named), SUMS, strict=True)
    return [*(f"sum({part}) AS {name}" for part, name in sums), f"count({number}) AS c"]


def aggregates(question: Question, *, is_exact: bool = False) -> list[str]:
    """The columns of a run: its ends, and what is kept of its rows."""
    if question.aggregation in (Aggregation.MIN, Aggregation.MAX):
        return ["lo", "hi", "extreme"]
    if question.aggregation.is_sum:
        return ["lo", "hi", *(["integers"] if is_exact else SUMS), "c"]
    return ["lo", "hi", "c"]


def _milliseconds(length: timedelta) -> int:
    return length // MILLISECOND

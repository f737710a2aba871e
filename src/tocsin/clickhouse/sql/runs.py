"""Compiles a metric's rows by the points at which they count: the subquery of series and backtests.

A row counts at the points whose windows contain its timestamp: a run of consecutive points, from
`lo` to `hi`. The engine aggregates rows by group and run; the process then adds each aggregate to
the points of its run (`metrics/series.py`). A distinct text counts once at a point, in however
many runs it occurs, so its runs are first cut to the points that earlier runs do not have.
"""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.clickhouse.sql.compiler import SUMS
from tocsin.clickhouse.sql.exact_sums import by_exponent, parts
from tocsin.clickhouse.sql.fields import Fields
from tocsin.clickhouse.sql.filters import condition
from tocsin.clickhouse.sql.points import PointWindows
from tocsin.clickhouse.sql.query import Aliases, Binder
from tocsin.clickhouse.sql.scan import scope_conditions
from tocsin.clickhouse.sql.selected_numbers import latest
from tocsin.clickhouse.sql.table import INTERACTIONS
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.question import Question


def compile_runs(
    question: Question,
    windows: PointWindows,
    fields: Fields,
    bind: Binder,
    conditions: Sequence[str] = (),
    *,
    is_exact: bool = False,
) -> str:
    """A subquery with rows of (dimension texts..., lo, hi, aggregates...), of the interactions that
    also meet `conditions`. With `is_exact`, it adds numbers as integers by exponent, which takes
    longer and can hold every sum."""
    keys = [fields.group(field) for field in question.group_by]
    texts = [f"{text} AS d{n}" for n, (_, text) in enumerate(keys)]
    if question.aggregation is Aggregation.DISTINCT_COUNT:
        return _distinct_runs(question, windows, fields, bind, conditions)
    aliases = Aliases()
    partials = _partials(question, fields, aliases, is_exact=is_exact)
    columns = [*texts, *windows.run_ends(bind), *partials]
    where = "\n  AND ".join(
        [compile_where(question, windows, fields, bind), "lo <= hi", *conditions]
    )
    definitions = ", ".join(aliases.definitions)
    return (
        (f"WITH {definitions}\n" if definitions else "")
        + f"SELECT {', '.join(columns)}\nFROM {INTERACTIONS}\n"
        f"WHERE {where}\n"
        f"GROUP BY {', '.join([*(key for key, _ in keys), 'lo', 'hi'])}"
    )


def compile_row_counts(
    question: Question, windows: PointWindows, fields: Fields, bind: Binder
) -> str:
    """A subquery with one row for each group: the number of its interactions that count at one of
    the points or more."""
    keys = [key for key, _ in map(fields.group, question.group_by)]
    where = "\n  AND ".join([compile_where(question, windows, fields, bind), "lo <= hi"])
    return (
        f"WITH {', '.join(windows.run_ends(bind))}\n"
        f"SELECT count() AS c\nFROM {INTERACTIONS}\nWHERE {where}"
        + (f"\nGROUP BY {', '.join(keys)}" if keys else "")
    )


def _distinct_runs(
    question: Question,
    windows: PointWindows,
    fields: Fields,
    bind: Binder,
    conditions: Sequence[str],
) -> str:
    assert question.field
    texts = [f"{fields.group(field)[1]} AS d{n}" for n, field in enumerate(question.group_by)]
    names = [f"d{n}" for n in range(len(texts))]
    columns = [*texts, f"{fields.text(question.field)} AS text", *windows.run_ends(bind)]
    where = "\n  AND ".join(
        [compile_where(question, windows, fields, bind), "lo <= hi", *conditions]
    )
    rows = f"SELECT DISTINCT {', '.join(columns)}\nFROM {INTERACTIONS}\nWHERE {where}"
    spans = f"SELECT {', '.join([*names, 'text'])}, arraySort(groupArray((lo, hi))) AS spans"
    spans += f"\nFROM (\n{rows}\n)\nGROUP BY {', '.join([*names, 'text'])}"
    # Spans are in order of lo and of hi, so each adds the points after the end of its predecessor.
    added = (
        "arrayJoin(arrayMap((span, reached) -> (greatest(span.1, reached + 1), span.2), "
        "spans, arrayPushFront(arrayPopBack(spans.2), toInt64(-1)))) AS span"
    )
    columns = [*names, "span.1 AS lo", "span.2 AS hi", "countIf(isNotNull(text)) AS c"]
    return (
        f"SELECT {', '.join(columns)}\nFROM (\nSELECT {', '.join([*names, 'text', added])}\n"
        f"FROM (\n{spans}\n)\n)\nWHERE lo <= hi\nGROUP BY {', '.join([*names, 'lo', 'hi'])}"
    )


def compile_where(question: Question, windows: PointWindows, fields: Fields, bind: Binder) -> str:
    """The conditions that every interaction meets that counts at one of the points or more."""
    conditions = [
        *scope_conditions(question.scope, bind),
        *span_conditions(windows, bind),
        *(condition(filter, fields, bind) for filter in question.filters),
    ]
    return "\n  AND ".join(conditions)


def span_conditions(windows: PointWindows, bind: Binder) -> list[str]:
    """The conditions of the time that the windows of all points hold together."""
    after = windows.after
    begin = [f"timestamp > {bind.instant(after)}"] if after else []
    return [*begin, f"timestamp <= {bind.instant(windows.upto)}"]


def _partials(question: Question, fields: Fields, aliases: Aliases, *, is_exact: bool) -> list[str]:
    """The columns with the aggregates of one run."""
    if question.aggregation in (Aggregation.COUNT, Aggregation.RATE):
        return ["count() AS c"]
    assert question.field
    number = fields.number(question.field)
    if question.aggregation in (Aggregation.MIN, Aggregation.MAX):
        return [f"{question.aggregation.lower()}({number}) AS extreme"]
    if question.aggregation is Aggregation.PERCENTILE:
        return [f"groupArray({number}) AS numbers", "length(numbers) AS c"]
    if question.aggregation is Aggregation.LATEST:
        x = aliases(number)
        return [f"{latest(x, x)} AS latest"]
    if is_exact:
        return [f"{by_exponent(number)} AS integers", f"count({number}) AS c"]
    sums = zip(parts(aliases(number), aliases), SUMS, strict=True)
    return [*(f"sum({part}) AS {name}" for part, name in sums), f"count({number}) AS c"]


def aggregates(question: Question, *, is_exact: bool = False) -> list[str]:
    """The names of the columns of a run: its ends and its aggregates."""
    if question.aggregation in (Aggregation.MIN, Aggregation.MAX):
        return ["lo", "hi", "extreme"]
    if question.aggregation is Aggregation.PERCENTILE:
        return ["lo", "hi", "c", "numbers"]
    if question.aggregation is Aggregation.LATEST:
        return ["lo", "hi", "latest"]
    if question.aggregation.is_sum:
        return ["lo", "hi", *(["integers"] if is_exact else SUMS), "c"]
    return ["lo", "hi", "c"]

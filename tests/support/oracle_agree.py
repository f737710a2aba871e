"""Does an answer say what the oracle says? Answers with the first difference in words, or None.

Everything is exact, to the last digit (docs/reference/semantics.md, "Exactness" and "Exact
decimals").
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from support.oracle_metrics import MAX_SERIES, Texts, all_lines, all_rows
from support.oracle_values import Interaction, Metric

Row = dict[str, Any]


def disagreement(
    metric: Metric,
    interactions: Iterable[Interaction],
    at: datetime,
    answer: Mapping[str, Any],
    limit: int = 10_000,
) -> str | None:
    """Calculates the metric and compares the whole answer, with `truncated` and `groupCount`."""
    expected = all_rows(metric, interactions, at)
    return _cut_difference(answer, len(expected), limit) or agree(
        expected, answer["results"], limit=limit
    )


def series_disagreement(
    metric: Metric,
    interactions: Iterable[Interaction],
    start: datetime,
    to: datetime,
    step: timedelta | None,
    answer: Mapping[str, Any],
    zone: str | None = None,
) -> str | None:
    """The same for a series; a point's `at` may be a datetime or its ISO 8601 text."""
    expected = all_lines(metric, interactions, start, to, step, zone)
    return _cut_difference(answer, len(expected), MAX_SERIES) or agree_series(
        expected, answer["series"]
    )


def agree(
    expected: Sequence[Row], actual: Sequence[Row], *, limit: int | None = None
) -> str | None:
    """The first difference between two lists of rows; with a `limit`, `expected` are all rows and
    `actual` the first `limit` of them."""
    correct = expected[:limit]
    if len(actual) != len(correct):
        return f"{len(actual)} rows instead of {len(correct)}{_strangers(correct, actual)}"
    for position, (row, other) in enumerate(zip(correct, actual, strict=True)):
        problem = _row_difference(row, other)
        if problem:
            return f"row {position} {other.get('dimensions')!r}: {problem}"
    return None


def agree_series(
    expected: Sequence[Row], actual: Sequence[Row], limit: int = MAX_SERIES
) -> str | None:
    """The first difference between two lists of series; `expected` are all, uncut."""
    problem = agree(_last(expected), _last(actual), limit=limit)
    if problem:
        return f"at the last point: {problem}"
    for correct, line in zip(expected, actual, strict=False):
        problem = _points_difference(correct["points"], line["points"])
        if problem:
            return f"series {line['dimensions']!r}: {problem}"
    return None


def _texts(row: Row) -> Texts:
    return tuple((row.get("dimensions") or {}).values())


def _strangers(correct: Sequence[Row], actual: Sequence[Row]) -> str:
    known, given = {_texts(row) for row in correct}, {_texts(row) for row in actual}
    missing = [texts for texts in known if texts not in given][:3]
    added = [texts for texts in given if texts not in known][:3]
    return f"; missing {missing!r}, not expected {added!r}"


def _row_difference(correct: Row, row: Row) -> str | None:
    pattern, given = correct["dimensions"], row.get("dimensions", "left out")
    if given != pattern or (pattern and list(given) != list(pattern)):
        return f"the dimensions are not {pattern!r}"
    if row.get("unit") != correct.get("unit"):
        return f"unit {row.get('unit')!r} instead of {correct.get('unit')!r}"
    for side in ("numerator", "denominator", "current", "base"):
        if (side in correct) is not (side in row):
            return f"{side} is {'missing' if side in correct else 'there'}"
        if side in correct and (problem := _value_difference(correct[side], row[side])):
            return f"{side} {problem}"
    return _value_difference(correct["value"], row["value"])


def _value_difference(expected: Any, actual: Any) -> str | None:
    mismatch = f"{actual!r} instead of {expected!r}"
    if expected is None or actual is None:
        return None if expected is actual else mismatch
    if isinstance(actual, bool) or not isinstance(actual, (int, float)):
        return mismatch + ", which is no number"
    return None if math.isfinite(actual) and actual == expected else mismatch


def _last(lines: Sequence[Row]) -> list[Row]:
    return [
        {"dimensions": line["dimensions"], "value": line["points"][-1]["value"]} for line in lines
    ]


def _points_difference(expected: Sequence[Row], actual: Sequence[Row]) -> str | None:
    if [_instant(point["at"]) for point in actual] != [point["at"] for point in expected]:
        return f"points at {[str(point['at']) for point in actual]!r}"
    for correct, point in zip(expected, actual, strict=True):
        problem = _value_difference(correct["value"], point["value"])
        if problem:
            return f"at {correct['at'].isoformat()}: {problem}"
    return None


def _instant(at: datetime | str) -> datetime:
    return datetime.fromisoformat(at) if isinstance(at, str) else at


def _cut_difference(answer: Mapping[str, Any], count: int, limit: int) -> str | None:
    given = {name: answer[name] for name in ("truncated", "groupCount") if name in answer}
    expected = {"truncated": True, "groupCount": count} if count > limit else {}
    return None if given == expected else f"{given!r} instead of {expected!r}"

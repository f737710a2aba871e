"""Does an answer say what the oracle says? Answers with the first difference in words, or None.

Everything is exact but `SUM` and `AVG`, which may differ by 1e-9 of the sum of the absolute values
(semantics.md, "Exactness"); so may the order of rows, but never against the values that they show.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from oracle_metrics import (
    MAX_SERIES,
    Texts,
    absolute_sums,
    lines_of,
    matching,
    matching_at_steps,
    order_key,
    rows_of,
)
from oracle_values import Interaction, Metric

Row = dict[str, Any]
_NOTHING = Fraction(0)
_SHARE = Fraction(1, 10**9)


def disagreement(
    metric: Metric,
    interactions: Iterable[Interaction],
    at: datetime,
    answer: Mapping[str, Any],
    limit: int = 10_000,
) -> str | None:
    """Calculates the metric and compares the whole answer, with `truncated` and `groupCount`."""
    groups = matching(metric, interactions, at)
    expected = rows_of(metric, groups)
    sums = absolute_sums(metric, groups)
    return _cut_difference(answer, len(expected), limit) or agree(
        expected, answer["results"], sums, limit=limit
    )


def series_disagreement(
    metric: Metric,
    interactions: Iterable[Interaction],
    start: datetime,
    to: datetime,
    step: timedelta,
    answer: Mapping[str, Any],
) -> str | None:
    """The same for a series; a point's `at` may be a datetime or its ISO 8601 text."""
    steps = matching_at_steps(metric, interactions, start, to, step)
    expected = lines_of(metric, steps)
    sums = [absolute_sums(metric, groups) for _, groups in steps]
    return _cut_difference(answer, len(expected), MAX_SERIES) or agree_series(
        expected, answer["series"], sums
    )


def agree(
    expected: Sequence[Row],
    actual: Sequence[Row],
    abs_sum: Mapping[Texts, Fraction] | None = None,
    *,
    limit: int | None = None,
) -> str | None:
    """The first difference between two lists of rows.

    `abs_sum` is what `absolute_sums` gives (None or no entry: exact). With a `limit`, `expected`
    are all rows and `actual` the first `limit` of them, so that rows may swap across the cut too.
    """
    slack = _slack(abs_sum)
    wanted = {_texts(row): row for row in expected}
    count = len(wanted) if limit is None else min(limit, len(wanted))
    if len(actual) != count:
        return f"{len(actual)} rows instead of {count}{_strangers(wanted, actual)}"
    for position, row in enumerate(actual):
        problem = _row_difference(wanted, row, slack, expected)
        if problem:
            return f"row {position} {row.get('dimensions')!r}: {problem}"
    return _order_difference(actual) or _left_out_difference(wanted, actual, slack)


def agree_series(
    expected: Sequence[Row],
    actual: Sequence[Row],
    abs_sums: Sequence[Mapping[Texts, Fraction]],
    limit: int = MAX_SERIES,
) -> str | None:
    """The first difference between two lists of series; `expected` are all, uncut."""
    problem = agree(_last(expected), _last(actual), abs_sums[-1], limit=limit)
    if problem:
        return f"at the last point: {problem}"
    wanted = {_texts(line): line["points"] for line in expected}
    slacks = [_slack(abs_sum) for abs_sum in abs_sums]
    for line in actual:
        problem = _points_difference(wanted[_texts(line)], line["points"], _texts(line), slacks)
        if problem:
            return f"series {line['dimensions']!r}: {problem}"
    return None


def _slack(abs_sum: Mapping[Texts, Fraction] | None) -> dict[Texts, Fraction]:
    """By how much the value of each group may be off."""
    return {texts: total * _SHARE for texts, total in (abs_sum or {}).items()}


def _texts(row: Row) -> Texts:
    return tuple((row.get("dimensions") or {}).values())


def _strangers(wanted: Mapping[Texts, Row], actual: Sequence[Row]) -> str:
    given = {_texts(row) for row in actual}
    missing = [texts for texts in wanted if texts not in given][:3]
    added = [texts for texts in given if texts not in wanted][:3]
    return f"; missing {missing!r}, not expected {added!r}"


def _row_difference(
    wanted: Mapping[Texts, Row],
    row: Row,
    slack: Mapping[Texts, Fraction],
    expected: Sequence[Row],
) -> str | None:
    pattern = expected[0]["dimensions"]
    given = row.get("dimensions", "left out")
    if (list(given) if isinstance(given, dict) else given) != (pattern and list(pattern)):
        return f"the dimensions are not those of {pattern!r}"
    texts = _texts(row)
    if texts not in wanted:
        return "there is no such group"
    if row.get("unit") != wanted[texts].get("unit"):
        return f"unit {row.get('unit')!r} instead of {wanted[texts].get('unit')!r}"
    return _value_difference(wanted[texts]["value"], row["value"], slack.get(texts, _NOTHING))


def _value_difference(expected: Any, actual: Any, slack: Fraction) -> str | None:
    said = f"{actual!r} instead of {expected!r}"
    if expected is None or actual is None:
        return None if expected is actual else said
    if isinstance(actual, bool) or not isinstance(actual, (int, float)):
        return said + ", which is no number"
    if not math.isfinite(actual):
        return said
    if abs(Fraction(actual) - Fraction(expected)) <= slack:
        return None
    return said + (f" (may be off by {float(slack)!r})" if slack else "")


def _order_difference(actual: Sequence[Row]) -> str | None:
    """Rows stand in the total order of the values that they show; no group stands there twice."""
    if len({_texts(row) for row in actual}) != len(actual):
        return "a group is there twice"
    keys = [order_key(row["value"], _texts(row)) for row in actual]
    for position in range(1, len(keys)):
        if keys[position - 1] > keys[position]:
            pair = [(row["value"], row["dimensions"]) for row in actual[position - 1 :][:2]]
            return f"rows {position - 1} and {position} are out of order: {pair!r}"
    return None


def _left_out_difference(
    wanted: Mapping[Texts, Row], actual: Sequence[Row], slack: Mapping[Texts, Fraction]
) -> str | None:
    """No group that the limit cut off belongs before the last one that it kept."""
    kept = {_texts(row) for row in actual}
    left_out = {texts: row for texts, row in wanted.items() if texts not in kept}
    for texts, row in left_out.items() if actual else ():
        for last in kept:
            if _surely_before(texts, row["value"], last, wanted[last]["value"], slack):
                return f"{texts!r} ({row['value']!r}) is cut off, but {last!r} is not"
    return None


def _surely_before(
    one: Texts, value: Any, other: Texts, than: Any, slack: Mapping[Texts, Fraction]
) -> bool:
    room = slack.get(one, _NOTHING) + slack.get(other, _NOTHING)
    if room and value is not None and than is not None:
        return Fraction(value) - Fraction(than) > room
    return order_key(value, one) < order_key(than, other)


def _last(lines: Sequence[Row]) -> list[Row]:
    return [
        {"dimensions": line["dimensions"], "value": line["points"][-1]["value"]} for line in lines
    ]


def _points_difference(
    expected: Sequence[Row],
    actual: Sequence[Row],
    texts: Texts,
    slacks: Sequence[Mapping[Texts, Fraction]],
) -> str | None:
    if [_instant(point["at"]) for point in actual] != [point["at"] for point in expected]:
        return f"points at {[str(point['at']) for point in actual]!r}"
    for wanted, point, slack in zip(expected, actual, slacks, strict=True):
        problem = _value_difference(wanted["value"], point["value"], slack.get(texts, _NOTHING))
        if problem:
            return f"at {wanted['at'].isoformat()}: {problem}"
    return None


def _instant(at: datetime | str) -> datetime:
    return datetime.fromisoformat(at) if isinstance(at, str) else at


def _cut_difference(answer: Mapping[str, Any], count: int, limit: int) -> str | None:
    given = {name: answer[name] for name in ("truncated", "groupCount") if name in answer}
    expected = {"truncated": True, "groupCount": count} if count > limit else {}
    return None if given == expected else f"{given!r} instead of {expected!r}"

"""The oracle's value of a metric, at one instant or over time.

The rules are docs/reference/semantics.md from "Which interactions count" to "Grouping and order",
and "Series" in docs/reference/api.md.

`oracle_values` reads the value of a field, `oracle_filters` decides whether a filter matches.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from support.oracle_filters import holds
from support.oracle_values import (
    Interaction,
    Metric,
    dimension_key,
    number_of,
    text_of,
    value_at,
)

Texts = tuple[str | None, ...]
"""A group: the text of each field grouped by, () for the one row of an ungrouped metric."""
Groups = dict[Texts, list[Interaction]]
Steps = list[tuple[datetime, Groups]]
Value = int | float | None

MAX_SERIES = 100
_UNITS = {
    "m": ("per minute", timedelta(minutes=1)),
    "h": ("per hour", timedelta(hours=1)),
    "d": ("per day", timedelta(days=1)),
}
_SCOPE = ("resourceType", "action", "origin")
_SCALE = 1 << 1074
"""Every finite double is a whole number of 1 / `_SCALE`."""


def calculate(
    metric: Metric, interactions: Iterable[Interaction], at: datetime, limit: int = 10_000
) -> dict[str, Any]:
    """`{"results": [{"value", "dimensions"[, "unit"]}]}` as of `at`, in the total order.

    When there are more than `limit` rows, also `"truncated": True` and `"groupCount"`.
    """
    rows = rows_of(metric, matching(metric, interactions, at))
    return {"results": rows[:limit], **_cut(len(rows), limit)}


def matching(metric: Metric, interactions: Iterable[Interaction], at: datetime) -> Groups:
    """The interactions that the metric counts as of `at`, by group."""
    return _groups(metric, _relevant(metric, _within(interactions, at, _window(metric))))


def rows_of(metric: Metric, groups: Groups) -> list[dict[str, Any]]:
    """All rows, in the total order."""
    values = _values(metric, groups)
    return [_row(metric, texts, values[texts]) for texts in in_order(values)]


def series(
    metric: Metric,
    interactions: Iterable[Interaction],
    start: datetime,
    to: datetime,
    step: timedelta,
    limit: int = MAX_SERIES,
) -> dict[str, Any]:
    """`{"series": [{"dimensions", "points": [{"at", "value"}]}]}`.

    The rules are "Series" in docs/reference/api.md.

    The groups stand in the order of their last points; `"truncated"` and `"groupCount"` are there
    when there are more than `limit` of them.
    """
    lines = lines_of(metric, matching_at_steps(metric, interactions, start, to, step))
    return {"series": lines[:limit], **_cut(len(lines), limit)}


def matching_at_steps(
    metric: Metric,
    interactions: Iterable[Interaction],
    start: datetime,
    to: datetime,
    step: timedelta,
) -> Steps:
    """The groups at each point; a metric without a window counts within each step."""
    relevant = _relevant(metric, interactions)
    window = _window(metric) or step
    points = instants(start, to, step)
    return [(at, _groups(metric, _within(relevant, at, window))) for at in points]


def lines_of(metric: Metric, steps: Steps) -> list[dict[str, Any]]:
    """The series of every group, in the order of their last points."""
    tables = [(at, _values(metric, groups)) for at, groups in steps]
    nothing = _aggregate(metric, [])
    every = {texts for _, values in tables for texts in values}
    last = {texts: tables[-1][1].get(texts, nothing) for texts in every}
    return [
        {
            "dimensions": _dimensions(metric, texts),
            "points": [{"at": at, "value": values.get(texts, nothing)} for at, values in tables],
        }
        for texts in in_order(last)
    ]


def instants(start: datetime, to: datetime, step: timedelta) -> list[datetime]:
    """`to`, `to - step` and so on while later than `start`, ascending; at least one."""
    if not (start < to and step > timedelta(0)):
        raise ValueError("a series goes forward, by a step")
    return [to - step * back for back in range(-((start - to) // step))][::-1]


def duration(window: str) -> timedelta:
    """The length of `{n}m`, `{n}h` or `{n}d`."""
    return int(window[:-1]) * _UNITS[window[-1]][1]


def in_order(values: dict[Texts, Value]) -> list[Texts]:
    """The groups by value, greatest first, null last; then by their texts ascending, null last."""
    return sorted(values, key=lambda texts: order_key(values[texts], texts))


def order_key(value: Value, texts: Texts) -> tuple[Any, ...]:
    """The sort key of rows; Python compares texts by code point."""
    by_value = (value is None, 0 if value is None else -value)
    return (*by_value, *((text is None, text or "") for text in texts))


def _relevant(metric: Metric, interactions: Iterable[Interaction]) -> list[Interaction]:
    """The interactions in the metric's scope for which all its filters hold."""
    scope = [(name, metric[name]) for name in _SCOPE if metric.get(name)]
    filters = metric.get("filters") or []
    return [
        interaction
        for interaction in interactions
        if all(interaction[name] == mnemonic for name, mnemonic in scope)
        and all(holds(filter_, interaction) for filter_ in filters)
    ]


def _within(
    interactions: Iterable[Interaction], at: datetime, window: timedelta | None
) -> list[Interaction]:
    """Those with `at - window < timestamp <= at`; no window means all time up to `at`."""
    return [
        interaction
        for interaction in interactions
        if interaction["timestamp"] <= at
        and (window is None or interaction["timestamp"] > at - window)
    ]


def _window(metric: Metric) -> timedelta | None:
    return duration(metric["timeWindow"]) if metric.get("timeWindow") else None


def _groups(metric: Metric, counted: list[Interaction]) -> Groups:
    fields = metric.get("groupBy") or []
    if not fields:
        return {(): counted}
    groups: Groups = {}
    for interaction in counted:
        texts = tuple(text_of(value_at(interaction, field)) for field in fields)
        groups.setdefault(texts, []).append(interaction)
    return groups


def _values(metric: Metric, groups: Groups) -> dict[Texts, Value]:
    return {texts: _aggregate(metric, group) for texts, group in groups.items()}


def _aggregate(metric: Metric, group: list[Interaction]) -> Value:
    """One value, by the table of "Aggregations"."""
    kind = metric["metricType"]
    if kind == "COUNT":
        return len(group)
    if kind == "RATE":
        return _rounded(len(group) / int(metric["timeWindow"][:-1]))
    if kind == "DISTINCT_COUNT":
        texts = {text_of(value_at(interaction, metric["field"])) for interaction in group}
        return len(texts - {None})
    return _of_numbers(kind, _numbers(metric, group))


def _numbers(metric: Metric, group: list[Interaction]) -> list[float]:
    numbers = (number_of(value_at(interaction, metric["field"])) for interaction in group)
    return [number for number in numbers if number is not None]


def _of_numbers(kind: str, numbers: list[float]) -> float | None:
    if kind == "SUM":
        return _rounded(_double(_exact_sum(numbers)))
    if not numbers:
        return None
    if kind == "AVG":
        return _rounded(_double(_exact_sum(numbers) / len(numbers)))
    return min(numbers) if kind == "MIN" else max(numbers)


def _exact_sum(numbers: Iterable[float]) -> Fraction:
    total = 0
    for number in numbers:
        top, bottom = number.as_integer_ratio()
        total += top * (_SCALE // bottom)
    return Fraction(total, _SCALE)


def _double(exact: Fraction) -> float | None:
    """The nearest double; None for what passes what a double can hold."""
    try:
        return float(exact)
    except OverflowError:
        return None


def _rounded(value: float | None) -> float | None:
    """To 15 significant digits ("Exact decimals"): of the exact value of the double, half to even.

    Integers and what is 1e15 or more in magnitude stay as they are.
    """
    if value is None or value.is_integer() or abs(value) >= 1e15:
        return value
    exact = Fraction(value)
    places = 15 - len(str(int(abs(exact)))) if abs(exact) >= 1 else 15
    while abs(exact) * 10**places < 10**14:
        places += 1
    return float(Fraction(round(exact * 10**places), 10**places))


def _row(metric: Metric, texts: Texts, value: Value) -> dict[str, Any]:
    row: dict[str, Any] = {"value": value, "dimensions": _dimensions(metric, texts)}
    if metric["metricType"] == "RATE":
        row["unit"] = _UNITS[metric["timeWindow"][-1]][0]
    return row


def _dimensions(metric: Metric, texts: Sequence[str | None]) -> dict[str, str | None] | None:
    fields = metric.get("groupBy") or []
    return dict(zip(map(dimension_key, fields), texts, strict=True)) if fields else None


def _cut(count: int, limit: int) -> dict[str, Any]:
    return {"truncated": True, "groupCount": count} if count > limit else {}

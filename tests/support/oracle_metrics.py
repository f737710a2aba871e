"""The oracle's value of a metric, at one instant or over time.

The rules are docs/reference/semantics.md from "Which interactions count" to "Grouping and order",
and "Series" in docs/reference/api.md.

`oracle_aggregates` decides which interactions count and has the value of a group of them.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from support.oracle_aggregates import (
    RATE_UNITS,
    Value,
    aggregate,
    change,
    relevant,
    shown_sides,
)
from support.oracle_aggregates import length_of as duration
from support.oracle_values import (
    Interaction,
    Metric,
    dimension_key,
    text_of,
    value_at,
)
from support.oracle_windows import is_in_step, is_in_window, midnights

Texts = tuple[str | None, ...]
"""A group: the text of each field grouped by, () for the one row of an ungrouped metric."""
Groups = dict[Texts, list[Interaction]]

MAX_SERIES = 100


def calculate(
    metric: Metric, interactions: Iterable[Interaction], at: datetime, limit: int = 10_000
) -> dict[str, Any]:
    """`{"results": [{"value", "dimensions"[, "unit"]}]}` as of `at`, in the total order.

    When there are more than `limit` rows, also `"truncated": True` and `"groupCount"`.
    """
    rows = all_rows(metric, interactions, at)
    return {"results": rows[:limit], **_cut(len(rows), limit)}


def all_rows(
    metric: Metric, interactions: Iterable[Interaction], at: datetime
) -> list[dict[str, Any]]:
    """All rows as of `at`, in the total order."""
    counted = relevant(metric, interactions)
    groups = _matching(metric, counted, at)
    if not metric.get("compare"):
        values = _values(metric, groups)
        sides = {texts: shown_sides(metric, groups[texts]) for texts in values}
    else:
        base = _matching(metric, counted, at - duration(metric["compare"]["offset"]))
        values = _compared(metric, groups, base)
        sides = {texts: _shown_periods(metric, groups, base, texts) for texts in values}
    return [_row(metric, texts, values[texts], sides[texts]) for texts in in_order(values)]


def _matching(metric: Metric, counted: Iterable[Interaction], at: datetime) -> Groups:
    """The interactions that the metric counts as of `at`, by group."""
    return _groups(metric, _within(metric, counted, at))


def series(
    metric: Metric,
    interactions: Iterable[Interaction],
    start: datetime,
    to: datetime,
    step: timedelta | None,
    limit: int = MAX_SERIES,
    zone: str | None = None,
) -> dict[str, Any]:
    """`{"series": [{"dimensions", "points": [{"at", "value"}]}]}`.

    The rules are "Series" in docs/reference/api.md.

    The groups stand in the order of their last points; `"truncated"` and `"groupCount"` are there
    when there are more than `limit` of them.
    """
    lines = all_lines(metric, interactions, start, to, step, zone)
    return {"series": lines[:limit], **_cut(len(lines), limit)}


def all_lines(
    metric: Metric,
    interactions: Iterable[Interaction],
    start: datetime,
    to: datetime,
    step: timedelta | None,
    zone: str | None = None,
) -> list[dict[str, Any]]:
    """The series of every group, in the order of their last points. A metric without a window
    counts within each step or, with a zone, within each of its days."""
    counted = relevant(metric, interactions)
    points = midnights(start, to, zone) if zone else instants(start, to, step or timedelta())

    def groups_at(at: datetime) -> Groups:
        if metric.get("timeWindow"):
            return _matching(metric, counted, at)
        within = [each for each in counted if is_in_step(at, each["timestamp"], step, zone)]
        return _groups(metric, within)

    if not metric.get("compare"):
        plain = [(at, _values(metric, groups_at(at))) for at in points]
        return _lines(metric, plain, aggregate(metric, []))
    offset = duration(metric["compare"]["offset"])
    pairs = [(at, _compared(metric, groups_at(at), groups_at(at - offset))) for at in points]
    return _lines(metric, pairs, change(metric, [], []))


def _lines(
    metric: Metric, tables: Sequence[tuple[datetime, dict[Texts, Value]]], nothing: Value
) -> list[dict[str, Any]]:
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


def in_order(values: dict[Texts, Value]) -> list[Texts]:
    """The groups by value, greatest first, null last; then by their texts ascending, null last."""
    return sorted(values, key=lambda texts: order_key(values[texts], texts))


def order_key(value: Value, texts: Texts) -> tuple[Any, ...]:
    """The sort key of rows; Python compares texts by code point."""
    by_value = (value is None, 0 if value is None else -value)
    return (*by_value, *((text is None, text or "") for text in texts))


def _within(metric: Metric, interactions: Iterable[Interaction], at: datetime) -> list[Interaction]:
    """Those in the metric's window as of `at`."""
    return [each for each in interactions if is_in_window(metric, each["timestamp"], at)]


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
    return {texts: aggregate(metric, group) for texts, group in groups.items()}


def _compared(metric: Metric, current: Groups, base: Groups) -> dict[Texts, Value]:
    """The value of each group that either period has."""
    return {
        texts: change(metric, current.get(texts, []), base.get(texts, []))
        for texts in {**current, **base}
    }


def _shown_periods(metric: Metric, current: Groups, base: Groups, texts: Texts) -> dict[str, Value]:
    """`current` and `base` of a comparison's row."""
    periods = {"current": current, "base": base}
    return {name: aggregate(metric, of.get(texts, [])) for name, of in periods.items()}


def _row(metric: Metric, texts: Texts, value: Value, sides: dict[str, Value]) -> dict[str, Any]:
    row = {"value": value, "dimensions": _dimensions(metric, texts), **sides}
    unit = _unit(metric)
    return {**row, "unit": unit} if unit else row


def _unit(metric: Metric) -> str | None:
    form = (metric.get("compare") or {}).get("as")
    if form == "percent":
        return "%"
    if metric.get("unit") or form == "factor":
        return metric.get("unit")
    if metric["metricType"] == "RATE":
        return RATE_UNITS[metric.get("rateUnit") or metric["timeWindow"][-1]][0]
    return "%" if metric["metricType"] == "RATIO" and metric.get("scale") == 100 else None


def _dimensions(metric: Metric, texts: Sequence[str | None]) -> dict[str, str | None] | None:
    fields = metric.get("groupBy") or []
    return dict(zip(map(dimension_key, fields), texts, strict=True)) if fields else None


def _cut(count: int, limit: int) -> dict[str, Any]:
    return {"truncated": True, "groupCount": count} if count > limit else {}

"""The oracle's value of a metric, at one instant or over time.

The rules are docs/reference/semantics.md from "Which interactions count" to "Grouping and order",
and "Series" in docs/reference/api.md.

`oracle_aggregates` decides which interactions count and has the value of a group of them.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from support.oracle_aggregates import RATE_UNITS, Value, aggregate, relevant, shown_sides
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
Steps = list[tuple[datetime, Groups]]

MAX_SERIES = 100


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
    return _groups(metric, relevant(metric, _within(metric, interactions, at)))


def rows_of(metric: Metric, groups: Groups) -> list[dict[str, Any]]:
    """All rows, in the total order."""
    values = _values(metric, groups)
    return [_row(metric, texts, values[texts], groups[texts]) for texts in in_order(values)]


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
    lines = lines_of(metric, matching_at_steps(metric, interactions, start, to, step, zone))
    return {"series": lines[:limit], **_cut(len(lines), limit)}


def matching_at_steps(
    metric: Metric,
    interactions: Iterable[Interaction],
    start: datetime,
    to: datetime,
    step: timedelta | None,
    zone: str | None = None,
) -> Steps:
    """The groups at each point; a metric without a window counts within each step or, with a
    zone, within each of its days."""
    counted = relevant(metric, interactions)
    points = midnights(start, to, zone) if zone else instants(start, to, step or timedelta())

    def within(at: datetime) -> list[Interaction]:
        if metric.get("timeWindow"):
            return _within(metric, counted, at)
        return [each for each in counted if is_in_step(at, each["timestamp"], step, zone)]

    return [(at, _groups(metric, within(at))) for at in points]


def lines_of(metric: Metric, steps: Steps) -> list[dict[str, Any]]:
    """The series of every group, in the order of their last points."""
    tables = [(at, _values(metric, groups)) for at, groups in steps]
    nothing = aggregate(metric, [])
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


def _row(
    metric: Metric, texts: Texts, value: Value, group: Sequence[Interaction]
) -> dict[str, Any]:
    row: dict[str, Any] = {"value": value, "dimensions": _dimensions(metric, texts)}
    if metric["metricType"] == "RATIO":
        row |= shown_sides(metric, group)
    if unit := _unit(metric):
        row["unit"] = unit
    return row


def _unit(metric: Metric) -> str | None:
    if metric.get("unit"):
        return str(metric["unit"])
    if metric["metricType"] == "RATE":
        return RATE_UNITS[metric.get("rateUnit") or metric["timeWindow"][-1]][0]
    return "%" if metric["metricType"] == "RATIO" and metric.get("scale") == 100 else None


def _dimensions(metric: Metric, texts: Sequence[str | None]) -> dict[str, str | None] | None:
    fields = metric.get("groupBy") or []
    return dict(zip(map(dimension_key, fields), texts, strict=True)) if fields else None


def _cut(count: int, limit: int) -> dict[str, Any]:
    return {"truncated": True, "groupCount": count} if count > limit else {}

"""The metrics that consist of others, and those others: what `benchmarks.kinds` compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

Metric = dict[str, Any]

LOGINS: Metric = {"resourceType": "user", "action": "login"}
PURCHASES: Metric = {"resourceType": "order", "action": "purchase"}
FAILED: Metric = {"field": "interaction.outcome", "operator": "eq", "value": "failed"}
LARGE: Metric = {"field": "interaction.total", "operator": "gt", "value": 200}
TIMEOUT: Metric = {"field": "interaction.message", "operator": "contains", "value": "timeout"}
OF_TEAMS: Metric = {"field": "interaction.user.plan", "operator": "in", "value": ["pro", "team"]}
BY_COUNTRY: Metric = {"groupBy": ["interaction.country"]}
BY_USER: Metric = {"groupBy": ["interaction.user.id"]}
COUNT: Metric = {"metricType": "COUNT"}
TOTALS: Metric = {"metricType": "SUM", "field": "interaction.total"}
USERS: Metric = {"metricType": "DISTINCT_COUNT", "field": "interaction.user.id"}


@dataclass(frozen=True, slots=True)
class Case:
    """A metric, and the metrics to whose processor time its own is compared; each may be as of
    earlier than the metric."""

    name: str
    metric: Metric
    others: Sequence[Metric]
    earlier: timedelta = field(default=timedelta())


def _ratio(name: str, numerator: Metric, denominator: Metric, **common: Any) -> Case:
    metric = {"metricType": "RATIO", "numerator": numerator, "denominator": denominator, **common}
    sides = [
        {**common, **side, "filters": [*common.get("filters", ()), *side.get("filters", ())]}
        for side in (numerator, denominator)
    ]
    return Case(name, metric, sides)


RATIOS = (
    _ratio("failed logins of logins", {**COUNT, "filters": [FAILED]}, COUNT, **LOGINS),
    _ratio(
        "the same in 24 hours", {**COUNT, "filters": [FAILED]}, COUNT, **LOGINS, timeWindow="24h"
    ),
    _ratio(
        "the same by country (20)", {**COUNT, "filters": [FAILED]}, COUNT, **LOGINS, **BY_COUNTRY
    ),
    _ratio(
        "the same by user (100,000)", {**COUNT, "filters": [FAILED]}, COUNT, **LOGINS, **BY_USER
    ),
    _ratio("a sum per interaction, by country", TOTALS, COUNT, **PURCHASES, **BY_COUNTRY),
    _ratio("the sums of two fields", TOTALS, {**TOTALS, "field": "interaction.items"}),
    _ratio("counts of two actions", {**COUNT, **LOGINS}, {**COUNT, **PURCHASES}),
    _ratio("a sum of one action per user of all", {**TOTALS, **PURCHASES}, USERS),
    _ratio("a sum of one action per user of another", {**TOTALS, **PURCHASES}, {**USERS, **LOGINS}),
)


def _compared(name: str, metric: Metric, offset: str, both: str) -> Case:
    """`both` is a window that holds the two periods."""
    windowed = {**metric, "timeWindow": "24h"}
    compare = {"offset": offset, "as": "difference"}
    return Case(name, {**windowed, "compare": compare}, [{**metric, "timeWindow": both}])


_COMPARED: tuple[tuple[str, Metric], ...] = (
    ("count of an action", {**COUNT, **LOGINS}),
    ("count by country", {**COUNT, **BY_COUNTRY}),
    ("sum by country", {**TOTALS, **BY_COUNTRY}),
    ("distinct users by country", {**USERS, **BY_COUNTRY}),
    (
        "95th percentile",
        {"metricType": "PERCENTILE", "percentile": 95, "field": "interaction.total"},
    ),
)
COMPARISONS = tuple(
    _compared(f"{name}, {against}", metric, offset, both)
    for name, metric in _COMPARED
    for against, offset, both in (
        ("against a day earlier", "24h", "48h"),
        ("against an hour earlier", "1h", "25h"),
    )
)


_PERIODS = ("today", "yesterday", "thisWeek", "lastWeek", "lastMonth")
_WINDOWED: tuple[tuple[str, Metric], ...] = (
    ("count of an action", {**COUNT, **LOGINS}),
    ("sum by country", {**TOTALS, **BY_COUNTRY}),
)


def calendar(at: datetime) -> list[Case]:
    """Calendar windows and the sliding ones of the same periods, as of `at`, a whole minute."""
    midnight = at.replace(hour=0, minute=0)
    monday = midnight - timedelta(days=midnight.weekday())
    first = midnight.replace(day=1)
    before = (first - timedelta(days=1)).replace(day=1)
    periods = {
        "today": (midnight, at),
        "yesterday": (midnight - timedelta(days=1), midnight),
        "thisWeek": (monday, at),
        "lastWeek": (monday - timedelta(days=7), monday),
        "lastMonth": (before, first),
    }
    cases = []
    for name, metric in _WINDOWED:
        for period in _PERIODS:
            start, end = periods[period]
            minutes = (end - start) // timedelta(minutes=1)
            named = {**metric, "timeWindow": period, "timezone": "UTC"}
            sliding = {**metric, "timeWindow": f"{max(minutes, 1)}m"}
            cases.append(Case(f"{name}, {period}", named, [sliding], at - end))
    return cases


_LEAVES = (FAILED, LARGE, TIMEOUT, OF_TEAMS)
_TREES: tuple[tuple[str, Metric], ...] = (
    ("all of four", {"all": list(_LEAVES)}),
    ("any of four", {"any": list(_LEAVES)}),
    ("not any of four", {"not": {"any": list(_LEAVES)}}),
    ("two pairs", {"any": [{"all": [FAILED, LARGE]}, {"all": [TIMEOUT, {"not": OF_TEAMS}]}]}),
    (
        "five levels",
        {
            "any": [
                FAILED,
                {"all": [LARGE, {"not": {"any": [TIMEOUT, {"all": [OF_TEAMS, FAILED]}]}}]},
            ]
        },
    ),
)
TREES = tuple(
    Case(f"{name}, {scope}", {**metric, "filters": [tree]}, [
        {**metric, "filters": [leaf]} for leaf in _LEAVES
    ])
    for scope, metric in (
        ("all interactions", COUNT),
        ("a sum of an action", {**TOTALS, **PURCHASES}),
    )
    for name, tree in _TREES
)  # fmt: skip

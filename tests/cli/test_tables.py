"""Tables of metrics and answers have exact values and no control characters."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console, RenderableType

from tocsin.cli.tables import answer_table, metric_table

METRIC: dict[str, Any] = {
    "name": "Failed logins",
    "metricType": "COUNT",
    "resourceType": "ACCOUNT",
    "action": "LOGIN_FAILED",
    "origin": None,
    "field": None,
    "filters": [
        {"field": "interaction.country", "operator": "eq", "value": "ZA"},
        {"field": "userId", "operator": "exists", "value": None},
    ],
    "timeWindow": "5m",
    "groupBy": ["interaction.country"],
    "enabled": True,
}


def shown(table: RenderableType) -> str:
    output = io.StringIO()
    Console(file=output, width=300).print(table)
    return output.getvalue()


def answer(*rows: tuple[Any, Any], **more: Any) -> dict[str, Any]:
    results = [{"value": value, "dimensions": dimensions} for value, dimensions in rows]
    common = {"metricName": "M", "metricType": "SUM", "calculatedAt": "2026-03-20T14:30:00.000Z"}
    return {**common, "results": results, **more}


def test_a_metric_is_listed_with_readable_filters() -> None:
    text = shown(metric_table([METRIC]))
    assert "ACCOUNT LOGIN_FAILED" in text
    assert "interaction.country = ZA and userId exists" in text


def test_a_metric_is_listed_with_its_filter_tree_in_parentheses() -> None:
    country, user = METRIC["filters"]
    tree = {"any": [country, {"not": {**user, "operator": "matches", "value": "^a"}}]}
    text = shown(metric_table([METRIC | {"filters": [tree, user]}]))
    assert "(interaction.country = ZA or not (userId matches ^a)) and userId exists" in text


def test_missing_members_of_a_metric_are_listed_by_their_meaning() -> None:
    bare = METRIC | dict.fromkeys(["resourceType", "action", "timeWindow"])
    text = shown(metric_table([bare | {"filters": [], "groupBy": [], "enabled": False}]))
    assert " all " in text
    assert "all time" in text
    assert " no " in text


def test_a_calendar_window_is_listed_with_its_time_zone() -> None:
    calendar = METRIC | {"timeWindow": "today", "timezone": "Europe/Berlin"}
    assert " today (Europe/Berlin) " in shown(metric_table([calendar]))


def test_values_are_shown_exactly() -> None:
    rows = [(9007199254740993, None), (0.1, None), (1234.5678, None), (1e22, None), (None, None)]
    text = shown(answer_table(answer(*rows)))
    for value in ("9,007,199,254,740,993", "0.1", "1,234.5678", "1e+22", "–"):
        assert f" {value} " in text


def test_a_grouped_answer_has_a_column_for_each_dimension() -> None:
    rows = [
        (25, {"interaction_country": "ZA", "origin": "WEB"}),
        (4, {"interaction_country": None, "origin": ""}),
    ]
    text = shown(answer_table(answer(*rows, truncated=True, groupCount=5)))
    assert "interaction_country" in text
    assert "origin" in text
    assert "(missing)" in text
    assert "2 of 5 groups" in text
    assert "no groups" in shown(answer_table(answer()))


def test_the_column_of_a_rate_has_its_unit() -> None:
    assert "per minute" in shown(answer_table(answer((3, None), unit="per minute")))


def test_control_characters_do_not_reach_the_terminal() -> None:
    text = shown(answer_table(answer((1, {"c": "\x1b[2Jred[bold]"}))))
    assert "\x1b" not in text
    assert "red[bold]" in text


def test_a_percentile_is_listed_with_its_rank() -> None:
    metric = {**METRIC, "metricType": "PERCENTILE", "percentile": 99.9, "field": "interaction.ms"}
    assert "PERCENTILE 99.9" in shown(metric_table([metric]))


def test_a_comparison_is_listed_with_its_offset_and_shown_with_both_periods() -> None:
    metric = {**METRIC, "timeWindow": "24h", "compare": {"offset": "7d", "as": "percent"}}
    assert "24h vs 7d ago (percent)" in shown(metric_table([metric]))
    row = {"value": 20, "dimensions": {"country": "ZA"}, "current": 1_200, "base": 1_000}
    text = shown(answer_table({**answer(), "results": [row], "unit": "%"}))
    for word in ("current", "base", "1,200", "1,000", "%"):
        assert word in text


def test_a_ratio_is_listed_and_shown_with_its_sides() -> None:
    side = {**dict.fromkeys(["resourceType", "origin", "field"]), "metricType": "COUNT"}
    failed = [{"field": "interaction.ok", "operator": "eq", "value": False}]
    metric = {
        **METRIC,
        "metricType": "RATIO",
        "numerator": {**side, "action": "login", "filters": failed},
        "denominator": {**side, "metricType": "SUM", "field": "n", "action": None, "filters": []},
    }
    text = shown(metric_table([metric]))
    assert "COUNT login where interaction.ok = false / SUM(n)" in text
    sides = {"numerator": 7, "denominator": 9_000}
    row = {"value": 0.5, "dimensions": {"country": "ZA"}, **sides}
    text = shown(answer_table({**answer(), "results": [row], "unit": "%"}))
    assert "7 of 9,000" in text
    assert "%" in text

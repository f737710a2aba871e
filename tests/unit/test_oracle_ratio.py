"""Checks the oracle's RATIO against examples worked by hand from docs/reference/semantics.md."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support import oracle

AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def recorded(payload: str = "{}", ago: timedelta = MINUTE, **own: Any) -> dict[str, Any]:
    scope = {"resourceId": "r1", "resourceType": "user", "action": "login", "origin": "web"}
    return {**scope, "timestamp": AT - ago, "payload": payload, **own}


def answer(metric: dict[str, Any], *interactions: dict[str, Any]) -> Any:
    return [row["value"] for row in oracle.calculate(metric, interactions, AT)["results"]]


def ratio(numerator: dict[str, Any], denominator: dict[str, Any], **metric: Any) -> dict[str, Any]:
    return {
        "metricType": "RATIO",
        "numerator": {"metricType": "COUNT", **numerator},
        "denominator": {"metricType": "COUNT", **denominator},
        **metric,
    }


FAILED = {"filters": [{"field": "interaction.ok", "operator": "eq", "value": False}]}


def test_a_ratio_has_its_sides_in_the_row_and_the_unit_of_its_scale() -> None:
    data = [recorded('{"ok":false}')] * 7 + [recorded('{"ok":true}')] * 2
    row = {"dimensions": None, "numerator": 7, "denominator": 9}
    plain = oracle.calculate(ratio(FAILED, {}), data, AT)["results"]
    assert plain == [{"value": 0.777777777777778, **row}]
    percent = oracle.calculate(ratio(FAILED, {}, scale=100), data, AT)["results"]
    assert percent == [{"value": 77.7777777777778, "unit": "%", **row}]


def test_a_ratio_has_the_groups_of_either_side() -> None:
    data = [
        recorded('{"ok":false,"g":"a"}', action="login"),
        recorded('{"ok":true,"g":"b"}', action="login"),
        recorded('{"ok":false,"g":"c"}', action="reset"),
        recorded('{"ok":false}', action="login"),
        recorded('{"ok":true,"g":"d"}', action="reset"),
    ]
    metric = ratio(FAILED, {"action": "login"}, groupBy=["interaction.g"])
    rows = oracle.calculate(metric, data, AT)["results"]
    shown = [
        (row["dimensions"]["interaction_g"], row["value"], row["numerator"], row["denominator"])
        for row in rows
    ]
    assert shown == [("a", 1, 1, 1), (None, 1, 1, 1), ("b", 0, 0, 1), ("c", None, 1, 0)]


@pytest.mark.parametrize(
    ("denominator", "least", "expected"),
    [
        ("0", None, None),
        ('"x"', None, None),
        ("4", None, 0.5),
        ("-4", None, -0.5),
        ("4", 4, 0.5),
        ("4", 5, None),
        ("-4", 1, None),
    ],
)
def test_a_ratio_over_nothing_or_too_little_is_null(
    denominator: str, least: int | None, expected: float | None
) -> None:
    data = [recorded(f'{{"n":2,"d":{denominator}}}')]
    sides = [{"metricType": "MAX", "field": f"interaction.{side}"} for side in "nd"]
    metric = ratio(*sides, minimumDenominator=least)
    assert answer(metric, *data) == [expected]


def test_a_ratio_is_computed_from_sides_that_are_not_rounded() -> None:
    data = [recorded('{"n":0.1,"g":1}'), recorded('{"n":0.2,"g":1}')]
    sides = [{"metricType": "SUM", "field": f"interaction.{side}"} for side in "ng"]
    row = oracle.calculate(ratio(*sides, minimumDenominator=2), data, AT)["results"][0]
    assert (row["value"], row["numerator"], row["denominator"]) == (0.15, 0.3, 2)
    swapped = ratio(sides[1], sides[0], minimumDenominator=0.3)
    assert answer(swapped, *data) == [6.66666666666667]
    assert answer(ratio({"metricType": "AVG", "field": "interaction.x"}, {}), *data) == [None]
    assert answer(ratio({}, {})) == [None]


def test_a_ratio_at_a_point_of_a_series_without_its_group_is_null() -> None:
    data = [recorded('{"g":"a"}', ago=MINUTE * 9), recorded('{"g":"b"}')]
    metric = ratio({}, {}, groupBy=["interaction.g"], timeWindow="5m")
    lines = oracle.series(metric, data, AT - 10 * MINUTE, AT, 5 * MINUTE)["series"]
    values = [[point["value"] for point in line["points"]] for line in lines]
    assert values == [[None, 1], [1, None]]

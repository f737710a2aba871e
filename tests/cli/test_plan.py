"""A plan lists the differences between a file and a server, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.cli.definition_files import InvalidDefinitions
from tocsin.cli.plan import PlanStep, make_plan

ANSWER: dict[str, Any] = {
    "metricId": "m1",
    "name": "Failed logins",
    "description": None,
    "metricTypeId": "t1",
    "metricType": "COUNT",
    "resourceTypeId": "r1",
    "resourceType": "ACCOUNT",
    "actionId": None,
    "action": None,
    "originId": None,
    "origin": None,
    "field": None,
    "filters": [{"field": "interaction.ok", "operator": "eq", "value": True}],
    "timeWindow": "5m",
    "groupBy": ["interaction.country"],
    "enabled": True,
    "createdDate": "2026-01-01T00:00:00.000Z",
    "modifiedDate": "2026-01-01T00:00:00.000Z",
}
DEFINITION: dict[str, Any] = {
    "name": "Failed logins",
    "metricType": "COUNT",
    "resourceType": "ACCOUNT",
    "filters": [{"field": "interaction.ok", "operator": "eq", "value": True}],
    "timeWindow": "5m",
    "groupBy": ["interaction.country"],
}


def plan(definition: dict[str, Any], *answers: dict[str, Any]) -> PlanStep:
    (step,) = make_plan([definition], answers, "metrics.yaml")
    return step


def test_a_name_that_the_server_does_not_have_is_created() -> None:
    assert plan(DEFINITION).verb == "create"
    assert plan(DEFINITION, {**ANSWER, "name": "failed logins"}).verb == "create"


def test_an_equal_metric_is_unchanged() -> None:
    assert plan(DEFINITION, ANSWER) == PlanStep("unchanged", DEFINITION, "m1")


@pytest.mark.parametrize(
    "same",
    [
        {"resourceType": "account", "metricType": "count"},
        {"rateUnit": None, "unit": None},
        {"enabled": True, "description": None, "field": None, "origin": None},
        {"metricTypeId": "t1", "resourceTypeId": "R1"},
    ],
)
def test_another_spelling_is_no_change(same: dict[str, Any]) -> None:
    assert plan(DEFINITION | same, ANSWER).verb == "unchanged"


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        ({"timeWindow": "1h"}, 'timeWindow: "5m" -> "1h"'),
        ({"timeWindow": None}, 'timeWindow: "5m" -> null'),
        ({"timezone": "Europe/Berlin"}, 'timezone: null -> "Europe/Berlin"'),
        ({"groupBy": []}, 'groupBy: ["interaction.country"] -> []'),
        ({"enabled": False}, "enabled: true -> false"),
        ({"expose": True}, "expose: false -> true"),
        ({"resourceType": None}, 'resourceType: "ACCOUNT" -> null'),
        ({"resourceTypeId": "r2"}, 'resourceTypeId: "r1" -> "r2"'),
        ({"action": "LOGIN"}, 'action: null -> "LOGIN"'),
    ],
)
def test_a_member_that_differs_is_shown_with_both_values(
    other: dict[str, Any], difference: str
) -> None:
    step = plan(DEFINITION | other, ANSWER)
    assert (step.verb, step.id, step.differences) == ("change", "m1", (difference,))


def test_a_missing_member_is_compared_as_its_default() -> None:
    without = {name: value for name, value in DEFINITION.items() if name != "filters"}
    (difference,) = plan(without, ANSWER).differences
    assert difference.startswith("filters: [{")
    assert difference.endswith("-> []")


@pytest.mark.parametrize(
    ("desired", "current", "verb"),
    [
        (3, 3.0, "unchanged"),
        (1, True, "change"),
        ("3", 3, "change"),
        ([1, "a"], [1, "a"], "unchanged"),
        ([1], [True], "change"),
    ],
)
def test_filter_values_are_compared_as_json(desired: object, current: object, verb: str) -> None:
    def filters(value: object) -> dict[str, Any]:
        return {"filters": [{"field": "userId", "operator": "eq", "value": value}]}

    assert plan(DEFINITION | filters(desired), ANSWER | filters(current)).verb == verb


def test_filter_trees_are_compared_by_their_nodes_and_leaves() -> None:
    leaf = {"field": "userId", "operator": "exists"}
    known = [{"any": [{**leaf, "value": None}, {"not": leaf}]}]
    same, others = [{"any": [leaf, {"not": leaf}]}], [{"all": [leaf, {"not": leaf}]}]
    assert plan(DEFINITION | {"filters": same}, ANSWER | {"filters": known}).verb == "unchanged"
    assert plan(DEFINITION | {"filters": others}, ANSWER | {"filters": known}).verb == "change"


def test_a_filter_without_a_value_equals_one_with_null() -> None:
    desired = {"filters": [{"field": "userId", "operator": "exists"}]}
    current = {"filters": [{"field": "userId", "operator": "exists", "value": None}]}
    assert plan(DEFINITION | desired, ANSWER | current).verb == "unchanged"


def test_a_name_that_the_server_has_twice_is_rejected() -> None:
    with pytest.raises(InvalidDefinitions, match="2 metrics on the server"):
        plan(DEFINITION, ANSWER, {**ANSWER, "metricId": "m2"})


def test_an_unknown_member_is_always_a_change() -> None:
    assert plan(DEFINITION | {"window": "5m"}, ANSWER).verb == "change"


SIDE: dict[str, Any] = {
    "metricType": "COUNT",
    **dict.fromkeys(["resourceTypeId", "resourceType", "originId", "origin", "field"]),
    "actionId": "a1",
    "action": "LOGIN",
    "filters": [],
}
RATIO_ANSWER: dict[str, Any] = {
    **ANSWER,
    "metricType": "RATIO",
    "numerator": {**SIDE, "filters": DEFINITION["filters"]},
    "denominator": SIDE,
    "scale": 100,
    "minimumDenominator": None,
}
RATIO: dict[str, Any] = {
    **DEFINITION,
    "metricType": "RATIO",
    "numerator": {"metricType": "count", "action": "login", "filters": DEFINITION["filters"]},
    "denominator": {"metricType": "COUNT", "actionId": "a1"},
    "scale": 100,
}


def test_a_comparison_is_planned_as_a_whole() -> None:
    week = {"offset": "7d", "as": "percent"}
    known = ANSWER | {"compare": week}
    desired = DEFINITION | {"compare": {**week, "minimumBase": None}}
    assert plan(desired, known).verb == "unchanged"
    assert plan(DEFINITION, known).verb == "change"
    step = plan(DEFINITION | {"compare": {**week, "as": "factor"}}, known)
    assert step.differences == (
        'compare: {"offset": "7d", "as": "percent"} -> {"offset": "7d", "as": "factor"}',
    )


def test_an_equal_ratio_is_unchanged() -> None:
    assert plan(RATIO, RATIO_ANSWER).verb == "unchanged"


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (
            {"denominator": {"metricType": "COUNT", "action": "RESET"}},
            'denominator.action: "LOGIN" -> "RESET"',
        ),
        (
            {"denominator": {"metricType": "COUNT", "action": "LOGIN", "nope": 1}},
            "denominator.nope: is not a member of a side",
        ),
        ({"scale": None}, "scale: 100 -> 1"),
        ({"minimumDenominator": 50}, "minimumDenominator: null -> 50"),
    ],
)
def test_a_difference_of_a_side_is_listed_by_its_path(
    change: dict[str, Any], difference: str
) -> None:
    step = plan({**RATIO, **change}, RATIO_ANSWER)
    assert (step.verb, step.differences) == ("change", (difference,))


def test_a_ratio_that_becomes_a_count_loses_its_sides() -> None:
    differences = plan(DEFINITION, RATIO_ANSWER).differences
    assert differences[0] == 'metricType: "RATIO" -> "COUNT"'
    assert any(each.startswith("numerator: {") and each.endswith("-> null") for each in differences)

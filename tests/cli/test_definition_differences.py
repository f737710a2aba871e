"""The differences of two definitions are those of their meaning, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.cli.definition_differences import differences, written
from tocsin.cli.definition_sections import SECTIONS

SIDE: dict[str, Any] = {"metricType": "COUNT", "actionId": "a1", "action": "LOGIN", "filters": []}
METRIC: dict[str, Any] = {
    "metricId": "m1",
    "name": "Failed logins",
    "description": None,
    "metricTypeId": "t1",
    "metricType": "RATIO",
    "resourceTypeId": "r1",
    "resourceType": "ACCOUNT",
    "filters": [{"field": "interaction.ok", "operator": "eq", "value": True}],
    "timeWindow": "5m",
    "numerator": SIDE,
    "scale": 100,
    "key": None,
    "modifiedDate": "2026-01-01T00:00:00.000Z",
}


def of_metric(**members: Any) -> list[str]:
    return differences(SECTIONS["metrics"], METRIC, {**METRIC, **members}, {})


def test_equal_definitions_have_no_differences() -> None:
    assert of_metric() == []
    assert of_metric(scale=100.0, modifiedDate="later", metricId="m2", odd=None) == []


@pytest.mark.parametrize(
    ("members", "difference"),
    [
        ({"timeWindow": "1h"}, 'timeWindow: "5m" -> "1h"'),
        ({"timeWindow": None}, 'timeWindow: "5m" -> null'),
        ({"key": "logins"}, 'key: null -> "logins"'),
        ({"resourceTypeId": "r2", "resourceType": "X"}, 'resourceType: "ACCOUNT" -> "X"'),
        ({"numerator": {**SIDE, "action": "RESET"}}, 'numerator.action: "LOGIN" -> "RESET"'),
        ({"compare": {"offset": "7d"}}, 'compare: null -> {"offset": "7d"}'),
        ({"scale": True}, "scale: 100 -> true"),
    ],
)
def test_a_member_that_differs_is_shown_with_both_values(
    members: dict[str, Any], difference: str
) -> None:
    assert of_metric(**members) == [difference]


@pytest.mark.parametrize(
    ("value", "other", "differs"),
    [
        (3, 3.0, False),
        (1, True, True),
        ("3", 3, True),
        ([1, "a"], [1, "a"], False),
        ([1], [2], True),
    ],
)
def test_filter_values_are_compared_as_json(value: object, other: object, differs: bool) -> None:
    def with_value(value: object) -> dict[str, Any]:
        return {"filters": [{"field": "userId", "operator": "eq", "value": value}]}

    lines = differences(SECTIONS["metrics"], with_value(value), with_value(other), {})
    assert bool(lines) is differs


def test_references_are_shown_by_keys_and_names() -> None:
    alert = {
        "alertId": "a",
        "metricId": "m1",
        "onlyWhen": [{"metricId": "m2", "operator": "gt", "threshold": 1}],
        "channelIds": ["c1", "c2"],
        "alertActionId": "x",
        "alertAction": "fired",
        "health": "OK",
    }
    labels = {"m1": "logins", "m2": "All logins", "c1": "on-call", "c2": "chat"}
    assert written(SECTIONS["alerts"], alert, labels) == {
        "metric": "logins",
        "onlyWhen": [{"metric": "All logins", "operator": "gt", "threshold": 1}],
        "channels": ["on-call", "chat"],
        "alertAction": "fired",
    }
    lines = differences(SECTIONS["alerts"], alert, {**alert, "channelIds": ["c1"]}, labels)
    assert lines == ['channels: ["on-call", "chat"] -> ["on-call"]']
    without = written(SECTIONS["alerts"], {"metricId": "m3", "channelIds": ["c1", "c3"]}, labels)
    assert without == {"metricId": "m3", "channelIds": ["c1", "c3"]}

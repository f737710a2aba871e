"""The grouping of subscriptions over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

PATH = "/api/subscriptions"
GROUPED = {
    "groupBy": ["labels.team", "interaction_country"],
    "groupWait": "2m",
    "repeatEvery": "4h",
    "immediately": ["critical"],
}
UNGROUPED = {"groupBy": "none", "groupWait": None, "repeatEvery": None, "immediately": None}


@pytest.fixture(scope="module")
def topic(api: TestClient) -> dict[str, str]:
    settings = {"url": "http://127.0.0.1:9/hook"}
    body = {"name": "grouped", "kind": "webhook", "settings": settings}
    channel = api.post("/api/channels", json=body).json()["channelId"]
    return {"resourceType": "ALERT", "action": "fired", "channelId": channel}


def grouping(answer: Any) -> dict[str, Any]:
    assert answer.status_code in (200, 201), answer.text
    return {name: answer.json()[name] for name in GROUPED}


def problems(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {error["field"]: error["message"] for error in answer.json()["errors"]}


def test_a_subscription_without_grouping_sends_each_transition_alone(
    api: TestClient, topic: dict[str, str]
) -> None:
    assert grouping(api.post(PATH, json=topic)) == UNGROUPED
    assert grouping(api.post(PATH, json={**topic, "groupBy": "none"})) == UNGROUPED
    assert grouping(api.post(PATH, json={**topic, **dict.fromkeys(GROUPED)})) == UNGROUPED


def test_a_grouping_is_shown_with_its_defaults(api: TestClient, topic: dict[str, str]) -> None:
    assert grouping(api.post(PATH, json={**topic, **GROUPED})) == GROUPED
    shown = grouping(api.post(PATH, json={**topic, "groupBy": "alert"}))
    assert shown == {
        "groupBy": "alert",
        "groupWait": "30s",
        "repeatEvery": None,
        "immediately": [],
    }
    assert grouping(api.post(PATH, json={**topic, "groupBy": []}))["groupBy"] == []


def test_a_grouping_is_patched(api: TestClient, topic: dict[str, str]) -> None:
    created = api.post(PATH, json={**topic, **GROUPED}).json()
    address = f"{PATH}/{created['subscriptionId']}"
    assert grouping(api.patch(address, json={"groupWait": "1m"})) == {**GROUPED, "groupWait": "1m"}
    without = api.patch(address, json={"repeatEvery": None, "immediately": None})
    assert grouping(without)["repeatEvery"] is None
    assert "groupWait" in problems(api.patch(address, json={"groupBy": None}))
    assert grouping(api.patch(address, json=dict.fromkeys(GROUPED))) == UNGROUPED
    assert grouping(api.patch(address, json={"groupBy": "alert"}))["groupWait"] == "30s"


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"groupBy": "team"}, "groupBy", "none, alert, or a list"),
        ({"groupBy": 5}, "groupBy", "none, alert, or a list"),
        ({"groupBy": {"a": 1}}, "groupBy", "none, alert, or a list"),
        ({"groupBy": ["a"] * 11}, "groupBy", "at most 10"),
        ({"groupBy": [""]}, "groupBy[0]", "at least 1"),
        ({"groupBy": [None]}, "groupBy[0]", "must be a string"),
        ({"groupBy": ["labels."]}, "groupBy[0]", "must name a label"),
        ({"groupBy": ["interaction.country"]}, "groupBy[0]", "interaction_country"),
        ({"groupBy": ["labels.a.b", "resourceId", "a b"]}, "groupBy[2]", "is not a dimension key"),
        ({"groupBy": ["a", "alert"]}, "groupBy[1]", "groupBy is a string"),
        ({"groupBy": ["a", "b", "a"]}, "groupBy[2]", "in the list already"),
        ({"groupBy": ["a\0"]}, "groupBy[0]", "U+0000"),
        ({"groupWait": "1m"}, "groupWait", "requires groupBy"),
        ({"groupBy": "none", "repeatEvery": "1h"}, "repeatEvery", "requires groupBy"),
        ({"immediately": ["critical"]}, "immediately", "requires groupBy"),
        ({"groupBy": "alert", "groupWait": "16m"}, "groupWait", "from 1s to 15m"),
        ({"groupBy": "alert", "groupWait": "0s"}, "groupWait", "from 1s to 15m"),
        ({"groupBy": "alert", "groupWait": "soon"}, "groupWait", "whole number"),
        ({"groupBy": "alert", "repeatEvery": "30m"}, "repeatEvery", "from 1h to 30d"),
        ({"groupBy": "alert", "repeatEvery": "31d"}, "repeatEvery", "from 1h to 30d"),
        ({"groupBy": "alert", "immediately": ["fatal"]}, "immediately[0]", "critical"),
        ({"groupBy": "alert", "immediately": ["info", "info"]}, "immediately[1]", "already"),
        (
            {"groupBy": "alert", "immediately": ["info", "warning", "critical"]},
            "immediately",
            "must leave out a severity",
        ),
        ({"groupBy": "alert", "origin": "NOTIFY"}, "groupBy", "METRIC_EVAL"),
    ],
)
def test_a_grouping_that_cannot_be_is_422_and_names_the_member(
    api: TestClient, topic: dict[str, str], body: dict[str, Any], field: str, message: str
) -> None:
    refused = problems(api.post(PATH, json={**topic, **body}))
    assert list(refused) == [field]
    assert message in refused[field]


def test_transitions_of_alerts_may_be_named_by_their_origin(
    api: TestClient, topic: dict[str, str]
) -> None:
    body = {**topic, "groupBy": "alert", "origin": "metric_eval"}
    assert grouping(api.post(PATH, json=body))["groupBy"] == "alert"


def test_a_channel_of_pagerduty_has_no_bundles(api: TestClient, topic: dict[str, str]) -> None:
    settings = {"routingKey": "0123456789abcdef0123456789abcdef"}
    body = {"name": "pages", "kind": "pagerduty", "settings": settings}
    channel = api.post("/api/channels", json=body).json()["channelId"]
    refused = problems(api.post(PATH, json={**topic, "channelId": channel, "groupBy": "alert"}))
    assert list(refused) == ["groupBy"]
    assert api.post(PATH, json={**topic, "channelId": channel}).status_code == 201


def test_a_channel_of_bundles_does_not_become_one_of_pagerduty(
    api: TestClient, topic: dict[str, str]
) -> None:
    pages = {
        "name": "pages",
        "kind": "pagerduty",
        "settings": {"routingKey": "0123456789abcdef0123456789abcdef"},
    }
    hook = {"name": "hook", "kind": "webhook", "settings": {"url": "https://example.com/"}}
    channel = api.post("/api/channels", json=hook).json()["channelId"]
    grouped = {**topic, "channelId": channel, "groupBy": "alert"}
    subscription = api.post(PATH, json=grouped).json()["subscriptionId"]
    assert list(problems(api.put(f"/api/channels/{channel}", json=pages))) == ["kind"]
    assert api.delete(f"{PATH}/{subscription}").status_code == 204
    assert api.put(f"/api/channels/{channel}", json=pages).status_code == 200

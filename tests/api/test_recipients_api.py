"""Filters of subscriptions and channels of alerts over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from tocsin.runtime import Runtime

ALERTS, METRICS = "/api/interaction-alerts", "/api/interaction-metrics"
CHANNELS, SUBSCRIPTIONS, DELIVERIES = "/api/channels", "/api/subscriptions", "/api/deliveries"
NOBODY = "7f1f4b1c-6f0c-4e29-8f7a-0c4d7e1a9b11"
CRITICAL = {"field": "interaction.severity", "operator": "eq", "value": "critical"}
TREE = {"any": [CRITICAL, {"not": {"field": "interaction.a\\.b", "operator": "exists"}}]}
MATCHES = {"field": "interaction.alertTitle", "operator": "matches", "value": "(?i)login"}


@pytest.fixture(autouse=True)
def _clean(runtime: Runtime) -> Iterator[None]:
    yield
    for subscription in runtime.subscriptions.all():
        runtime.subscriptions.delete(subscription.subscription_id, runtime.now())
    for alert in runtime.alerts.all():
        metric = runtime.metrics.get(alert.metric_id)
        runtime.alerts.delete(alert.alert_id, metric, runtime.now())
    for channel in runtime.channels.all():
        runtime.channels.delete(channel.channel_id, runtime.now())


def post(api: TestClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = api.post(path, json=body)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


def channel(api: TestClient, name: str = "on-call") -> str:
    hook = {"name": name, "kind": "webhook", "settings": {"url": "http://127.0.0.1:9/hook"}}
    return str(post(api, CHANNELS, hook)["channelId"])


def subscription(api: TestClient, *filters: Any, **body: Any) -> dict[str, Any]:
    topic = {"resourceType": "ALERT", "action": "fired", "channelId": channel(api)}
    return {**topic, "filters": list(filters), **body}


def alert(api: TestClient, *channels: Any, **body: Any) -> dict[str, Any]:
    metric = {"name": f"m {uuid4()}", "metricType": "COUNT", "action": "nothing"}
    api.post("/api/actions", json={"mnemonic": "nothing", "title": "nothing"})
    return {
        **{"title": "Failed logins", "metricId": post(api, METRICS, metric)["metricId"]},
        **{"operator": "gte", "threshold": 0, "alertAction": "fired", "interval": "24h"},
        "channelIds": list(channels),
        **body,
    }


def fields(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {error["field"]: error["message"] for error in answer.json()["errors"]}


def test_a_subscription_keeps_its_filters(api: TestClient) -> None:
    created = post(api, SUBSCRIPTIONS, subscription(api, TREE, MATCHES))
    address = f"{SUBSCRIPTIONS}/{created['subscriptionId']}"
    assert created["filters"] == api.get(address).json()["filters"] == [TREE, MATCHES]
    assert api.patch(address, json={"enabled": False}).json()["filters"] == [TREE, MATCHES]
    assert api.patch(address, json={"filters": [CRITICAL]}).json()["filters"] == [CRITICAL]
    assert api.patch(address, json={"filters": None}).json()["filters"] == []
    assert post(api, SUBSCRIPTIONS, subscription(api))["filters"] == []


@pytest.mark.parametrize(
    ("filters", "field", "message"),
    [
        ([{**CRITICAL, "operator": "is"}], "filters[0].operator", "must be"),
        ([{**CRITICAL, "field": "severity"}], "filters[0].field", "is not a field"),
        ([{**MATCHES, "value": "("}], "filters[0].value", "not a regular expression of RE2"),
        ([TREE, {"any": []}], "filters[1].any", "1 to 50"),
        ([{"not": {"any": [{**CRITICAL, "value": []}]}}], "filters[0].not.any[0].value", "single"),
        ([CRITICAL] * 51, "filters", "at most 50"),
        ({"a": 1}, "filters", "must be an array"),
    ],
)
def test_a_wrong_filter_is_a_422_that_names_the_member(
    api: TestClient, filters: Any, field: str, message: str
) -> None:
    wrong = {**subscription(api), "filters": filters, "action": "no-such-action"}
    problems = fields(api.post(SUBSCRIPTIONS, json=wrong))
    assert message in problems[field]
    assert "action" in problems


def test_an_alert_keeps_its_channels_in_their_order(api: TestClient) -> None:
    first, second = channel(api), channel(api)
    created = post(api, ALERTS, alert(api, second, first, enabled=False))
    address = f"{ALERTS}/{created['alertId']}"
    assert created["channelIds"] == api.get(address).json()["channelIds"] == [second, first]
    assert api.patch(address, json={"title": "b"}).json()["channelIds"] == [second, first]
    assert api.patch(address, json={"channelIds": None}).json()["channelIds"] == []


@pytest.mark.parametrize(
    ("channels", "field", "message"),
    [
        ([None, NOBODY], "channelIds[1]", "is the id of no channel"),
        ([None, None], "channelIds[1]", "is given twice"),
        (["on-call"], "channelIds[0]", "must be a UUID"),
        ([NOBODY] * 21, "channelIds", "at most 20"),
        ("on-call", "channelIds", "must be an array"),
    ],
)
def test_a_wrong_channel_is_a_422_that_names_the_member(
    api: TestClient, channels: Any, field: str, message: str
) -> None:
    known = channel(api)
    given = [each or known for each in channels] if isinstance(channels, list) else channels
    wrong = {**alert(api), "channelIds": given, "operator": None}
    problems = fields(api.post(ALERTS, json=wrong))
    assert message in problems[field]
    assert "operator" in problems


def test_a_channel_of_an_alert_gets_its_transitions_and_cannot_be_deleted(
    api: TestClient,
) -> None:
    own, other = channel(api), channel(api)
    created = post(api, ALERTS, alert(api, own, recoveryAction="recovered"))
    (delivery,) = api.get(DELIVERIES, params={"channelId": own}).json()["deliveries"]
    assert delivery["subscriptionId"] is None
    assert delivery["interaction"]["resourceId"] == created["alertId"]
    refused = api.delete(f"{CHANNELS}/{own}")
    assert refused.status_code == 409
    assert "Failed logins" in refused.json()["detail"]
    assert api.delete(f"{CHANNELS}/{other}").status_code == 204
    assert api.delete(f"{ALERTS}/{created['alertId']}").status_code == 204
    # Its recovery, too.
    assert len(api.get(DELIVERIES, params={"channelId": own}).json()["deliveries"]) == 2
    assert api.delete(f"{CHANNELS}/{own}").status_code == 204


def test_another_channel_does_not_resolve_what_fires(api: TestClient) -> None:
    created = post(api, ALERTS, alert(api))
    address = f"{ALERTS}/{created['alertId']}"
    assert api.patch(address, json={"channelIds": [channel(api)]}).status_code == 200
    (state,) = api.get(f"{address}/states").json()
    assert state["status"] == "FIRING"


def test_a_backtest_has_the_messages_of_each_recipient(api: TestClient) -> None:
    own, subscribed = channel(api, "own"), channel(api, "subscribed")
    api.post("/api/actions", json={"mnemonic": "LOST", "title": "Lost"})
    rows = [
        {
            **{"resourceType": "PARCEL", "resourceId": "1", "action": "LOST", "origin": "WEB"},
            **{"timestamp": f"2026-03-20T14:{minute:02}:00Z", "interaction": {"depot": depot}},
        }
        for minute, depot in ((0, "A"), (0, "B"), (10, "A"))
    ]
    assert api.post("/api/interactions/batch", json=rows).status_code == 201
    metric = {"name": "Lost", "metricType": "COUNT", "action": "LOST", "timeWindow": "5m"}
    grouped = {**metric, "groupBy": ["interaction.depot"]}
    of_depot = {"field": "interaction.dimensions.interaction_depot", "operator": "eq", "value": "A"}
    body = {"resourceType": "ALERT", "action": "fired", "channelId": subscribed}
    filtered = post(api, SUBSCRIPTIONS, {**body, "filters": [of_depot]})["subscriptionId"]
    post(api, SUBSCRIPTIONS, {**body, "filters": [CRITICAL]})
    definition = {
        **alert(api, own, recoveryAction="recovered"),
        **{"metricId": post(api, METRICS, grouped)["metricId"], "threshold": 1},
    }
    span = {"from": "2026-03-20T13:00:00Z", "to": "2026-03-20T15:00:00Z", "step": "1m"}
    answer = api.post(f"{ALERTS}/backtest", json={"alert": definition, **span})
    assert answer.status_code == 200, answer.text
    assert answer.json()["fired"] == 3
    of_subscription, of_alert = sorted(answer.json()["messages"], key=lambda each: each["sent"])
    none = {"bundles": 0, "reminders": 0, "silenced": 0}
    assert of_subscription == {
        **{"subscriptionId": filtered, "channelId": subscribed, "channelName": "subscribed"},
        **{"sent": 2, **none},
    }
    assert of_alert == {
        **{"subscriptionId": None, "channelId": own, "channelName": "own", "sent": 6, **none},
    }

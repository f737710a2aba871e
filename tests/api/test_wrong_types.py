"""A member of any body that holds a value of the wrong type is a 422 that names the member."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

ALERTS, METRICS = "/api/interaction-alerts", "/api/interaction-metrics"
WRONG: list[Any] = [{}, [], [1], {"a": 1}, [[]], [{}], [None], True, 7, -1.5, "x", "", 10**400]
NUMBERS = ("threshold", "recoveryThreshold")
SPAN = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-01T01:00:00Z", "step": "1m"}
METRIC = {
    "name": "of any type",
    "description": "text",
    "metricType": "SUM",
    "field": "interaction.n",
    "filters": [{"field": "interaction.c", "operator": "eq", "value": 1}],
    "timeWindow": "5m",
    "groupBy": ["interaction.c"],
    "enabled": True,
}
CHANNEL = {"name": "of any type", "kind": "webhook", "settings": {"url": "https://example.com/"}}
ENTRY = {"mnemonic": "OF_ANY_TYPE", "title": "text", "description": "text", "icon": "x"}
SILENCE = {
    "labels": {"team": "a"},
    "dimensions": {"c": "ZA"},
    "from": "2026-03-01T00:00:00Z",
    "to": "2026-03-01T01:00:00Z",
    "author": "somebody",
    "reason": "maintenance",
}
INTERACTION = {
    "resourceType": "T",
    "resourceId": "1",
    "action": "A",
    "origin": "O",
    "interaction": {"n": 1},
    "timestamp": "2026-03-01T00:00:00Z",
    "externalReference": "r",
    "userId": "u",
}


@pytest.fixture(scope="module")
def alert(api: TestClient) -> dict[str, Any]:
    metric = api.post(METRICS, json={**METRIC, "name": "watched"}).json()
    return {
        "title": "of any type",
        "labels": {"team": "a"},
        "metricId": metric["metricId"],
        "operator": "gt",
        "threshold": 5,
        "recoveryThreshold": 4,
        "alertAction": "fired",
        "recoveryAction": "recovered",
        "severity": "info",
        "interval": "1m",
        "for": "0s",
        "noData": "ok",
        "enabled": False,
    }


@pytest.fixture(scope="module")
def subscription(api: TestClient) -> dict[str, Any]:
    channel = api.post("/api/channels", json={**CHANNEL, "name": "subscribed"}).json()
    return {
        "channelId": channel["channelId"],
        "resourceType": "ALERT",
        "action": "fired",
        "template": {"title": "t", "body": "b"},
        "enabled": False,
    }


def _spoilt(value: Any) -> Iterator[tuple[str, Any]]:
    """The value with one place in it replaced by something wrong, and that place's spelling."""
    yield from (("", wrong) for wrong in WRONG)
    if isinstance(value, dict):
        for key, inner in value.items():
            for place, spoilt in _spoilt(inner):
                yield f".{key}{place}", {**value, key: spoilt}
    elif isinstance(value, list):
        for place, spoilt in _spoilt(value[0]):
            yield f"[0]{place}", [spoilt]


def _is_never_a_500(api: TestClient, method: str, path: str, body: dict[str, Any]) -> None:
    for place, spoilt in _spoilt(body):
        content = _json(spoilt)
        answer = api.request(method, path, content=content)
        assert answer.status_code < 500, (path, place, content[:300], answer.text)
        assert answer.status_code != 422 or answer.json()["errors"], (place, answer.text)


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (METRICS, METRIC),
        (f"{METRICS}/preview", METRIC),
        ("/api/channels", CHANNEL),
        ("/api/actions", ENTRY),
        ("/api/silences", SILENCE),
        ("/api/keys", {"name": "k", "role": "read"}),
        ("/api/interactions", INTERACTION),
    ],
)
def test_a_wrong_type_is_never_a_500(api: TestClient, path: str, body: dict[str, Any]) -> None:
    _is_never_a_500(api, "POST", path, body)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (METRICS, METRIC),
        ("/api/channels", CHANNEL),
        ("/api/origins", ENTRY),
        ("/api/silences", SILENCE),
    ],
)
def test_a_wrong_type_in_a_patch_is_never_a_500(
    api: TestClient, path: str, body: dict[str, Any]
) -> None:
    created = api.post(path, json=body).json()
    id = next(value for name, value in created.items() if name.endswith("Id") and value)
    _is_never_a_500(api, "PATCH", f"{path}/{id}", body)


def test_a_wrong_type_in_a_series_is_never_a_500(api: TestClient, alert: dict[str, Any]) -> None:
    _is_never_a_500(api, "POST", f"{METRICS}/{alert['metricId']}/series", SPAN)


def test_a_wrong_type_in_a_subscription_is_never_a_500(
    api: TestClient, subscription: dict[str, Any]
) -> None:
    _is_never_a_500(api, "POST", "/api/subscriptions", subscription)


def test_a_wrong_type_in_an_alert_or_a_backtest_is_never_a_500(
    api: TestClient, alert: dict[str, Any]
) -> None:
    created = api.post(ALERTS, json=alert).json()
    _is_never_a_500(api, "PUT", f"{ALERTS}/{created['alertId']}", alert)
    _is_never_a_500(api, "PATCH", f"{ALERTS}/{created['alertId']}", alert)
    _is_never_a_500(api, "POST", ALERTS, alert)
    _is_never_a_500(api, "POST", f"{ALERTS}/backtest", {"alert": alert, **SPAN})


@pytest.mark.parametrize("member", NUMBERS)
@pytest.mark.parametrize("wrong", [{}, [], [1], {"a": 1}, True, "5", 10**400])
def test_a_threshold_that_is_no_number_is_refused_by_name(
    api: TestClient, alert: dict[str, Any], member: str, wrong: Any
) -> None:
    spoilt = {**alert, member: wrong}
    for path, body, name in [
        (ALERTS, spoilt, member),
        (f"{ALERTS}/backtest", {"alert": spoilt, **SPAN}, f"alert.{member}"),
    ]:
        answer = api.post(path, content=_json(body))
        assert answer.status_code == 422, answer.text
        fields = {error["field"]: error["message"] for error in answer.json()["errors"]}
        assert re.search("finite number", fields[name]), fields

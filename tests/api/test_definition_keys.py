"""The key and the set of each kind of definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from support.serving import ADMIN_KEY

METRICS, ALERTS = "/api/interaction-metrics", "/api/interaction-alerts"
CHANNELS, SUBSCRIPTIONS, SILENCES = "/api/channels", "/api/subscriptions", "/api/silences"
Body = Callable[[TestClient], dict[str, Any]]


def _metric(_api: TestClient) -> dict[str, Any]:
    return {"name": "m", "metricType": "COUNT"}


def _alert(api: TestClient) -> dict[str, Any]:
    id = api.post(METRICS, json=_metric(api)).json()["metricId"]
    condition = {"metricId": id, "operator": "gt", "threshold": 1}
    return {"title": "a", "alertAction": "fired", "enabled": False, **condition}


def _channel(_api: TestClient) -> dict[str, Any]:
    return {"name": "c", "kind": "email", "settings": {"to": ["a@example.com"]}}


def _subscription(api: TestClient) -> dict[str, Any]:
    id = api.post(CHANNELS, json=_channel(api)).json()["channelId"]
    return {"resourceType": "ALERT", "action": "fired", "channelId": id}


def _silence(_api: TestClient) -> dict[str, Any]:
    return {"matchAll": True, "from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}


EACH_KIND = pytest.mark.parametrize(
    ("path", "body"),
    [
        (METRICS, _metric),
        (ALERTS, _alert),
        (CHANNELS, _channel),
        (SUBSCRIPTIONS, _subscription),
        (SILENCES, _silence),
    ],
    ids=["metric", "alert", "channel", "subscription", "silence"],
)


def created(api: TestClient, path: str, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    answer = api.post(path, json=body)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"], answer.json()


def keys_of(answer: Any) -> tuple[str | None, str | None]:
    definition = answer.json()
    return definition["key"], definition["managedBy"]


@EACH_KIND
def test_a_replacement_without_key_and_set_keeps_both_and_null_removes_one(
    api: TestClient, path: str, body: Body
) -> None:
    definition = body(api)
    assert keys_of(api.post(path, json=definition)) == (None, None)
    address, stored = created(api, path, {**definition, "key": "kept", "managedBy": "shop"})
    assert (stored["key"], stored["managedBy"]) == ("kept", "shop")
    assert keys_of(api.put(address, json=definition)) == ("kept", "shop")
    assert keys_of(api.patch(address, json={"key": "other"})) == ("other", "shop")
    assert keys_of(api.patch(address, json={"managedBy": None})) == ("other", None)
    assert keys_of(api.put(address, json={**definition, "key": None})) == (None, None)
    assert keys_of(api.get(address)) == (None, None)


@EACH_KIND
def test_a_key_is_unique_for_its_kind(api: TestClient, path: str, body: Body) -> None:
    definition = body(api)
    created(api, path, {**definition, "key": "unique"})
    address, _ = created(api, path, definition)
    kind = {ALERTS: "alert", METRICS: "metric"}.get(path, path.removeprefix("/api/")[:-1])
    for answer in (
        api.post(path, json={**definition, "key": "unique"}),
        api.put(address, json={**definition, "key": "unique"}),
        api.patch(address, json={"key": "unique"}),
    ):
        assert answer.status_code == 409, answer.text
        assert answer.json()["detail"] == f"Another {kind} has the key unique"


@EACH_KIND
@pytest.mark.parametrize("key", ["", "Upper", "a_b", "a b", "ä", "a" * 65, "a\n", 7])
def test_another_text_is_no_key(api: TestClient, path: str, body: Body, key: Any) -> None:
    answer = api.post(path, json={**body(api), "key": key})
    assert answer.status_code == 422
    assert [problem["field"] for problem in answer.json()["errors"]] == ["key"]


@EACH_KIND
def test_pages_show_the_key_and_the_set(
    api: TestClient, site: Callable[[str | None], TestClient], path: str, body: Body
) -> None:
    address, _ = created(api, path, {**body(api), "key": "shown", "managedBy": "shop"})
    page = path.replace("interaction-", "").replace("/api/", "/web/")
    if path in (METRICS, ALERTS):
        page += "/" + address.rpartition("/")[2]
    text = site(ADMIN_KEY).get(page).text
    assert "key shown, managed by the file set shop" in text
    api.delete(address)

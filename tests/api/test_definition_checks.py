"""POST /api/definitions/check: definitions of a file, validated together."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from fastapi.testclient import TestClient

CHECK, METRICS, CHANNELS = "/api/definitions/check", "/api/interaction-metrics", "/api/channels"
TYPE, METRIC, CHANNEL, ALERT = (str(uuid4()) for _ in range(4))
NEW: dict[str, list[dict[str, Any]]] = {
    "resourceTypes": [{"id": TYPE, "definition": {"mnemonic": "PLANNED", "title": "Planned"}}],
    "channels": [
        {
            "id": CHANNEL,
            "definition": {"name": "c", "kind": "slack", "settings": {"webhookUrl": "http://a.b"}},
        }
    ],
    "metrics": [
        {
            "id": METRIC,
            "definition": {"name": "m", "metricType": "COUNT", "resourceType": "planned"},
        }
    ],
    "alerts": [
        {
            "id": ALERT,
            "definition": {
                **{"title": "a", "metricId": METRIC, "operator": "gt", "threshold": 1},
                **{"alertAction": "fired", "resourceType": "PLANNED", "channelIds": [CHANNEL]},
            },
        }
    ],
    "subscriptions": [
        {
            "id": str(uuid4()),
            "definition": {"channelId": CHANNEL, "resourceType": "PLANNED", "action": "fired"},
        }
    ],
    "silences": [
        {"id": str(uuid4()), "definition": {"alertId": ALERT, "to": "2100-01-01T00:00:00Z"}}
    ],
}


def check(api: TestClient, **sections: Any) -> dict[str, Any]:
    answer = api.post(CHECK, json=sections)
    assert answer.status_code == 200, answer.text
    results: dict[str, Any] = answer.json()
    return results


def test_new_definitions_may_refer_to_each_other_and_nothing_is_created(api: TestClient) -> None:
    results = check(api, **NEW)
    assert set(results) == {*NEW, "actions", "origins"}
    for section, checked in results.items():
        assert [each["problems"] for each in checked] == [[]] * len(NEW.get(section, []))
    (metric,) = results["metrics"]
    assert metric["definition"]["resourceType"] == "PLANNED"
    assert results["channels"][0]["definition"]["settings"] == {"webhookUrl": "***"}
    assert api.get(f"{METRICS}/{METRIC}").status_code == 404
    assert api.get(f"/api/resource-types/{TYPE}").status_code == 404


def test_the_problems_of_all_definitions_are_reported_together(api: TestClient) -> None:
    results = check(
        api,
        metrics=[{"id": METRIC, "definition": {"name": "m", "metricType": "SUM", "odd": 1}}],
        alerts=NEW["alerts"],
        silences=[{"id": ALERT, "definition": {"alertId": METRIC, "to": "2100-01-01T00:00:00Z"}}],
        channels=[{"id": CHANNEL, "definition": {"name": "c", "kind": "pigeon"}}],
        actions=[{"id": ALERT, "definition": {"mnemonic": "a b", "title": ""}}],
    )
    fields = {
        section: [problem["field"] for each in checked for problem in each["problems"]]
        for section, checked in results.items()
    }
    assert fields == {
        **{"resourceTypes": [], "origins": [], "subscriptions": []},
        **{"metrics": ["odd", "field"], "channels": ["kind"], "silences": ["alertId"]},
        **{"actions": ["mnemonic", "title"]},
        "alerts": ["metricId", "resourceType", "channelIds[0]"],
    }
    assert results["metrics"][0]["definition"] is None


def test_a_stored_definition_is_shown_as_it_would_become(api: TestClient) -> None:
    body = {"name": "m", "metricType": "COUNT", "key": "stays", "timeWindow": "60m"}
    stored = api.post(METRICS, json=body).json()
    changed = {"name": "n", "metricType": "count", "timeWindow": "60m"}
    (result,) = check(api, metrics=[{"id": stored["metricId"], "definition": changed}])["metrics"]
    shown = result["definition"]
    assert (shown["name"], shown["key"], shown["metricType"]) == ("n", "stays", "COUNT")
    assert shown["createdDate"] == stored["createdDate"]
    assert api.get(f"{METRICS}/{stored['metricId']}").json()["name"] == "m"


def test_a_secret_that_differs_is_known_without_being_shown(api: TestClient) -> None:
    settings = {"url": "https://example.com/a", "headers": {"A": "1"}}
    body = {"name": "c", "kind": "webhook", "settings": settings}
    id = api.post(CHANNELS, json=body).json()["channelId"]

    def changes(**members: Any) -> bool:
        changed = {**body, "settings": {**settings, **members}}
        (result,) = check(api, channels=[{"id": id, "definition": changed}])["channels"]
        assert result["definition"]["settings"]["secret"] == "***"
        return bool(result["changesSettings"])

    assert not changes()
    assert not changes(secret="***", headers={"A": "***"})
    assert changes(headers={"A": "2"})
    assert changes(secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


def test_a_metric_is_checked_with_the_alerts_that_the_file_does_not_have(api: TestClient) -> None:
    grouped = {"name": "m", "metricType": "COUNT", "groupBy": ["interaction.country"]}
    id = api.post(METRICS, json=grouped).json()["metricId"]
    guard = {"metricId": api.post(METRICS, json=grouped).json()["metricId"]}
    alert = {
        **{"title": "guarded", "metricId": id, "operator": "gt", "threshold": 1, "for": "2d"},
        **{"alertAction": "fired", "enabled": False},
        "onlyWhen": [{**guard, "operator": "gte", "threshold": 5}],
    }
    address = api.post("/api/interaction-alerts", json=alert).headers["location"]
    changed = {"name": "m", "metricType": "COUNT", "timeWindow": "today", "timezone": "UTC"}
    (result,) = check(api, metrics=[{"id": id, "definition": changed}])["metrics"]
    assert [problem["field"] for problem in result["problems"]] == ["timeWindow", "groupBy"]
    stays = {**alert, "for": "0s", "onlyWhen": []}
    ids = {"metrics": [{"id": id, "definition": changed}]}
    both = check(api, **ids, alerts=[{"id": address.rpartition("/")[2], "definition": stays}])
    assert both["metrics"][0]["problems"] == both["alerts"][0]["problems"] == []


def test_a_system_entry_can_be_named_and_not_changed(api: TestClient) -> None:
    (alert,) = [e for e in api.get("/api/resource-types").json() if e["mnemonic"] == "ALERT"]
    id, title = alert["resourceTypeId"], alert["title"]
    for text, count in ((title, 0), ("Other", 1)):
        entry = {"id": id, "definition": {"mnemonic": "ALERT", "title": text}}
        (result,) = check(api, resourceTypes=[entry])["resourceTypes"]
        assert len(result["problems"]) == count, result

"""With TOCSIN_BASE_URL, interactions of transitions and their messages link to the alert."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from support.deployments import settings_in
from support.receivers import receiver, wait_for
from support.serving import ADMIN_KEY
from tocsin.api.app import create_app
from tocsin.runtime import Runtime


@pytest.fixture
def linked(tmp_path: Path) -> Iterator[TestClient]:
    settings = settings_in(
        tmp_path,
        admin_key=ADMIN_KEY,
        base_url="https://tocsin.example/ops/",
        allow_private_targets=True,
    )
    runtime = Runtime(settings)
    runtime.key_service.adopt(settings.admin_key)
    with TestClient(create_app(runtime), headers={"x-api-key": ADMIN_KEY}) as client:
        yield client
    runtime.close()


def test_firing_and_recovery_have_the_address_of_the_alert_and_its_details(
    linked: TestClient,
) -> None:
    record = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
    assert linked.post("/api/interactions", json=record).status_code == 201
    metric = {"name": "m", "metricType": "COUNT", "action": "A"}
    metric_id = linked.post("/api/interaction-metrics", json=metric).json()["metricId"]
    details = {
        "description": "Look at the queue.",
        "labels": {"team": "ops"},
        "runbookUrl": "https://runbooks.example/queue",
    }
    with receiver() as endpoint:
        channel = {"name": "hook", "kind": "webhook", "settings": {"url": endpoint.url}}
        channel_id = linked.post("/api/channels", json=channel).json()["channelId"]
        definition = {
            "title": "t", "metricId": metric_id, "operator": "gte", "threshold": 1,
            "alertAction": "fired", "recoveryAction": "recovered", **details,
            "channelIds": [channel_id],
        }  # fmt: skip
        alert = linked.post("/api/interaction-alerts", json=definition).json()
        path = f"/api/interaction-alerts/{alert['alertId']}"
        assert linked.post(f"{path}/evaluate").json()["firing"] == 1
        assert linked.put(path, json={**definition, "enabled": False}).status_code == 200
        wait_for(lambda: len(endpoint.received) == 2)
    expected = {**details, "url": f"https://tocsin.example/ops/web/alerts/{alert['alertId']}"}
    params = {"resourceId": alert["alertId"], "origin": "METRIC_EVAL"}
    recorded = linked.get("/api/interactions", params=params).json()["interactions"]
    payloads = [each["interaction"] for each in recorded]
    assert sorted(payload["status"] for payload in payloads) == ["exceeded", "recovered"]
    payloads += [json.loads(message.body)["data"]["interaction"] for message in endpoint.received]
    for payload in payloads:
        assert payload == payload | expected
    assert all(expected["url"] in message.json["body"] for message in endpoint.received)

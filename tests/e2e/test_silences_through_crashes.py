"""Kill the server around the ends of silences: each group that still fires is notified, under one
id, and none of them before the end."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import httpx2 as httpx
import pytest

from support.flapping import ALERTS, all_of, started, subscribe
from support.receivers import Receiver, receiver, wait_for
from support.serving import Server
from tocsin.model.instant import format_instant

GROUPS = 60
RISE = {"resourceType": "SILENT", "action": "RISES", "origin": "TEST"}


def silence_and_crash(folder: Path, crashes: int, seed: int) -> None:
    random = Random(seed)
    with receiver() as there, started(folder, TOCSIN_ALLOW_PRIVATE_TARGETS="true") as server:
        with server.client() as client:
            subscribe(client, there)
            alert_id = define(client)
        for number in range(crashes):
            fire_silenced_and_kill(server, there, alert_id, number, random)
            server.start()
        with server.client() as client:
            wait_for(lambda: statuses(client) == {"sent"}, patience=180)
            check_sent(client, there, GROUPS * crashes)
        assert server.stop() == 0


def define(client: httpx.Client) -> str:
    """An alert on each resource that rises; answers its id."""
    client.post("/api/interactions", json={**RISE, "resourceId": "0"}).raise_for_status()
    definition = {"name": "risen", "metricType": "COUNT", "action": "RISES"}
    metric = client.post("/api/interaction-metrics", json={**definition, "groupBy": ["resourceId"]})
    alert = {
        "title": "rises",
        "metricId": metric.raise_for_status().json()["metricId"],
        **{"operator": "gt", "threshold": 1, "interval": "24h", "alertAction": "fired"},
    }
    return str(client.post(ALERTS, json=alert).raise_for_status().json()["alertId"])


def fire_silenced_and_kill(
    server: Server, there: Receiver, alert_id: str, number: int, random: Random
) -> None:
    """Let groups fire in a silence, and kill the server some time around its end."""
    ids = [f"{number}.{group}" for group in range(GROUPS)]
    rows = [{**RISE, "resourceId": id} for id in ids for _ in range(2)]
    with server.client() as client:
        end = datetime.now(UTC) + timedelta(seconds=3)
        silence = {"matchAll": True, "to": format_instant(end)}
        created = client.post("/api/silences", json=silence).raise_for_status().json()
        client.post("/api/interactions/batch", json=rows).raise_for_status()
        evaluated = client.post(f"{ALERTS}/{alert_id}/evaluate").raise_for_status().json()
        assert evaluated["firing"] == GROUPS * (number + 1)
        payloads = [each.json["data"]["interaction"] for each in there.received]
        notified = {payload["dimensions"]["resourceId"] for payload in payloads}
        if datetime.now(UTC) < end:
            assert not notified.intersection(ids)
        if random.random() < 0.3:
            path = f"/api/silences/{created['silenceId']}"
            client.delete(path).raise_for_status()
            end = datetime.now(UTC)
    time.sleep(max((end - datetime.now(UTC)).total_seconds() + random.uniform(-0.2, 1.4), 0))
    server.kill()


def statuses(client: httpx.Client) -> set[str]:
    return {each["status"] for each in all_of(client, "/api/deliveries", "deliveries", {})}


def check_sent(client: httpx.Client, there: Receiver, count: int) -> None:
    deliveries = all_of(client, "/api/deliveries", "deliveries", {})
    assert len(deliveries) == count
    sent = {(each.json["data"]["interactionId"], each.id) for each in there.received}
    assert sent == {(each["interactionId"], each["deliveryId"]) for each in deliveries}


def test_killed_around_the_end_of_a_silence_it_notifies_each_group(tmp_path: Path) -> None:
    silence_and_crash(tmp_path / "data", crashes=2, seed=1)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("seed", range(2, 5))
def test_killed_around_many_ends_it_still_notifies_each_group(seed: int, tmp_path: Path) -> None:
    silence_and_crash(tmp_path / "data", crashes=15, seed=seed)

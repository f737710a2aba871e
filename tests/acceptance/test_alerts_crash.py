"""Kill the server while alerts flap: every transition happens once, and is recorded once."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import httpx
import pytest

from conftest import Server

ALERTS = "/api/interaction-alerts"
GROUPS = ("a", "b", "c")


class Flapper(threading.Thread):
    """Moves sums over the threshold and back, and has the alert evaluated, until the server dies;
    what got no answer is sent again, with the same id, to the next one."""

    def __init__(self, server: Server, alert_id: str, unanswered: dict[str, Any] | None) -> None:
        super().__init__(daemon=True)
        self.unanswered = unanswered
        self.evaluated = threading.Semaphore(0)
        self._server = server
        self._alert_id = alert_id
        self._random = Random(alert_id)
        self._up: dict[str, bool] = {}

    def run(self) -> None:
        with self._server.client() as client:
            try:
                while True:
                    self._flap(client)
            except httpx.HTTPError:
                return

    def _flap(self, client: httpx.Client) -> None:
        self.unanswered = self.unanswered or self._next()
        answer = client.post("/api/interactions", json=self.unanswered)
        assert answer.is_success or answer.status_code == 503, answer.text
        if answer.is_success:
            self.unanswered = None
        evaluated = client.post(f"{ALERTS}/{self._alert_id}/evaluate")
        assert evaluated.is_success or evaluated.status_code in (409, 503), evaluated.text
        self.evaluated.release()

    def _next(self) -> dict[str, Any]:
        group = self._random.choice(GROUPS)
        is_up = self._up[group] = not self._up.get(group, False)
        return {
            "interactionId": str(uuid4()),
            "resourceType": "FLAP",
            "resourceId": group,
            "action": "MOVED",
            "origin": "TEST",
            "interaction": {"group": group, "n": 10 if is_up else -10},
        }


def define(server: Server) -> str:
    with server.client() as client:
        moved = {"resourceType": "FLAP", "resourceId": "0", "action": "MOVED", "origin": "TEST"}
        client.post("/api/interactions", json=moved).raise_for_status()
        metric = {
            "name": "sum",
            "metricType": "SUM",
            "field": "interaction.n",
            "action": "MOVED",
            "groupBy": ["interaction.group"],
        }
        made = client.post("/api/interaction-metrics", json=metric).raise_for_status().json()
        alert = {
            "title": "flaps",
            "metricId": made["metricId"],
            "operator": "gt",
            "threshold": 5,
            "interval": "10s",
            "alertAction": "fired",
            "recoveryAction": "recovered",
        }
        return str(client.post(ALERTS, json=alert).raise_for_status().json()["alertId"])


def flap_and_crash(folder: Path, rounds: int, seed: int) -> None:
    random = Random(seed)
    server = Server(folder)
    server.start()
    alert_id = define(server)
    unanswered = None
    for _ in range(rounds):
        flapper = Flapper(server, alert_id, unanswered)
        flapper.start()
        for _ in range(random.randint(5, 25)):
            assert flapper.evaluated.acquire(timeout=60)
        # At any instant of what comes next.
        time.sleep(random.uniform(0, 0.1))
        server.kill()
        flapper.join(timeout=30)
        assert not flapper.is_alive()
        unanswered = flapper.unanswered
        server.start()
    with server.client() as client:
        client.post(f"{ALERTS}/{alert_id}/evaluate").raise_for_status()
        check(client, alert_id)
    assert server.stop() == 0


def check(client: httpx.Client, alert_id: str) -> None:
    told = all_of(client, f"{ALERTS}/{alert_id}/transitions", "transitions", {})
    assert len(told) > 10
    by_group: dict[str, list[str]] = defaultdict(list)
    for transition in reversed(told):
        by_group[str(transition["dimensions"])].append(transition["status"])
    for statuses in by_group.values():
        assert statuses == (["FIRING", "OK"] * len(statuses))[: len(statuses)]
    search = {"resourceType": "ALERT", "resourceId": alert_id}
    stored = Counter(
        one["interactionId"] for one in all_of(client, "/api/interactions", "interactions", search)
    )
    assert stored == Counter(transition["interactionId"] for transition in told)


def all_of(
    client: httpx.Client, path: str, member: str, query: dict[str, Any]
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        params = {"limit": 1000, **query, **({"cursor": cursor} if cursor else {})}
        page = client.get(path, params=params).raise_for_status().json()
        found += page[member]
        cursor = page["nextCursor"]
        if cursor is None:
            return found


def test_killed_while_alerts_flap_it_tells_everything_once(tmp_path: Path) -> None:
    flap_and_crash(tmp_path / "data", rounds=4, seed=1)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("seed", range(2, 5))
def test_killed_many_times_it_still_tells_everything_once(seed: int, tmp_path: Path) -> None:
    flap_and_crash(tmp_path / "data", rounds=20, seed=seed)

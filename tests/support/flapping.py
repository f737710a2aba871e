"""An alert that flaps with every interaction, and who makes it do so through many crashes."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import httpx2 as httpx

from support.receivers import Receiver, wait_for
from support.serving import Server

ALERTS = "/api/interaction-alerts"
GROUPS = ("a", "b", "c")
MOVE = {"resourceType": "FLAP", "action": "MOVED", "origin": "TEST"}


@dataclass
class Moves:
    """Numbers that move the sum and the mean of a group above zero, and back to zero.

    A request without a response is sent again, with the same id, to the next process.
    """

    random: Random
    acknowledged: list[str] = field(default_factory=list)
    unanswered: dict[str, Any] | None = None
    is_up: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(GROUPS, False))

    def next(self) -> dict[str, Any]:
        self.unanswered = self.unanswered or self._draw()
        return self.unanswered

    def acknowledge(self) -> None:
        assert self.unanswered
        self.acknowledged.append(self.unanswered["interactionId"])
        self.unanswered = None

    def _draw(self) -> dict[str, Any]:
        group = self.random.choice(GROUPS)
        is_up = self.is_up[group] = not self.is_up[group]
        return {
            **MOVE,
            "interactionId": str(UUID(int=self.random.getrandbits(128))),
            "resourceId": group,
            "interaction": {"group": group, "n": 10 if is_up else -10},
        }


class Flapper(threading.Thread):
    """Sends move after move and has the alert evaluated after each, until the server dies."""

    def __init__(self, server: Server, alert_id: str, moves: Moves) -> None:
        super().__init__(daemon=True)
        self.evaluated = threading.Semaphore(0)
        self._server = server
        self._alert_id = alert_id
        self._moves = moves

    def run(self) -> None:
        with self._server.client() as client:
            try:
                while True:
                    self._flap(client)
            except httpx.HTTPError:
                return

    def _flap(self, client: httpx.Client) -> None:
        answer = client.post("/api/interactions", json=self._moves.next())
        assert answer.is_success or answer.status_code == 503, answer.text
        if answer.is_success:
            self._moves.acknowledge()
        evaluated = client.post(f"{ALERTS}/{self._alert_id}/evaluate")
        assert evaluated.is_success or evaluated.status_code in (409, 503), evaluated.text
        self.evaluated.release()


@contextmanager
def started(folder: Path, **environment: str) -> Iterator[Server]:
    """A server that a test may kill and start again; a test that fails leaves none behind."""
    server = Server(folder, environment=environment)
    try:
        server.start()
        yield server
    finally:
        if server.process and server.process.poll() is None:
            server.kill()


def subscribe(client: httpx.Client, there: Receiver) -> None:
    """Send the changes of the alert to a webhook."""
    channel = {"name": "c", "kind": "webhook", "settings": {"url": there.url}}
    created = client.post("/api/channels", json=channel).raise_for_status().json()
    for action in ("fired", "recovered"):
        subscription = {
            "resourceType": "ALERT",
            "action": action,
            "channelId": created["channelId"],
        }
        client.post("/api/subscriptions", json=subscription).raise_for_status()


def define(client: httpx.Client, aggregation: str) -> str:
    """A metric of that type over the moves, and the alert on it; answers the alert's id."""
    client.post("/api/interactions", json={**MOVE, "resourceId": "0"}).raise_for_status()
    metric = {
        "name": "moved",
        "metricType": aggregation,
        "field": "interaction.n",
        "action": "MOVED",
        "groupBy": ["interaction.group"],
    }
    metric_created = client.post("/api/interaction-metrics", json=metric).raise_for_status().json()
    alert = {
        "title": "flaps",
        "metricId": metric_created["metricId"],
        "operator": "gt",
        "threshold": 0,
        "interval": "10s",
        "alertAction": "fired",
        "recoveryAction": "recovered",
    }
    return str(client.post(ALERTS, json=alert).raise_for_status().json()["alertId"])


def flap_until_killed(server: Server, alert_id: str, moves: Moves) -> None:
    """Flaps the alert for a while, and kills the server at any instant of what comes next."""
    flapper = Flapper(server, alert_id, moves)
    flapper.start()
    for _ in range(moves.random.randint(5, 25)):
        assert flapper.evaluated.acquire(timeout=60)
    time.sleep(moves.random.uniform(0, 0.1))
    server.kill()
    flapper.join(timeout=30)
    assert not flapper.is_alive()


def flap_through_crashes(server: Server, alert_id: str, moves: Moves, crashes: int) -> None:
    """At the end the server runs, and the alert has been evaluated once more."""
    for _ in range(crashes):
        flap_until_killed(server, alert_id, moves)
        server.start()
    with server.client() as client:
        client.post(f"{ALERTS}/{alert_id}/evaluate").raise_for_status()


def transitions(client: httpx.Client, alert_id: str) -> list[dict[str, Any]]:
    """All of the alert's, the newest first, which fire and recover in turn in every group."""
    listed = all_of(client, f"{ALERTS}/{alert_id}/transitions", "transitions", {})
    by_group: dict[str, list[str]] = defaultdict(list)
    for transition in reversed(listed):
        by_group[str(transition["dimensions"])].append(transition["status"])
    for statuses in by_group.values():
        assert statuses == (["FIRING", "OK"] * len(statuses))[: len(statuses)]
    return listed


def wait_until_recorded(
    client: httpx.Client, alert_id: str, happened: Sequence[dict[str, Any]]
) -> None:
    """Each transition is one interaction; a listing may be earlier than its append."""
    expected = Counter(row["interactionId"] for row in happened)

    def listed() -> Counter[str]:
        return Counter(recorded(client, resourceId=alert_id, origin="METRIC_EVAL"))

    wait_for(lambda: listed() >= expected)
    assert listed() == expected


def recorded(client: httpx.Client, **search: str) -> list[str]:
    """The ids of the interactions that are found, as often as they are."""
    rows = all_of(client, "/api/interactions", "interactions", search)
    return [row["interactionId"] for row in rows]


def all_of(
    client: httpx.Client, path: str, member: str, query: dict[str, Any]
) -> list[dict[str, Any]]:
    """The items of every page."""
    rows: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        params = {"limit": 1000, **query, **({"cursor": cursor} if cursor else {})}
        page = client.get(path, params=params).raise_for_status().json()
        rows += page[member]
        cursor = page["nextCursor"]
        if cursor is None:
            return rows

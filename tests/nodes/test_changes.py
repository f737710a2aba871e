"""Definitions and catalog entries that one node changes while the others work."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from support.flapping import recorded
from support.nodes import deployment

TURNS = 60
SENT = {"resourceType": "T", "resourceId": "1", "origin": "O"}

pytestmark = pytest.mark.long


@pytest.fixture
def clients(tmp_path: Path) -> Iterator[list[httpx.Client]]:
    """One for each of two nodes."""
    with deployment(tmp_path, nodes=2) as deployed, ExitStack() as stack:
        yield [stack.enter_context(node.client()) for node in deployed.nodes]


def test_a_definition_that_one_node_changes_is_judged_in_its_new_form_by_the_other(
    clients: list[httpx.Client],
) -> None:
    for number in range(10):
        body = {**SENT, "action": f"A{number % 2}", "interaction": {"n": number}}
        clients[0].post("/api/interactions", json=body).raise_for_status()
    metric: dict[str, Any] = {"name": "m", "metricType": "SUM", "field": "interaction.n"}
    sums = {"A0": 20, "A1": 25}
    metrics, alerts = "/api/interaction-metrics", "/api/interaction-alerts"
    created = clients[0].post(metrics, json={**metric, "action": "A0"}).raise_for_status()
    metric_id = created.json()["metricId"]
    alert: dict[str, Any] = {
        "title": "a",
        "metricId": metric_id,
        "operator": "gte",
        "threshold": 25,
        "interval": "1h",
        "alertAction": "fired",
    }
    alert_id = clients[1].post(alerts, json=alert).raise_for_status().json()["alertId"]
    for turn in range(TURNS):
        here, there = clients[turn % 2], clients[(turn // 2) % 2]
        action = f"A{turn % 2}"
        changed = {**metric, "action": action}
        here.put(f"{metrics}/{metric_id}", json=changed).raise_for_status()
        answer = there.post(f"{metrics}/{metric_id}/calculate").raise_for_status().json()
        assert answer["results"][0]["value"] == sums[action]
        evaluated = there.post(f"{alerts}/{alert_id}/evaluate").raise_for_status().json()
        assert evaluated["firing"] == (1 if sums[action] >= 25 else 0)


def test_an_entry_that_one_node_deletes_while_the_other_records_keeps_every_interaction_readable(
    clients: list[httpx.Client],
) -> None:
    outcomes: set[tuple[int, int]] = set()
    for turn in range(TURNS):
        action = f"SHORT_{turn}"
        entry = {"mnemonic": action, "title": action}
        created = clients[0].post("/api/actions", json=entry).raise_for_status()
        start = threading.Barrier(2)

        def delete(
            path: str = created.headers["location"], start: threading.Barrier = start
        ) -> int:
            start.wait(30)
            return clients[0].delete(path).status_code

        def send(action: str = action, start: threading.Barrier = start) -> int:
            start.wait(30)
            body = {**SENT, "action": action}
            return clients[1].post("/api/interactions", json=body).status_code

        with ThreadPoolExecutor(2) as threads:
            deleted, sent = threads.submit(delete), threads.submit(send)
        outcomes.add((deleted.result(), sent.result()))
        if sent.result() == 201:
            assert [len(recorded(client, action=action)) for client in clients] == [1, 1]
    assert {deletion for deletion, _ in outcomes} <= {204, 409}
    assert {recording for _, recording in outcomes} == {201}

"""Nodes are killed on the way from an interaction through an alert to a receiver: each transition
happens once, and the receiver gets each of them once."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import httpx2 as httpx
import pytest

from support.flapping import (
    ALERTS,
    Moves,
    all_of,
    define,
    recorded,
    subscribe,
    transitions,
    wait_until_recorded,
)
from support.node_clients import RETRY_SECONDS
from support.nodes import Deployment, Node, deployment
from support.receivers import Receiver, receiver, wait_for

MOVES_BETWEEN_CRASHES = 15


def post(nodes: list[Node], random: Random, path: str, body: Any) -> httpx.Response:
    """The response of a node that answers; 503 and 409 are tried again."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        node = random.choice(nodes)
        try:
            with node.client() as client:
                response = client.post(path, json=body)
        except httpx.TransportError:
            time.sleep(RETRY_SECONDS)
            continue
        if response.is_success:
            return response
        assert response.status_code in (409, 503), response.text
        time.sleep(RETRY_SECONDS)
    raise AssertionError(f"no node answered {path} within a minute")


def flap(deployed: Deployment, alert_id: str, moves: Moves, count: int) -> None:
    for _ in range(count):
        post(deployed.nodes, moves.random, "/api/interactions", moves.next())
        moves.acknowledge()
        post(deployed.nodes, moves.random, f"{ALERTS}/{alert_id}/evaluate", {})


def flap_and_crash(folder: Path, crashes: int, seed: int) -> None:
    moves = Moves(Random(seed))
    with (
        receiver() as there,
        deployment(folder, nodes=2, TOCSIN_ALLOW_PRIVATE_TARGETS="true") as deployed,
    ):
        with deployed.nodes[0].client() as client:
            subscribe(client, there)
            alert_id = define(client, "AVG")
        for _ in range(crashes):
            flap(deployed, alert_id, moves, MOVES_BETWEEN_CRASHES)
            node = moves.random.choice(deployed.nodes)
            node.kill()
            flap_without(deployed, node, alert_id, moves)
            node.start()
        flap(deployed, alert_id, moves, MOVES_BETWEEN_CRASHES)
        with deployed.nodes[0].client() as client:
            check(client, there, alert_id, moves)


def flap_without(deployed: Deployment, dead: Node, alert_id: str, moves: Moves) -> None:
    """The other node goes on."""
    others = [node for node in deployed.nodes if node is not dead]
    for _ in range(MOVES_BETWEEN_CRASHES):
        post(others, moves.random, "/api/interactions", moves.next())
        moves.acknowledge()
        post(others, moves.random, f"{ALERTS}/{alert_id}/evaluate", {})


def check(client: httpx.Client, there: Receiver, alert_id: str, moves: Moves) -> None:
    assert Counter(recorded(client, resourceType="FLAP", action="MOVED")) >= Counter(
        moves.acknowledged
    )
    happened = transitions(client, alert_id)
    assert len(happened) > len(moves.acknowledged) // 2
    wait_until_recorded(client, alert_id, happened)

    def deliveries() -> list[dict[str, Any]]:
        return all_of(client, "/api/deliveries", "deliveries", {})

    wait_for(lambda: {each["status"] for each in deliveries()} == {"sent"}, patience=90)
    sent = {(each.json["data"]["interactionId"], each.id) for each in there.received}
    assert sent == {(each["interactionId"], each["deliveryId"]) for each in deliveries()}
    assert Counter(id for id, _ in sent) == Counter(each["interactionId"] for each in happened)


@pytest.mark.long
def test_with_nodes_killed_each_transition_happens_and_is_sent_once(tmp_path: Path) -> None:
    flap_and_crash(tmp_path, crashes=2, seed=1)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("seed", range(2, 4))
def test_with_nodes_killed_many_times_each_transition_is_sent_once(
    seed: int, tmp_path: Path
) -> None:
    flap_and_crash(tmp_path, crashes=8, seed=seed)

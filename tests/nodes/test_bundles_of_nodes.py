"""Bundles that several nodes fill, and the leader closes: each transition is in one of them."""

from __future__ import annotations

from pathlib import Path
from random import Random

import httpx2 as httpx

from support.bundle_checks import check_messages, subscribe_to_bundles
from support.flapping import ALERTS, Moves, all_of, define, transitions
from support.nodes import Node, deployment
from support.receivers import receiver, wait_for


def flap(nodes: list[Node], alert_id: str, moves: Moves) -> None:
    """One move and one evaluation, each on any node."""
    with moves.random.choice(nodes).client() as client:
        client.post("/api/interactions", json=moves.next()).raise_for_status()
        moves.acknowledge()
    with moves.random.choice(nodes).client() as client:
        evaluated = client.post(f"{ALERTS}/{alert_id}/evaluate")
        assert evaluated.is_success or evaluated.status_code == 409, evaluated.text


def is_all_sent(client: httpx.Client, alert_id: str) -> bool:
    """Whether the last bundle has the last transition, and everything is sent."""
    deliveries = all_of(client, "/api/deliveries", "deliveries", {})
    last = max(each["at"] for each in transitions(client, alert_id))
    reported = {
        group["evaluatedAt"]
        for each in deliveries
        for group in each["interaction"]["interaction"]["groups"]
    }
    return last in reported and {each["status"] for each in deliveries} == {"sent"}


def test_transitions_of_any_node_are_in_one_bundle_that_the_leader_sends(tmp_path: Path) -> None:
    moves = Moves(Random(1))
    with (
        receiver() as there,
        deployment(tmp_path, nodes=2, TOCSIN_ALLOW_PRIVATE_TARGETS="true") as deployed,
        deployed.nodes[0].client() as client,
    ):
        subscribe_to_bundles(client, there)
        alert_id = define(client, "AVG")
        for _ in range(30):
            flap(deployed.nodes, alert_id, moves)
        wait_for(lambda: is_all_sent(client, alert_id))
        check_messages(client, there, alert_id, reminders=0)

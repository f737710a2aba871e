"""Kill the server on the whole way from an interaction over an alert to a receiver: what was
acknowledged is there, each transition happened once, and the receiver was told of each."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import httpx2 as httpx
import pytest

from support.flapping import (
    Moves,
    all_of,
    define,
    flap_through_crashes,
    recorded,
    started,
    transitions,
    wait_until_recorded,
)
from support.receivers import Receiver, receiver, wait_for

Told = set[tuple[str, str]]
"""Which interaction was told of, under which `webhook-id`."""


def subscribe(client: httpx.Client, there: Receiver) -> None:
    channel = {"name": "c", "kind": "webhook", "settings": {"url": there.url}}
    made = client.post("/api/channels", json=channel).raise_for_status().json()
    for action in ("fired", "recovered"):
        wanted = {"resourceType": "ALERT", "action": action, "channelId": made["channelId"]}
        client.post("/api/subscriptions", json=wanted).raise_for_status()


def flap_tell_and_crash(folder: Path, crashes: int, seed: int) -> None:
    moves = Moves(Random(seed))
    with receiver() as there, started(folder, TOCSIN_ALLOW_PRIVATE_TARGETS="true") as server:
        with server.client() as client:
            subscribe(client, there)
            alert_id = define(client, "AVG")
        flap_through_crashes(server, alert_id, moves, crashes)
        with server.client() as client:
            happened = check_transitions(client, alert_id, moves)
            check_told(client, there, happened)
        assert server.stop() == 0


def check_transitions(client: httpx.Client, alert_id: str, moves: Moves) -> set[str]:
    """The ids of the interactions of the alert's transitions."""
    stored = Counter(recorded(client, resourceType="FLAP"))
    assert max(stored.values()) == 1
    assert set(moves.acknowledged) <= stored.keys()
    happened = transitions(client, alert_id)
    assert len(happened) > len(moves.acknowledged) // 2
    wait_until_recorded(client, alert_id, happened)
    return {one["interactionId"] for one in happened}


def check_told(client: httpx.Client, there: Receiver, happened: set[str]) -> None:
    wait_for(lambda: statuses(client) == {"sent"})
    deliveries = all_of(client, "/api/deliveries", "deliveries", {})
    told: Told = {(one.json["data"]["interactionId"], one.id) for one in there.received}
    assert told == {(one["interactionId"], one["deliveryId"]) for one in deliveries}
    assert Counter(interaction for interaction, _ in told) == Counter(happened)


def statuses(client: httpx.Client) -> set[str]:
    return {one["status"] for one in all_of(client, "/api/deliveries", "deliveries", {})}


def test_killed_between_interaction_and_webhook_it_tells_of_each_transition(tmp_path: Path) -> None:
    flap_tell_and_crash(tmp_path / "data", crashes=3, seed=1)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("seed", range(2, 5))
def test_killed_many_times_it_still_tells_of_each_transition(seed: int, tmp_path: Path) -> None:
    flap_tell_and_crash(tmp_path / "data", crashes=20, seed=seed)

"""Kill the server on the whole way from an interaction through an alert to a receiver: what was
acknowledged is recorded, each transition happened once, and the receiver got each of them."""

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
    subscribe,
    transitions,
    wait_until_recorded,
)
from support.receivers import Receiver, receiver, wait_for

SentIds = set[tuple[str, str]]
"""Ids of interactions that were sent, each with its `webhook-id`."""


def flap_send_and_crash(folder: Path, crashes: int, seed: int) -> None:
    moves = Moves(Random(seed))
    with receiver() as there, started(folder, TOCSIN_ALLOW_PRIVATE_TARGETS="true") as server:
        with server.client() as client:
            subscribe(client, there)
            alert_id = define(client, "AVG")
        flap_through_crashes(server, alert_id, moves, crashes)
        with server.client() as client:
            happened = check_transitions(client, alert_id, moves)
            check_sent(client, there, happened)
        assert server.stop() == 0


def check_transitions(client: httpx.Client, alert_id: str, moves: Moves) -> set[str]:
    """The ids of the interactions of the alert's transitions."""
    stored = Counter(recorded(client, resourceType="FLAP"))
    assert max(stored.values()) == 1
    assert set(moves.acknowledged) <= stored.keys()
    happened = transitions(client, alert_id)
    assert len(happened) > len(moves.acknowledged) // 2
    wait_until_recorded(client, alert_id, happened)
    return {each["interactionId"] for each in happened}


def check_sent(client: httpx.Client, there: Receiver, happened: set[str]) -> None:
    wait_for(lambda: statuses(client) == {"sent"})
    deliveries = all_of(client, "/api/deliveries", "deliveries", {})
    sent: SentIds = {(each.json["data"]["interactionId"], each.id) for each in there.received}
    assert sent == {(each["interactionId"], each["deliveryId"]) for each in deliveries}
    assert Counter(interaction for interaction, _ in sent) == Counter(happened)


def statuses(client: httpx.Client) -> set[str]:
    return {each["status"] for each in all_of(client, "/api/deliveries", "deliveries", {})}


def test_killed_between_interaction_and_webhook_it_sends_each_transition(tmp_path: Path) -> None:
    flap_send_and_crash(tmp_path / "data", crashes=3, seed=1)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("seed", range(2, 5))
def test_killed_many_times_it_still_sends_each_transition(seed: int, tmp_path: Path) -> None:
    flap_send_and_crash(tmp_path / "data", crashes=20, seed=seed)

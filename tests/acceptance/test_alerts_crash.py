"""Kill the server while alerts flap: every transition happens once, and is recorded once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import httpx
import pytest
from flapping import ALERTS, Moves, define, flap_until_killed, recorded, started, transitions


def flap_and_crash(folder: Path, rounds: int, seed: int) -> None:
    moves = Moves(Random(seed))
    with started(folder) as server:
        with server.client() as client:
            alert_id = define(client, "SUM")
        for _ in range(rounds):
            flap_until_killed(server, alert_id, moves)
            server.start()
        with server.client() as client:
            client.post(f"{ALERTS}/{alert_id}/evaluate").raise_for_status()
            check(client, alert_id)
        assert server.stop() == 0


def check(client: httpx.Client, alert_id: str) -> None:
    told = transitions(client, alert_id)
    assert len(told) > 10
    stored = Counter(recorded(client, resourceType="ALERT", resourceId=alert_id))
    assert stored == Counter(transition["interactionId"] for transition in told)


def test_killed_while_alerts_flap_it_tells_everything_once(tmp_path: Path) -> None:
    flap_and_crash(tmp_path / "data", rounds=4, seed=1)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("seed", range(2, 5))
def test_killed_many_times_it_still_tells_everything_once(seed: int, tmp_path: Path) -> None:
    flap_and_crash(tmp_path / "data", rounds=20, seed=seed)

"""Kill the server while alerts flap: every transition happens once, and is recorded once."""

from __future__ import annotations

from pathlib import Path
from random import Random

import httpx2 as httpx
import pytest

from support.flapping import (
    Moves,
    define,
    flap_through_crashes,
    started,
    transitions,
    wait_until_recorded,
)


def flap_and_crash(folder: Path, crashes: int, seed: int) -> None:
    moves = Moves(Random(seed))
    with started(folder) as server:
        with server.client() as client:
            alert_id = define(client, "SUM")
        flap_through_crashes(server, alert_id, moves, crashes)
        with server.client() as client:
            check(client, alert_id)
        assert server.stop() == 0


def check(client: httpx.Client, alert_id: str) -> None:
    alert_transitions = transitions(client, alert_id)
    assert len(alert_transitions) > 10
    wait_until_recorded(client, alert_id, alert_transitions)


def test_killed_while_alerts_flap_it_records_each_transition_once(tmp_path: Path) -> None:
    flap_and_crash(tmp_path / "data", crashes=4, seed=1)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("seed", range(2, 5))
def test_killed_many_times_it_still_records_each_transition_once(seed: int, tmp_path: Path) -> None:
    flap_and_crash(tmp_path / "data", crashes=20, seed=seed)

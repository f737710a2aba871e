"""Kill the server at any instant: nothing acknowledged is missing, nothing is there twice."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from support.crashing import Writer
from support.serving import Server

CLIENTS = 8
READY_SECONDS = 10


def crash_again_and_again(folder: Path, rounds: int, seed: int) -> None:
    random = Random(seed)
    server = Server(folder)
    server.start()
    writers = [Writer(server, seed * 100 + n) for n in range(CLIENTS)]
    for _ in range(rounds):
        for writer in writers:
            writer.start()
        time.sleep(random.uniform(0.05, 1.5))
        server.kill()
        for writer in writers:
            writer.join(timeout=30)
            assert not writer.is_alive()
        assert server.start() < READY_SECONDS
        writers = [writer.again() for writer in writers]
    acknowledged = set().union(*(writer.acknowledged for writer in writers))
    stored = Counter(server.stored_ids("CRASH"))
    assert len(acknowledged) > 100
    assert acknowledged - stored.keys() == set()
    assert [id for id, count in stored.items() if count > 1] == []
    assert counted(server) == len(stored)
    assert server.stop() == 0


def counted(server: Server) -> int:
    metric = {"metricType": "COUNT", "resourceType": "CRASH"}
    with server.client() as client:
        answer = client.post("/api/interaction-metrics/preview", json=metric).json()
    return int(answer["results"][0]["value"])


def test_killed_while_eight_clients_write_it_loses_and_doubles_nothing(tmp_path: Path) -> None:
    crash_again_and_again(tmp_path / "data", rounds=4, seed=1)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("seed", range(2, 7))
def test_killed_many_times_it_still_loses_and_doubles_nothing(seed: int, tmp_path: Path) -> None:
    crash_again_and_again(tmp_path / "data", rounds=15, seed=seed)

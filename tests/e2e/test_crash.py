"""Kill the server at any instant: nothing acknowledged is missing, nothing is there twice."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pytest

from support.crashing import send_ids
from support.serving import Server

CLIENTS = 8
READY_SECONDS = 10


class Writer(threading.Thread):
    """Records batches and single interactions until the server dies; what got no answer is sent
    again, with the same ids, to the next one."""

    def __init__(self, server: Server, seed: int) -> None:
        super().__init__(daemon=True)
        self.acknowledged: set[str] = set()
        self._server = server
        self._random = Random(seed)
        self._unanswered: list[str] = []

    def run(self) -> None:
        with self._server.client() as client:
            while True:
                ids = self._unanswered or [str(uuid4()) for _ in range(self._size())]
                try:
                    answer = send_ids(client, ids)
                except httpx.HTTPError:
                    self._unanswered = ids
                    return
                if answer.is_success:
                    self.acknowledged.update(ids)
                    self._unanswered = []
                else:
                    assert answer.status_code == 503, answer.text

    def again(self) -> Writer:
        """A new thread that goes on where this one ended."""
        heir = Writer(self._server, self._random.randrange(1 << 30))
        heir.acknowledged, heir._unanswered = self.acknowledged, self._unanswered
        return heir

    def _size(self) -> int:
        return self._random.choice((1, 1, 1, 20, 200))


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
    stored = Counter(stored_ids(server))
    assert len(acknowledged) > 100
    assert acknowledged - stored.keys() == set()
    assert [id for id, count in stored.items() if count > 1] == []
    assert counted(server) == len(stored)
    assert server.stop() == 0


def stored_ids(server: Server) -> list[str]:
    ids: list[str] = []
    cursor: str | None = None
    with server.client() as client:
        while True:
            params: dict[str, Any] = {"limit": 1000, "resourceType": "CRASH"} | (
                {"cursor": cursor} if cursor else {}
            )
            page = client.get("/api/interactions", params=params).json()
            ids += [interaction["interactionId"] for interaction in page["interactions"]]
            cursor = page["nextCursor"]
            if cursor is None:
                return ids


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

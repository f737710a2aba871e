"""Kill the server at any instant: every interaction that is recorded is told of, under one id."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pytest

from support.receivers import Receiver, receiver, wait_for
from support.serving import Server

TOPIC = {"resourceType": "CRASH", "action": "WROTE"}


class Writer(threading.Thread):
    """Records a few at a time until the server dies, and the unanswered again in its next life."""

    def __init__(self, server: Server, acknowledged: set[str], unanswered: list[str]) -> None:
        super().__init__(daemon=True)
        self.acknowledged, self.unanswered = acknowledged, unanswered
        self._server = server

    def run(self) -> None:
        with self._server.client() as client:
            while True:
                ids = self.unanswered or [str(uuid4()) for _ in range(5)]
                self.unanswered = ids
                try:
                    answer = client.post("/api/interactions/batch", content=lines(ids))
                except httpx.HTTPError:
                    return
                if answer.is_success:
                    self.acknowledged.update(ids)
                    self.unanswered = []
                time.sleep(0.01)


def lines(ids: list[str]) -> str:
    sent = [{**TOPIC, "origin": "TEST", "resourceId": "1", "interactionId": id} for id in ids]
    return json.dumps(sent)


def subscribe(server: Server, there: Receiver) -> None:
    with server.client() as client:
        client.post("/api/interactions/batch", content=lines([str(uuid4())]))
        settings = {"url": there.url}
        channel = {"name": "c", "kind": "webhook", "settings": settings}
        made = client.post("/api/channels", json=channel).json()
        told = client.post("/api/subscriptions", json={**TOPIC, "channelId": made["channelId"]})
        assert told.status_code == 201, told.text


def ends(server: Server) -> list[dict[str, Any]]:
    with server.client() as client:
        asked: dict[str, Any] = {"origin": "NOTIFY", "limit": 1_000}
        found = client.get("/api/interactions", params=asked).json()["interactions"]
    return [one["interaction"] for one in found]


def crash_again_and_again(folder: Path, rounds: int, seed: int) -> None:
    random = Random(seed)
    server = Server(folder, environment={"TOCSIN_ALLOW_PRIVATE_TARGETS": "true"})
    server.start()
    acknowledged: set[str] = set()
    writers: list[Writer] = [Writer(server, acknowledged, []) for _ in range(2)]
    with receiver() as there:
        subscribe(server, there)
        for _ in range(rounds):
            for writer in writers:
                writer.start()
            before = len(acknowledged)

            def is_acknowledged(before: int = before) -> bool:
                return len(acknowledged) > before

            wait_for(is_acknowledged)
            time.sleep(random.uniform(0.0, 0.8))
            server.kill()
            for writer in writers:
                writer.join(timeout=30)
            server.start()
            writers = [Writer(server, acknowledged, one.unanswered) for one in writers]
        told: dict[str, set[str]] = defaultdict(set)

        def are_all_told() -> bool:
            for one in list(there.received):
                told[one.json["data"]["interactionId"]].add(one.id)
            return acknowledged <= told.keys()

        wait_for(are_all_told)
    assert all(len(ids) == 1 for ids in told.values())
    wait_for(lambda: acknowledged <= {end["interactionId"] for end in ends(server)} or many(told))
    recorded = [end["deliveryId"] for end in ends(server)]
    assert len(recorded) == len(set(recorded))
    assert server.stop() == 0


def many(told: dict[str, set[str]]) -> bool:
    """More ends than a page of interactions holds."""
    return len(told) > 900


def test_killed_while_it_tells_it_tells_of_everything_under_one_id_each(tmp_path: Path) -> None:
    crash_again_and_again(tmp_path / "data", rounds=4, seed=1)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("seed", range(2, 6))
def test_killed_many_times_it_still_does(seed: int, tmp_path: Path) -> None:
    crash_again_and_again(tmp_path / "data", rounds=12, seed=seed)

"""Kill the server at any instant: every recorded interaction is sent, under one id."""

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
    """Records a few at a time until the server dies; the next one repeats the unanswered ones."""

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
        created = client.post("/api/channels", json=channel).json()
        subscription = {**TOPIC, "channelId": created["channelId"]}
        answer = client.post("/api/subscriptions", json=subscription)
        assert answer.status_code == 201, answer.text


def outcomes(server: Server) -> list[dict[str, Any]]:
    with server.client() as client:
        params: dict[str, Any] = {"origin": "NOTIFY", "limit": 1_000}
        interactions = client.get("/api/interactions", params=params).json()["interactions"]
    return [each["interaction"] for each in interactions]


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
            writers = [Writer(server, acknowledged, each.unanswered) for each in writers]
        sent_ids: dict[str, set[str]] = defaultdict(set)

        def are_all_sent() -> bool:
            for each in list(there.received):
                sent_ids[each.json["data"]["interactionId"]].add(each.id)
            return acknowledged <= sent_ids.keys()

        wait_for(are_all_sent)
    assert all(len(ids) == 1 for ids in sent_ids.values())
    wait_for(
        lambda: (
            acknowledged <= {outcome["interactionId"] for outcome in outcomes(server)}
            or exceeds_a_page(sent_ids)
        )
    )
    recorded = [outcome["deliveryId"] for outcome in outcomes(server)]
    assert len(recorded) == len(set(recorded))
    assert server.stop() == 0


def exceeds_a_page(sent_ids: dict[str, set[str]]) -> bool:
    """Whether there are more outcomes than a page of interactions holds."""
    return len(sent_ids) > 900


def test_killed_while_it_sends_it_sends_each_interaction_under_one_id(tmp_path: Path) -> None:
    crash_again_and_again(tmp_path / "data", rounds=4, seed=1)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("seed", range(2, 6))
def test_killed_many_times_it_still_sends_each_under_one_id(seed: int, tmp_path: Path) -> None:
    crash_again_and_again(tmp_path / "data", rounds=12, seed=seed)

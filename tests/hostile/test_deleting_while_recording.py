"""Deleting a catalog entry during recording neither blocks senders nor loses the entry's name."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import httpx2 as httpx
import pytest

from support.serving import Server

SENDERS = 12
NAMED = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}


@contextmanager
def _recording(server: Server) -> Iterator[list[int]]:
    """Senders that record until the block ends; the statuses of their answers."""
    is_over, statuses = threading.Event(), []

    def send(seed: int) -> None:
        random = Random(seed)
        with server.client() as client:
            while not is_over.wait(random.uniform(0, 0.1)):
                statuses.append(client.post("/api/interactions", json=NAMED).status_code)

    senders = [threading.Thread(target=send, args=(seed,)) for seed in range(SENDERS)]
    for sender in senders:
        sender.start()
    try:
        yield statuses
    finally:
        is_over.set()
        for sender in senders:
            sender.join()


def _entry(client: httpx.Client, mnemonic: str) -> str:
    answer = client.post("/api/actions", json={"mnemonic": mnemonic, "title": mnemonic})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["actionId"])


def test_deleting_an_entry_hangs_nobody(server: Server) -> None:
    with _recording(server) as statuses, server.client() as admin:
        for number in range(20):
            id = _entry(admin, f"unused-{number}")
            assert admin.delete(f"/api/actions/{id}").status_code == 204
            assert admin.get("/healthz").status_code == 200
    assert set(statuses) == {201}


@pytest.mark.parametrize("is_batch", [False, True])
def test_an_entry_is_deleted_or_used_but_never_both(server: Server, is_batch: bool) -> None:
    """A sender that records with a name during its deletion keeps the entry, or adds it again."""
    path = "/api/interactions/batch" if is_batch else "/api/interactions"

    def record(named: dict[str, str]) -> None:
        with server.client() as sender:
            answer = sender.post(path, json=[named] if is_batch else named)
            assert answer.status_code == 201, answer.text

    with server.client() as admin:
        for number in range(20):
            mnemonic = f"raced-{is_batch}-{number}"
            id = _entry(admin, mnemonic)
            named = {**NAMED, "action": mnemonic, "resourceId": mnemonic}
            sender = threading.Thread(target=record, args=(named,))
            sender.start()
            deleted = admin.delete(f"/api/actions/{id}")
            sender.join()
            assert deleted.status_code in (204, 409), deleted.text
            stored = admin.get("/api/interactions", params={"resourceId": mnemonic}).json()
            assert [each["action"] for each in stored["interactions"]] == [mnemonic]

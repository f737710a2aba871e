"""A store that another process holds locked delays only what has to be written to it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import httpx2 as httpx

from support.databases import open_database
from support.installation import Installation
from support.serving import Server
from tocsin.model.interactions.catalog import Kind
from tocsin.process.pools import RECORDING_THREADS

NAMED: dict[str, object] = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
# More than any pool of the server has threads.
SENDERS = RECORDING_THREADS + 5
# Counts as under way, which shows that the server has received it.
LONG = {"text": "x" * 70_000}


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the write lock of a store, as another process or another node does."""
    with closing(open_database(folder / "store.sqlite")) as other, other.writing():
        yield


def body_bytes(client: httpx.Client) -> float:
    lines = client.get("/metrics").text.splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith("tocsin_body_bytes"))


def interactions_are_recorded(client: httpx.Client) -> None:
    assert client.post("/api/interactions", json=NAMED).status_code == 201
    long = {**NAMED, "interaction": LONG}
    assert client.post("/api/interactions", json=long).status_code == 201
    assert client.post("/api/interactions/batch", json=[NAMED, NAMED]).status_code == 201
    assert client.get("/healthz").status_code == 200


def recorded_while_new_mnemonics_wait(
    server: Server, send: Callable[[httpx.Client, dict[str, object]], httpx.Response]
) -> Counter[int]:
    """Records known mnemonics while senders of new ones wait; the statuses of the latter."""

    def send_new(number: int) -> int:
        with server.client() as client:
            new = {**NAMED, "action": f"new-{time.time_ns()}-{number}", "interaction": LONG}
            return send(client, new).status_code

    with server.client() as client, ThreadPoolExecutor(SENDERS) as senders:
        interactions_are_recorded(client)
        with locked(server.folder):
            waiting = [senders.submit(send_new, number) for number in range(SENDERS)]
            deadline = time.monotonic() + 60
            while body_bytes(client) < SENDERS * len(LONG["text"]):
                # The first gives up after five seconds.
                assert time.monotonic() < deadline
                if any(sender.done() for sender in waiting):
                    break
            interactions_are_recorded(client)
            assert not all(sender.done() for sender in waiting)
        return Counter(sender.result() for sender in waiting)


def test_recording_goes_on_while_single_interactions_wait_for_the_store(server: Server) -> None:
    statuses = recorded_while_new_mnemonics_wait(
        server, lambda client, new: client.post("/api/interactions", json=new)
    )
    assert statuses.keys() <= {201, 503}
    assert statuses[201]


def test_recording_goes_on_while_batches_wait_for_the_store(server: Server) -> None:
    statuses = recorded_while_new_mnemonics_wait(
        server, lambda client, new: client.post("/api/interactions/batch", json=[new, NAMED])
    )
    assert statuses.keys() <= {201, 503}
    assert statuses[201]


def test_a_new_mnemonic_is_unavailable_if_the_store_stays_locked(server: Server) -> None:
    with server.client() as client:
        assert client.post("/api/interactions", json=NAMED).status_code == 201
        with locked(server.folder):
            new = {**NAMED, "action": "never-recorded"}
            batch = client.post("/api/interactions/batch", json=[new])
            assert (batch.status_code, batch.headers["retry-after"]) == (503, "1")
            assert client.post("/api/interactions", json=new).status_code == 503
        assert client.post("/api/interactions/batch", json=[new]).status_code == 201


def test_concurrent_new_mnemonics_do_not_exceed_the_ceiling_of_the_catalog(tmp_path: Path) -> None:
    opened = Installation(tmp_path, max_catalog_entries=20)
    assert opened.sender.post("/api/interactions", json=NAMED).status_code == 201
    for number in range(opened.runtime.catalog.capacity(Kind.ACTION) - 1):
        new = {**NAMED, "action": f"a{number}"}
        assert opened.sender.post("/api/interactions", json=new).status_code == 201

    def send(number: int) -> tuple[int, str]:
        new = {**NAMED, "action": f"last{number}"}
        if number % 2:
            answer = opened.sender.post("/api/interactions", json=new)
        else:
            answer = opened.sender.post("/api/interactions/batch", json=[new])
        return answer.status_code, answer.text

    with ThreadPoolExecutor(6) as senders:
        with locked(tmp_path):
            sent = [senders.submit(send, number) for number in range(6)]
            # All are parsed before the first is registered; the outcome is the same if not.
            time.sleep(0.5)
        answers = [sender.result() for sender in sent]
    assert sorted(status for status, _ in answers) == [201, *[422] * 5], answers
    assert all("the catalog is full" in text for status, text in answers if status == 422)
    assert opened.runtime.catalog.capacity(Kind.ACTION) == 0
    opened.runtime.close()

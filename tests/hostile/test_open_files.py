"""The limit for open files is raised, divided, and enough for payloads of thousands of keys."""

from __future__ import annotations

import json
import random
import resource
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from support.raw_client import RawClient
from support.serving import Server

SOFT, HARD = 512, 1024
KEYS, ROWS, BATCHES = 3_000, 200, 12
HALF_A_REQUEST = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with few open files: 512, or 1,024 if it asks for them."""
    server = Server(tmp_path_factory.mktemp("limited") / "data")
    server.start(wrapper=["prlimit", f"--nofile={SOFT}:{HARD}"])
    yield server
    server.stop()


def test_the_soft_limit_is_raised_and_a_low_hard_limit_is_logged_once(limited: Server) -> None:
    assert limited.process
    assert resource.prlimit(limited.process.pid, resource.RLIMIT_NOFILE) == (HARD, HARD)
    lines = [json.loads(line) for line in limited.log.splitlines() if "open files" in line]
    assert [line["allowed"] for line in lines] == [HARD]
    assert lines[0]["needed"] > HARD
    assert "LimitNOFILE" in lines[0]["remedy"]


def test_batches_of_thousands_of_keys_are_recorded_with_few_open_files(limited: Server) -> None:
    drawn = random.Random(1)

    def line() -> str:
        keys = drawn.sample(range(KEYS), 100)
        payload = {f"k{key}": drawn.choice([1, 1.5, "text", True]) for key in keys}
        interaction = {"resourceType": "WIDE", "resourceId": "1", "action": "A", "origin": "O"}
        return json.dumps(
            {**interaction, "timestamp": "2026-03-01T00:00:00Z", "interaction": payload}
        )

    headers = {"content-type": "application/x-ndjson"}
    with limited.client() as client:
        for _ in range(BATCHES):
            content = "\n".join(line() for _ in range(ROWS))
            answer = client.post("/api/interactions/batch", content=content, headers=headers)
            assert answer.status_code == 201, answer.text
    assert "Too many open files" not in limited.log


def test_connections_over_the_limit_are_answered_with_503_and_others_are_served(
    limited: Server,
) -> None:
    with ExitStack() as opened, limited.client() as established:
        assert established.get("/healthz").status_code == 200
        clients = [opened.enter_context(RawClient(limited)) for _ in range(HARD)]
        for client in clients:
            client.send(HALF_A_REQUEST)
        interaction = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
        assert established.get("/healthz").status_code == 200
        assert established.post("/api/interactions", json=interaction).status_code == 201
        clients[-1].send(b"\r\n")
        answer = clients[-1].answer()
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1\r\n" in answer
    refusals = [line for line in limited.log.splitlines() if "connection refused" in line]
    assert 1 <= len(refusals) < 60


def is_served_soon(server: Server) -> bool:
    """A refused connection may linger for some seconds after its answer."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with server.client() as client:
            if client.get("/healthz").status_code == 200:
                return True
        time.sleep(0.2)
    return False


def test_half_open_requests_end_so_that_others_are_served_again(limited: Server) -> None:
    with ExitStack() as opened:
        clients = [opened.enter_context(RawClient(limited)) for _ in range(HARD)]
        for client in clients:
            client.send(HALF_A_REQUEST)
        assert {client.status() for client in clients} <= {408, 503, None}
        assert is_served_soon(limited)

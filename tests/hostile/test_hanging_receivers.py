"""Requests that wait for a receiver without an answer do not delay recording."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from support.serving import Server

ONE = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
# As many as the framework has threads for handlers.
CALLERS = 40


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=CALLERS) as listening:
        listening.settimeout(30)
        yield listening


@pytest.fixture
def sending(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "data", {"TOCSIN_ALLOW_PRIVATE_TARGETS": "true"})
    server.start()
    yield server
    server.stop()


def test_a_packed_body_is_recorded_while_forty_tests_of_a_channel_hang(
    sending: Server, receiver: socket.socket
) -> None:
    url = f"http://127.0.0.1:{receiver.getsockname()[1]}/"
    channel = {"name": "hangs", "kind": "webhook", "settings": {"url": url}}
    ended: list[int] = []
    with sending.client(limits=httpx.Limits(max_connections=None)) as client:
        id = client.post("/api/channels", json=channel).json()["channelId"]

        def test_channel() -> None:
            ended.append(client.post(f"/api/channels/{id}/test").status_code)

        callers = [threading.Thread(target=test_channel) for _ in range(CALLERS)]
        for caller in callers:
            caller.start()
        held = [receiver.accept()[0] for _ in callers]
        for path in ("", "/batch"):
            body = gzip.compress(httpx.Request("POST", "/", json=[ONE] if path else ONE).content)
            packed = client.post(
                f"/api/interactions{path}", content=body, headers={"content-encoding": "gzip"}
            )
            assert packed.status_code == 201
        assert not ended
        for connection in held:
            connection.close()
        for caller in callers:
            caller.join()

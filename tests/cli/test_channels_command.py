"""`tocsin channels` against a real server."""

from __future__ import annotations

from typing import Any

from running import Run

CHANNEL = {"name": "on-call", "kind": "webhook", "settings": {"url": "http://127.0.0.1:9/"}}


def test_channels_are_listed_and_tried(at_server: Run, server: Any) -> None:
    with server.client() as client:
        assert client.post("/api/channels", json=CHANNEL).status_code == 201
    assert "on-call" in at_server("channels", "list").stdout
    tried = at_server("channels", "test", "on-call")
    assert tried.returncode == 1
    assert "It could not be sent: This address is private or reserved" in tried.stderr


def test_a_channel_that_is_not_there_is_named(at_server: Run) -> None:
    failed = at_server("channels", "test", "nobody")
    assert failed.returncode == 1
    assert "There is no channel named nobody" in failed.stderr

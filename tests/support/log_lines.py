"""Reads the log of a server process, and signs in to its pages."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2 as httpx

from support.serving import Server

FORM = {"sec-fetch-site": "same-origin"}


def lines(server: Server, event: str) -> list[dict[str, Any]]:
    whole, _, _ = server.log.rpartition("\n")
    parsed = [json.loads(line) for line in whole.splitlines() if line.startswith("{")]
    return [line for line in parsed if line["event"] == event]


def logged(server: Server, event: str, count: int = 1) -> list[dict[str, Any]]:
    """The lines of an event once there are `count`: a thread of its own writes the log."""
    deadline = time.monotonic() + 20
    while len(matching := lines(server, event)) < count:
        assert time.monotonic() < deadline, f"{len(matching)} lines of {event}"
        time.sleep(0.05)
    return matching


@contextmanager
def signed_in(server: Server, key: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers=FORM, timeout=30) as client:
        assert client.post("/web/sign-in", data={"key": key}).status_code == 303
        yield client

"""A server for tests of the client, the numbers that it counts, and processes that record."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.serving import Server

SOURCES = Path(__file__).parents[1] / "src"


@contextmanager
def running_server(folder: Path) -> Iterator[Server]:
    server = Server(folder / "data")
    server.start()
    try:
        yield server
    finally:
        if server.process and server.process.poll() is None:
            server.stop()


def counts(server: Server, resource_type: str) -> tuple[int, int]:
    """The interactions of a type, and their different payloads' `n`, as the server counts them."""
    scope = {"resourceType": resource_type}
    with server.client() as client:

        def value(metric: dict[str, Any]) -> int:
            answer = client.post("/api/interaction-metrics/preview", json={**scope, **metric})
            assert answer.status_code == 200, answer.text
            return int(answer.json()["results"][0]["value"])

        distinct = {"metricType": "DISTINCT_COUNT", "field": "interaction.n"}
        return value({"metricType": "COUNT"}), value(distinct)


def interactions(server: Server, resource_type: str) -> list[dict[str, Any]]:
    with server.client() as client:
        answer = client.get("/api/interactions", params={"resourceType": resource_type})
        # A type that nothing is recorded with is unknown.
        listed: list[dict[str, Any]] = answer.json().get("interactions", [])
        return listed


def script(server_url: str, code: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a process with a client `tocsin`."""
    head = f"from tocsin_client import *\ntocsin = Client({server_url!r}, {Server.admin_key!r})\n"
    return subprocess.run(
        [sys.executable, "-c", head + code],
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        timeout=60,
    )

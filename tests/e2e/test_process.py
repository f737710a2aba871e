"""Start and stop of the process, as an operator sees them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx2 as httpx
import pytest

from support.deployments import settings_in
from support.serving import Server, free_port
from support.trusted_clock import tend_with_trusted_clock
from tocsin.model.instant import from_milliseconds
from tocsin.model.interactions.search import Search
from tocsin.runtime import Runtime


def serve(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `tocsin serve` that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "tocsin.cli", "serve", "--data-dir", str(folder)],
        env={**os.environ, "TOCSIN_PORT": str(free_port()), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_sigterm_finishes_waiting_writes_and_ends_with_success(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    server.start()
    acknowledged: list[int] = []

    def write() -> None:
        with server.client() as client:
            for number in range(10_000):
                body = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
                try:
                    answer = client.post("/api/interactions", json={**body, "userId": str(number)})
                except httpx.HTTPError:
                    return
                if answer.status_code == 201:
                    acknowledged.append(number)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    time.sleep(1)
    started = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - started < 10
    for writer in writers:
        writer.join()
    server.start()
    with server.client() as client:
        metric = {"metricType": "COUNT"}
        answer = client.post("/api/interaction-metrics/preview", json=metric).json()
    server.stop()
    assert answer["results"][0]["value"] >= len(acknowledged) > 10


def test_a_taken_port_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = serve(tmp_path / "data", TOCSIN_PORT=port)
    assert ended.returncode == 1
    assert f"Cannot listen on 127.0.0.1, port {port}" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TOCSIN_PORT", "eighty"),
        ("TOCSIN_RETENTION", "soon"),
        ("TOCSIN_ADMIN_KEY", "short"),
        ("TOCSIN_ADMIN_KEY", "kein-schlüssel-für-köpfe"),
        ("TOCSIN_ADMIN_KEY", " a-blank-before-the-key"),
        ("TOCSIN_ADMIN_KEY", "a-line-end-after-the-key\r"),
    ],
)
def test_nonsense_in_the_environment_is_refused_at_the_start(
    variable: str, value: str, tmp_path: Path
) -> None:
    ended = serve(tmp_path, **{variable: value})
    assert ended.returncode == 1
    assert variable in ended.stderr
    assert "Traceback" not in ended.stderr


def test_retention_drops_old_months_and_never_gives_a_number_twice(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", {"TOCSIN_OLDEST_DAYS": "20000"})
    server.start()

    def record(timestamp: str | None = None) -> int:
        body = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
        with server.client() as client:
            answer = client.post("/api/interactions", json={**body, "timestamp": timestamp})
        return int(answer.json()["interactionNumber"])

    record()
    last = record("2001-01-01T00:00:00Z")
    server.stop()
    # The server itself drops half of the rows only after it has observed its clock for a day.
    for rows in (2, 1):
        runtime = Runtime(settings_in(tmp_path / "data", retention="90d"))
        assert runtime.engine.rows() == rows
        tend_with_trusted_clock(runtime, runtime.now())
        page = runtime.history.page(Search(), 10, None).interactions
        assert [from_milliseconds(interaction.timestamp).year > 2001 for interaction in page] == [
            True
        ]
        runtime.close()
    server.start()
    assert record() > last
    server.stop()

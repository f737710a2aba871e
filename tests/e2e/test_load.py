"""A calculation that is too heavy is rejected with a reason, and affects no other request."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from support.serving import Server

GIB = 1024 * 1024  # in KiB, the unit of the kernel
ROWS, BATCH = 50_000, 10_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that may use 128 MiB for a calculation, with a long key different in each row."""
    folder = tmp_path_factory.mktemp("heavy")
    started = Server(folder / "data", environment={"TOCSIN_QUERY_MEMORY": str(128 * 1024 * 1024)})
    started.start()
    with started.client() as client:
        for first in range(0, ROWS, BATCH):
            lines = "\n".join(line(number) for number in range(first, first + BATCH))
            kind = {"content-type": "application/x-ndjson"}
            answer = client.post("/api/interactions/batch", content=lines, headers=kind)
            assert answer.status_code == 201
    yield started
    started.stop()


def line(number: int) -> str:
    payload = {"key": f"{number:0>400}", "n": number}
    scope = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
    return json.dumps({**scope, "interaction": payload})


def preview(server: Server, metric: dict[str, Any], limit: int = 100) -> httpx.Response:
    with server.client() as client:
        return client.post(
            f"/api/interaction-metrics/preview?limit={limit}", json=metric, timeout=90
        )


WIDE = {"metricType": "COUNT", "groupBy": ["interaction.key"]}


def test_a_group_for_each_interaction_is_cut_and_says_so(server: Server) -> None:
    answer = preview(server, WIDE)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["results"]) == 100
    assert answer.json()["truncated"] is True
    assert answer.json()["groupCount"] == ROWS


def test_fifty_concurrent_heavy_calculations_leave_the_server_alive_within_2_gib(
    server: Server,
) -> None:
    with ThreadPoolExecutor(50) as callers:
        answers = list(callers.map(lambda _: preview(server, WIDE), range(50)))
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses[200] > 0
    assert statuses.keys() <= {200, 422, 503}
    for answer in answers:
        if answer.status_code == 422:
            assert "narrow its scope" in answer.json()["detail"]
    assert preview(server, {"metricType": "COUNT"}).json()["results"][0]["value"] == ROWS
    assert peak_memory(server) < 2 * GIB


def peak_memory(server: Server) -> int:
    """KiB resident at most since the process started."""
    assert server.process
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])

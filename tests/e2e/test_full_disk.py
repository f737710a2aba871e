"""Behaviour on a full disk, with a small file system in memory."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from support.serving import Server

BODY = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
FULL = "No space left on device"
PATIENCE_SECONDS = 60


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """64 MiB of it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a file system can only be mounted by root")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def on_disk(disk: Path) -> Iterator[Server]:
    server = Server(disk / "data")
    # The log is outside of the folder, which is going to be full.
    server.start(60)
    yield server
    server.stop(60)


def fill(disk: Path, leave: int = 0) -> Path:
    file = disk / "filler"
    with file.open("wb", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(64 * 1024))
        except OSError:
            pass
        filler.truncate(max(file.stat().st_size - leave, 0))
    return file


def until(condition: Callable[[], bool]) -> None:
    gives_up = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < gives_up
        time.sleep(0.1)


def readiness(client: httpx.Client) -> tuple[int, str, str]:
    answer = client.get("/readyz")
    body = answer.json()
    return answer.status_code, body["status"], " ".join(body.get("problems", []))


@pytest.mark.parametrize("leave", [0, 512 * 1024])
def test_a_full_disk_is_named_and_recording_recovers_by_itself(
    on_disk: Server, disk: Path, leave: int
) -> None:
    with on_disk.client() as client:
        assert client.post("/api/interactions", json=BODY).status_code == 201
        filler = fill(disk, leave)
        until(lambda: readiness(client)[1] == "degraded")
        status, _, problems = readiness(client)
        assert status == 200
        assert f"The data folder cannot be written ({FULL})" in problems
        for path, body in (("", BODY), ("/batch", [BODY]), ("", {**BODY, "action": "new"})):
            refused = client.post(f"/api/interactions{path}", json=body)
            if refused.is_success:
                # A new mnemonic may still fit into the store.
                continue
            assert refused.status_code == 503
            assert FULL in refused.json()["detail"] or "disk is full" in refused.json()["detail"]
            assert refused.headers["retry-after"]
        assert 'tocsin_problems{kind="disk"} 1.0' in client.get("/metrics").text
        counted = client.post("/api/interaction-metrics/preview", json={"metricType": "COUNT"})
        assert counted.status_code == 200
        filler.unlink()
        until(lambda: client.post("/api/interactions", json=BODY).status_code == 201)
        until(lambda: readiness(client) == (200, "ready", ""))
        assert 'tocsin_problems{kind="disk"} 0.0' in client.get("/metrics").text


def test_a_folder_on_a_full_disk_can_be_read_after_a_restart(disk: Path) -> None:
    server = Server(disk / "data")
    server.start(60)
    with server.client() as client:
        assert client.post("/api/interactions", json=BODY).status_code == 201
    server.stop(60)
    filler = fill(disk, 256 * 1024)
    server.start(60)
    with server.client() as client:
        assert client.get("/api/interactions").json()["interactions"]
        assert client.post("/api/interactions", json=BODY).status_code == 503
        filler.unlink()
        until(lambda: client.post("/api/interactions", json=BODY).status_code == 201)
    server.stop(60)

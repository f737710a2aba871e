"""Recording fills a real file system, is refused, and goes on by itself when there is room."""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from support.serving import Server

MEGABYTES, FILLER_MEGABYTES = 192, 64
ROWS, TEXT_BYTES = 100, 40_000
PATIENCE_SECONDS = 90

pytestmark = pytest.mark.long


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """An ext4 file system in a file, a third of which is in use by another file."""
    image, folder = tmp_path / "image", tmp_path / "disk"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(MEGABYTES << 20)
    make: tuple[str | Path, ...] = ("mkfs.ext4", "-q", "-m", "0", image)
    mount: tuple[str | Path, ...] = ("mount", "-o", "loop", image, folder)
    for command in (make, mount):
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("a file system can only be made and mounted by root")
    (folder / "filler").write_bytes(bytes(FILLER_MEGABYTES << 20))
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def send(client: httpx.Client) -> int:
    """The interactions of a batch of some megabytes that were accepted."""
    rows = [
        {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O",
         "interaction": {"text": secrets.token_hex(TEXT_BYTES // 2)}}
        for _ in range(ROWS)
    ]  # fmt: skip
    answer = client.post("/api/interactions/batch", json=rows)
    if answer.status_code == 201:
        return int(answer.json()["accepted"])
    assert answer.status_code in (503, 507), answer.text
    assert "disk" in answer.json()["detail"].lower() or "space" in answer.json()["detail"]
    return 0


def send_until_refused(client: httpx.Client) -> int:
    accepted = 0
    for _ in range(10 * MEGABYTES):
        if not (recorded := send(client)):
            return accepted
        accepted += recorded
    raise AssertionError("the disk took more than it has")


def count(client: httpx.Client) -> int:
    answer = client.post("/api/interaction-metrics/preview", json={"metricType": "COUNT"})
    return int(answer.json()["results"][0]["value"])


def accepted_again(client: httpx.Client) -> int:
    gives_up = time.monotonic() + PATIENCE_SECONDS
    while not (accepted := send(client)):
        assert time.monotonic() < gives_up
        time.sleep(1)
    return accepted


def test_recording_is_refused_when_it_has_filled_the_disk_and_goes_on_when_there_is_room(
    disk: Path,
) -> None:
    server = Server(disk / "data")
    server.start(60)
    with server.client() as client:
        accepted = send_until_refused(client)
        assert accepted
        # Merges need room, too; calculations do not.
        for _ in range(5):
            assert count(client) == accepted
            accepted += send(client)
            time.sleep(1)
        (disk / "filler").unlink()
        accepted += accepted_again(client)
        accepted += send_until_refused(client)
        assert count(client) == accepted
    server.kill()
    server.start(60)
    with server.client() as client:
        assert count(client) == accepted
    server.stop(60)

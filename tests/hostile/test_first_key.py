"""The first admin key reaches its owner, and nobody who reads the log."""

from __future__ import annotations

import os
import pty
import stat
import subprocess
import sys
from pathlib import Path

from support.deployments import folder_only
from support.serving import Server, free_port

# On servers, `tocsin migrate` prints the key.
pytestmark = folder_only


def started_without_a_key(folder: Path) -> Server:
    server = Server(folder, environment={"TOCSIN_ADMIN_KEY": ""}, admin_key="")
    server.start()
    return server


def test_without_a_terminal_the_key_is_in_a_file_of_its_owner_and_not_in_the_log(
    tmp_path: Path,
) -> None:
    server = started_without_a_key(tmp_path / "data")
    file = tmp_path / "data" / "admin-key"
    key = file.read_text().strip()
    with server.client() as client:
        answer = client.get("/api/keys", headers={"x-api-key": key})
    assert server.stop() == 0
    assert answer.status_code == 200
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert str(file) in server.log
    assert key not in server.log


def test_the_file_is_written_at_the_first_start_only(tmp_path: Path) -> None:
    server = started_without_a_key(tmp_path / "data")
    server.stop()
    file = tmp_path / "data" / "admin-key"
    file.unlink()
    server.start()
    server.stop()
    assert not file.exists()


def test_a_key_that_cannot_be_written_to_the_file_is_printed(tmp_path: Path) -> None:
    (tmp_path / "data" / "admin-key").mkdir(parents=True)
    server = started_without_a_key(tmp_path / "data")
    server.stop()
    assert "shown this once:" in server.log


def test_on_a_terminal_the_key_is_printed(tmp_path: Path) -> None:
    primary, secondary = pty.openpty()
    command = [
        *(sys.executable, "-m", "tocsin.cli", "serve", "--port", str(free_port())),
        *("--data-dir", str(tmp_path / "data")),
    ]
    environment = {**os.environ, "TOCSIN_ADMIN_KEY": ""}
    process = subprocess.Popen(
        command, env=environment, stdout=secondary, stderr=subprocess.DEVNULL
    )
    os.close(secondary)
    try:
        printed = b""
        while b"Try it" not in printed:
            printed += os.read(primary, 4096)
    finally:
        process.terminate()
        process.wait(30)
        os.close(primary)
    assert b"shown this once:" in printed
    assert not (tmp_path / "data" / "admin-key").exists()

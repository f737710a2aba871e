"""`tocsin backup` of a running server, and `tocsin restore` of the backup."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.deployments import folder_only
from support.running import Run, environment_with, run_here, run_tocsin
from support.serving import Server

NAMED = {"resourceType": "CARGO", "resourceId": "1", "action": "PACKED", "origin": "WEB"}

pytestmark = folder_only


@pytest.fixture(scope="module")
def cargo(server: Any) -> int:
    with server.client() as client:
        cargo = [{**NAMED, "timestamp": f"2020-0{n % 9 + 1}-01T00:00:00Z"} for n in range(900)]
        assert client.post("/api/interactions/batch", json=cargo).status_code == 201
    return len(cargo)


def test_a_backup_of_a_running_server_is_verified_restored_and_served(
    at_server: Run, cargo: int, tmp_path: Path
) -> None:
    to = tmp_path / "backup"
    done = at_server("backup", to)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Backed up to {to}: {cargo:,} interactions, ")
    assert json.loads((to / "manifest.json").read_text())["latestNumber"] == cargo
    assert (to / "store.sqlite").stat().st_mode & 0o077 == 0
    assert to.stat().st_mode & 0o077 == 0

    verified = run_here("backup", "verify", to)
    assert verified.stdout.startswith(f"{to} is complete: {cargo:,} interactions, ")
    folder = tmp_path / "restored"
    restored = run_tocsin("restore", to, "--data-dir", folder)
    assert restored.stdout.startswith(f"Restored to {folder}: {cargo:,} interactions, ")

    server = Server(folder)
    server.start()
    try:
        metric = {"metricType": "COUNT", "resourceType": "CARGO"}
        with server.client() as client:
            answer = client.post("/api/interaction-metrics/preview", json=metric).json()
        assert answer["results"][0]["value"] == cargo
        again = run_here("backup", tmp_path / "another", "--data-dir", folder)
        assert again.returncode == 1
        assert "in use by process" in again.stderr
    finally:
        assert server.stop() == 0
    offline = run_tocsin("backup", tmp_path / "another", "--data-dir", folder)
    assert f"{cargo:,} interactions" in offline.stdout


def test_a_target_that_is_not_empty_is_refused(at_server: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for refused in (
        at_server("backup", tmp_path),
        run_tocsin("restore", tmp_path / "missing", "--data-dir", tmp_path),
    ):
        assert refused.returncode == 1
        assert "tocsin: " in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_key_that_is_no_admin_makes_no_backup(server: Any, tmp_path: Path) -> None:
    with server.client() as client:
        key = client.post("/api/keys", json={"name": "reader", "role": "read"}).json()["key"]
    environment = {"TOCSIN_URL": server.url, "TOCSIN_API_KEY": key}
    refused = run_tocsin("backup", tmp_path / "to", environment=environment)
    assert refused.returncode == 1
    assert "role" in refused.stderr
    assert not (tmp_path / "to").exists()


def test_a_client_that_is_killed_leaves_an_incomplete_backup_and_no_files_at_the_server(
    server: Any, cargo: int, tmp_path: Path
) -> None:
    assert cargo
    environment = environment_with({"TOCSIN_URL": server.url, "TOCSIN_API_KEY": server.admin_key})
    command = [sys.executable, "-m", "tocsin.cli", "backup", str(tmp_path / "to")]
    with subprocess.Popen(command, env=environment) as process:
        while not list(tmp_path.glob("to/engine/**/data.packed")):
            assert process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
    refused = run_tocsin("backup", "verify", tmp_path / "to")
    assert "is no complete backup" in refused.stderr
    # Another process: its start gives the server time to notice that the client is gone.
    again = run_tocsin(
        "backup",
        tmp_path / "again",
        environment={"TOCSIN_URL": server.url, "TOCSIN_API_KEY": server.admin_key},
    )
    assert again.returncode == 0, again.stderr

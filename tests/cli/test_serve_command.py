"""`tocsin serve` writes a log, and reports in one line why it does not start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.running import run_tocsin


def test_a_folder_that_another_server_uses_is_rejected(server: Any) -> None:
    """The folder on the command line overrides an empty variable."""
    options = ("--port", "0", "--data-dir", server.folder)
    failed = run_tocsin("serve", *options, environment={"TOCSIN_DATA_DIR": ""})
    assert failed.returncode == 1
    last = failed.stderr.splitlines()[-1]
    assert last.startswith("tocsin: ")
    assert "data folder" in last
    assert "is in use by process" in last
    assert "Traceback" not in failed.stderr


def test_the_log_is_json_without_a_terminal(server: Any) -> None:
    lines = [json.loads(line) for line in server.log.splitlines() if line.strip()]
    assert any(line["event"] == "serving" for line in lines)
    assert all("timestamp" in line and "level" in line for line in lines)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs the maps of a process")
def test_a_server_that_records_loads_no_pandas(server: Any) -> None:
    with server.client() as client:
        interaction = {"resourceType": "A", "resourceId": "1", "action": "B", "origin": "C"}
        assert client.post("/api/interactions", json=interaction).is_success
    maps = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "pyarrow" in maps
    assert "pandas" not in maps


@pytest.mark.parametrize(
    ("options", "environment"),
    [(["--port", "70000"], {}), ([], {"TOCSIN_ADMIN_KEY": "short"})],
)
def test_an_invalid_setting_is_named(
    options: list[str], environment: dict[str, str], tmp_path: Path
) -> None:
    failed = run_tocsin("serve", *options, "--data-dir", tmp_path, environment=environment)
    assert failed.returncode == 1
    assert failed.stderr.startswith("tocsin: These settings are invalid: TOCSIN_")
    assert failed.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "environment"),
    [
        (["--data-dir", ""], {}),
        (["--data-dir", "  "], {}),
        ([], {"TOCSIN_DATA_DIR": ""}),
        (["--data-dir="], {"TOCSIN_DATA_DIR": "elsewhere"}),
    ],
)
def test_an_empty_data_folder_is_rejected(
    options: list[str], environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    failed = run_tocsin("serve", "--port", "0", *options, environment=environment)
    assert failed.returncode == 1
    assert failed.stderr == (
        "tocsin: These settings are invalid: TOCSIN_DATA_DIR must name a folder, and is empty\n"
    )
    assert list(tmp_path.iterdir()) == []

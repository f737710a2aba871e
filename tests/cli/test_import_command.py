"""`tocsin import` against a real server: each line is recorded once."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import zstandard

from support.running import Run, environment_with, run_here, run_tocsin


def line(resource_id: str, **more: Any) -> bytes:
    common = {"resourceType": "ORDER", "action": "PLACED", "origin": "WEB", **more}
    return json.dumps({"resourceId": resource_id, **common}).encode() + b"\n"


def lines(prefix: str, count: int) -> bytes:
    return b"".join(line(f"{prefix}-{n}", interaction={"total": n / 4}) for n in range(count))


def recorded(server: Any, resource_id: str) -> list[Any]:
    with server.client() as client:
        answer = client.get("/api/interactions", params={"resourceId": resource_id})
        return list(answer.raise_for_status().json()["interactions"])


def wait_until_recorded(server: Any, resource_id: str) -> None:
    deadline = time.monotonic() + 60
    while not recorded(server, resource_id):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_a_file_is_recorded_and_a_repeat_records_nothing(
    at_server: Run, server: Any, tmp_path: Path, pack: type[bytes]
) -> None:
    path = tmp_path / "june"
    path.write_bytes(pack(lines(pack.__module__, 12_000)))
    first, second = at_server("import", path), at_server("import", path)
    assert first.stdout.startswith("12,000 accepted, 0 duplicates, 0 rejected")
    assert second.stdout.startswith("0 accepted, 12,000 duplicates, 0 rejected")
    assert (first.returncode, second.returncode, first.stderr) == (0, 0, "")
    (last,) = recorded(server, f"{pack.__module__}-11999")
    assert last["interaction"] == {"total": 2999.75}


def test_equal_lines_are_all_recorded(at_server: Run, server: Any, tmp_path: Path) -> None:
    path = tmp_path / "same"
    path.write_bytes(line("same") * 3)
    assert at_server("import", path).stdout.startswith("3 accepted")
    path.write_bytes(line("same") * 4)
    assert at_server("import", path).stdout.startswith("1 accepted, 3 duplicates")
    assert len(recorded(server, "same")) == 4


def test_standard_input_may_be_compressed(at_server: Run) -> None:
    packed = zstandard.compress(lines("stdin", 10))
    assert at_server("import", "-", input=packed).stdout.startswith(b"10 accepted")


def test_rejected_lines_are_reported_and_the_others_are_recorded(
    at_server: Run, tmp_path: Path
) -> None:
    path, rejects = tmp_path / "mixed", tmp_path / "rejects"
    bad = [b'{"resourceId":\n', b"[1]\n", b'{"resourceId":"r","colour":1}\n', b"\n", b"nonsense\n"]
    path.write_bytes(line("mixed-1") + b"".join(bad) + line("mixed-2"))
    done = at_server("import", path, "--rejects", rejects, "--show", 2)
    assert done.returncode == 1
    assert done.stdout.startswith("2 accepted, 0 duplicates, 4 rejected")
    assert done.stderr.count(f"{path}:") == 2
    assert f"and 2 more: see {rejects}" in done.stderr
    rejected = [json.loads(text) for text in rejects.read_text().splitlines()]
    assert [each["line"] for each in rejected] == [2, 3, 4, 6]
    assert {error["field"] for error in rejected[2]["errors"]} >= {"colour"}


def test_a_file_that_is_rejected_whole_is_reported_line_by_line(
    at_server: Run, tmp_path: Path
) -> None:
    path = tmp_path / "bad"
    path.write_bytes(b"nonsense\n" * 3)
    done = at_server("import", path)
    assert done.returncode == 1
    assert done.stdout.startswith("0 accepted, 0 duplicates, 3 rejected")
    assert f"{path}:3: " in done.stderr


def test_the_readable_part_of_a_truncated_file_is_recorded(at_server: Run, tmp_path: Path) -> None:
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(lines("cut", 20_000))[:-20])
    done = at_server("import", path)
    assert done.returncode == 1
    assert done.stdout.startswith("15,000 accepted")
    assert done.stderr == f"tocsin: {path} is cut off: its gzip stream has no end.\n"


def test_a_key_that_may_not_record_is_rejected_in_one_line(
    at_server: Run, server: Any, tmp_path: Path
) -> None:
    path = tmp_path / "june"
    path.write_bytes(lines("refused", 1))
    wrong = run_here("import", path, "--url", server.url, "--key", "tsn_no_such_key_0123456789")
    assert wrong.stderr.startswith("tocsin: The server at")
    assert "does not accept this key" in wrong.stderr
    reader = at_server("keys", "create", "--name", "reader", "--role", "read").stdout.strip()
    refused = run_here("import", path, "--url", server.url, "--key", reader)
    assert refused.returncode == 1
    assert refused.stderr.startswith("tocsin: ")


def test_an_import_survives_a_server_that_is_killed_and_started_again(
    server: Any, tmp_path: Path
) -> None:
    path = tmp_path / "long"
    path.write_bytes(lines("killed", 60_000))
    command = [sys.executable, "-m", "tocsin.cli", "import", str(path)]
    variables = {"TOCSIN_URL": server.url, "TOCSIN_API_KEY": server.admin_key}
    environment = environment_with(variables)
    running = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_until_recorded(server, "killed-0")
    server.kill()
    server.start()
    output, _ = running.communicate(timeout=100)
    assert running.returncode == 0
    accepted, duplicates = (int(n.split()[0].replace(",", "")) for n in output.split(", ")[:2])
    assert accepted + duplicates == 60_000
    again = run_tocsin("import", path, environment=variables)
    assert again.stdout.startswith("0 accepted, 60,000 duplicates")


def test_ctrl_c_ends_an_import_with_a_count_of_recorded_lines(server: Any, tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(lines("interrupted", 300_000))
    command = [sys.executable, "-m", "tocsin.cli", "import", str(path)]
    environment = environment_with({"TOCSIN_URL": server.url, "TOCSIN_API_KEY": server.admin_key})
    running = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_until_recorded(server, "interrupted-0")
    running.send_signal(signal.SIGINT)
    output, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert " accepted, " in output
    assert "Traceback" not in errors

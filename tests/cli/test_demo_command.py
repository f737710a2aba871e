"""`tocsin demo` starts a real server, records on it, shows it and leaves nothing behind."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx
import pytest

from support.running import environment_with, run_tocsin
from tocsin.cli.definition_entries import read_definitions
from tocsin.cli.demo.server import free_port
from tocsin.cli.demo.shop import DEFINITIONS
from tocsin.errors import TocsinError

READY = "Ctrl-C stops it."
SHORT = ("--port", "0", "--seconds", "0", "--history", "2")


@contextmanager
def running_demo(*options: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-u", "-m", "tocsin.cli", "demo", "--history", "1"]
    command += map(str, options)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment_with({})
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def read_until(process: subprocess.Popen[str], expected: str) -> str:
    assert process.stdout
    text = ""
    for line in process.stdout:
        text += line
        if expected in line:
            return text
    raise AssertionError(f"the output has no {expected!r}: {text}")


def recorded(output: str) -> int:
    match = re.search(r"history: ([0-9,]+) new interactions", output)
    assert match, output
    return int(match[1].replace(",", ""))


def url_in(output: str) -> str:
    match = re.search("Tocsin runs at (http://[^,]+),", output)
    assert match, output
    return match[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "data"


@pytest.fixture(scope="module")
def first_output(folder: Path) -> str:
    """The output of a demo that ended when it had recorded its history in the folder."""
    done = run_tocsin("demo", *SHORT, "--data-dir", folder)
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def test_the_commands_to_copy_work_values_change_and_ctrl_c_stops_the_demo() -> None:
    with running_demo("--port", 0) as demo:
        text = read_until(demo, READY)
        record, calculate, calculate_all = re.findall(r"^  (curl .*)$", text, re.MULTILINE)
        quiet = ["-s", "--fail-with-body"]

        def run(line: str) -> str:
            command = [*shlex.split(line), *quiet]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            return str(done.stdout)

        assert '"interactionNumber"' in run(record)
        assert '"metricName":"Failed logins by country (5m)"' in run(calculate).replace(
            '": "', '":"'
        )
        before = run(calculate_all)
        time.sleep(2)
        assert run(calculate_all) != before
        assert httpx.get(f"{url_in(text)}/docs", verify=False).status_code == 200
        check_stops_at(demo, signal.SIGINT, text)


@pytest.mark.long
def test_an_alert_fires_and_recovers_within_two_minutes_and_its_page_lists_both() -> None:
    with running_demo("--port", 0) as demo:
        text = read_until(demo, READY)
        match = re.search(r"Notifications of alerts are at (http://\S+)", text)
        assert match
        deadline = time.monotonic() + 130
        page = ""
        while time.monotonic() < deadline and not {"fired", "recovered"} <= events_in(page):
            time.sleep(1)
            page = httpx.get(match[1]).text
    assert events_in(page) >= {"fired", "recovered"}


def events_in(page: str) -> set[str]:
    return set(re.findall('<li class="([a-z]+)">', page))


def test_every_metric_is_shown_with_a_value(first_output: str) -> None:
    for definition in read_definitions(DEFINITIONS):
        (row,) = [text for text in first_output.splitlines() if definition["name"] in text]
        assert re.search("[1-9]", row.partition(definition["name"])[2])


def test_history_is_recorded_once_and_a_restart_fills_the_gap(
    first_output: str, folder: Path
) -> None:
    second = run_tocsin("demo", *SHORT, "--data-dir", folder)
    assert recorded(first_output) > 10_000
    assert recorded(second.stdout) < 5_000


@pytest.mark.long
def test_the_usual_history_is_a_day_and_the_orders_of_a_week_ago() -> None:
    done = run_tocsin("demo", "--port", 0, "--seconds", 0)
    assert done.returncode == 0, done.stderr
    assert recorded(done.stdout) > 200_000


def test_sigterm_stops_the_demo_and_its_server() -> None:
    with running_demo("--port", 0) as demo:
        check_stops_at(demo, signal.SIGTERM, read_until(demo, READY))


def check_stops_at(demo: subprocess.Popen[str], number: signal.Signals, text: str) -> None:
    """The signal stops the demo, whose output was the text so far, and its server."""
    demo.send_signal(number)
    rest = demo.communicate(timeout=30)[0]
    assert demo.returncode == 0
    assert rest.endswith("Stopped.\n")
    match = re.search("Data: (.*)", text)
    assert match
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url_in(text)}/readyz", verify=False)
    assert not Path(match[1]).exists()


def test_a_used_port_is_an_error_if_it_was_requested_and_skipped_otherwise() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(TocsinError, match=f"Port {port} of 127.0.0.1: Address already in use"):
            free_port("127.0.0.1", port)
    assert free_port("127.0.0.1", None) >= 8420


def test_the_log_of_a_server_that_does_not_start_is_shown(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    failed = run_tocsin("demo", "--port", 0, "--seconds", 0, "--data-dir", tmp_path / "file")
    assert failed.returncode == 1
    assert failed.stderr.startswith("tocsin: The server stopped. Its log ends with:\n")

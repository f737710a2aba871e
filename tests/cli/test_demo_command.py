"""`tocsin demo` starts a real server, fills it, shows it and leaves nothing behind."""

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

from support.running import Completed, environment_with, run_tocsin
from tocsin.cli.definition_files import read_definitions
from tocsin.cli.demo.server import free_port
from tocsin.cli.demo.shop import DEFINITIONS
from tocsin.errors import TocsinError

READY = "Ctrl-C stops it."


@contextmanager
def running_demo(*options: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-u", "-m", "tocsin.cli", "demo", *map(str, options)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment_with({})
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def read_until(process: subprocess.Popen[str], said: str) -> str:
    assert process.stdout
    text = ""
    for line in process.stdout:
        text += line
        if said in line:
            return text
    raise AssertionError(f"{said!r} was never said: {text}")


def recorded(said: str) -> int:
    found = re.search(r"history: ([0-9,]+) interactions", said)
    assert found, said
    return int(found[1].replace(",", ""))


def test_the_lines_to_copy_work_and_values_move() -> None:
    with running_demo("--port", 0) as demo:
        text = read_until(demo, READY)
        record, one, everything = re.findall(r"^  (curl .*)$", text, re.MULTILINE)
        silent = ["-s", "--fail-with-body"]

        def run(line: str) -> str:
            command = [*shlex.split(line), *silent]
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout

        assert '"interactionNumber"' in run(record)
        assert '"metricName":"Failed logins by country (5m)"' in run(one).replace('": "', '":"')
        before = run(everything)
        time.sleep(2)
        assert run(everything) != before
        found = re.search("Tocsin runs at (http://[^,]+),", text)
        assert found
        assert httpx.get(f"{found[1]}/docs").status_code == 200


@pytest.mark.long
def test_an_alert_fires_and_recovers_within_two_minutes_and_its_page_is_told() -> None:
    with running_demo("--port", 0) as demo:
        text = read_until(demo, READY)
        found = re.search(r"alerts tell at (http://\S+)", text)
        assert found
        gives_up = time.monotonic() + 130
        page = ""
        while time.monotonic() < gives_up and not {"fired", "recovered"} <= told_in(page):
            time.sleep(1)
            page = httpx.get(found[1]).text
    assert told_in(page) == {"fired", "recovered"}


def told_in(page: str) -> set[str]:
    return set(re.findall('<li class="([a-z]+)">', page))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "data"


@pytest.fixture(scope="module")
def first_run(folder: Path) -> Completed:
    """A demo of no seconds in a new folder."""
    return run_tocsin("demo", "--port", 0, "--seconds", 0, "--data-dir", folder)


def test_every_metric_is_shown_with_a_value(first_run: Completed) -> None:
    assert first_run.returncode == 0, first_run.stderr
    for definition in read_definitions(DEFINITIONS):
        (row,) = [text for text in first_run.stdout.splitlines() if definition["name"] in text]
        assert re.search("[1-9]", row.partition(definition["name"])[2])


def test_history_is_loaded_once_and_only_the_gap_is_filled(
    first_run: Completed, folder: Path
) -> None:
    second = run_tocsin("demo", "--port", 0, "--seconds", 0, "--data-dir", folder)
    assert recorded(first_run.stdout) > 40_000
    assert recorded(second.stdout) < 5_000


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_demo_and_its_server(number: signal.Signals) -> None:
    with running_demo("--port", 0) as demo:
        text = read_until(demo, READY)
        demo.send_signal(number)
        rest = demo.communicate(timeout=30)[0]
    assert demo.returncode == 0
    assert rest.endswith("Stopped.\n")
    found = re.search("Tocsin runs at (http://[^,]+),", text)
    folder = re.search("Data: (.*)", text)
    assert found
    assert folder
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{found[1]}/readyz")
    assert not Path(folder[1]).exists()


def test_a_port_that_is_taken_is_refused_if_it_was_asked_for_and_passed_over_if_not() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(TocsinError, match=f"Port {port} of 127.0.0.1: Address already in use"):
            free_port("127.0.0.1", port)
    assert free_port("127.0.0.1", None) >= 8420


def test_a_server_that_does_not_start_is_heard(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    failed = run_tocsin("demo", "--port", 0, "--seconds", 0, "--data-dir", tmp_path / "file")
    assert failed.returncode == 1
    assert failed.stderr.startswith("tocsin: The server stopped. It said:\n")

"""The server serves and stops, no matter whether its standard error and output can be written."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from support.raw_client import RawClient
from support.serving import ADMIN_KEY, Server, free_port

PIPE_BYTES = 4096


@contextmanager
def full_pipe() -> Iterator[int]:
    """A full pipe without a reader."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    os.write(writing, b"x" * PIPE_BYTES)
    yield writing
    os.close(reading)
    os.close(writing)


@contextmanager
def pipe_without_a_reader() -> Iterator[int]:
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@contextmanager
def full_disk() -> Iterator[int]:
    opened = os.open("/dev/full", os.O_WRONLY)
    yield opened
    os.close(opened)


def start(folder: Path, output: int, **environment: str) -> Server:
    """A ready server that writes its log and its standard output to a descriptor."""
    server = Server(folder, port=free_port())
    command = [
        *(sys.executable, "-m", "tocsin.cli", "serve"),
        *("--port", str(server.port), "--data-dir", str(folder)),
    ]
    variables = {**os.environ, "TOCSIN_ADMIN_KEY": ADMIN_KEY, **environment}
    server.process = subprocess.Popen(command, env=variables, stdout=output, stderr=output)
    assert server.wait_until_ready() is not None
    return server


def make_it_log(server: Server) -> None:
    """Each of these requests logs at least a line, a traceback among them."""
    for request in (b"NONSENSE\r\n\r\n", b"GET /" + b"a" * 70_000):
        with RawClient(server) as client:
            client.send(request)
            assert client.status() in (400, 431)


@pytest.mark.parametrize("output", [full_pipe, pipe_without_a_reader, full_disk])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_log_that_cannot_be_written_stops_neither_requests_nor_the_stop(
    output: Callable[[], AbstractContextManager[int]], number: signal.Signals, tmp_path: Path
) -> None:
    with ExitStack() as opened:
        descriptor = opened.enter_context(output())
        server = start(tmp_path / "data", descriptor, TOCSIN_LOG_LEVEL="debug")
        assert server.process
        try:
            make_it_log(server)
            with server.client() as client:
                body = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
                assert client.post("/api/interactions", json=body).status_code == 201
                assert "tocsin_log_lines_dropped_total" in client.get("/metrics").text
            server.process.send_signal(number)
            assert server.process.wait(30) == 0
        finally:
            server.process.kill()


def test_a_reader_that_comes_back_reads_how_many_lines_were_dropped() -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    command = [sys.executable, "-c", _LOGS_MUCH]
    process = subprocess.Popen(command, stderr=writing, stdout=subprocess.PIPE)
    os.close(writing)
    assert process.stdout
    with process.stdout as output, os.fdopen(reading, "rb") as log:
        assert output.readline() == b"logged\n"
        text = log.read().decode()
    assert process.wait(30) == 0
    reports = [json.loads(line) for line in text.splitlines() if "log lines dropped" in line]
    dropped = sum(report["lines"] for report in reports)
    assert dropped > 0
    assert text.count('"a line"') + dropped == 100_000


_LOGS_MUCH = """
import sys, time
import structlog
from tocsin.process import log_config
log_config.configure("auto", "info")
log = structlog.get_logger()
for number in range(100_000):
    log.warning("a line", text="x" * 100)
print("logged", flush=True)
sys.stdout.flush()
time.sleep(2)
"""

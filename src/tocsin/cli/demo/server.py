"""The server of the demo, as a process that is started, monitored and stopped."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpx2 as httpx

from tocsin.errors import TocsinError

FIRST_PORT, PORTS = 8420, 100
START_SECONDS, STOP_SECONDS = 90, 20
_LOG_LINES = 15
# The demo has a key and a data folder of its own: no sample data on the servers of somebody.
_NOT_INHERITED = (
    "TOCSIN_ADMIN_KEY_FILE",
    "TOCSIN_CLICKHOUSE_URL",
    "TOCSIN_CLICKHOUSE_URL_FILE",
    "TOCSIN_DATABASE_URL",
    "TOCSIN_DATABASE_URL_FILE",
)
# The address of a server that listens on all interfaces, as seen from this machine.
_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True, slots=True)
class RunningServer:
    url: str
    process: subprocess.Popen[bytes]
    log: BinaryIO

    def check(self) -> None:
        """Raises TocsinError with the end of the server's log if the process has ended."""
        if self.process.poll() is not None:
            self.log.seek(0)
            end = self.log.read().decode(errors="replace").strip().splitlines()[-_LOG_LINES:]
            raise TocsinError("The server stopped. Its log ends with:\n" + "\n".join(end))


@contextmanager
def running_server(host: str, port: int | None, folder: Path, key: str) -> Iterator[RunningServer]:
    """A server that is ready; it is stopped at the end."""
    port = free_port(host, port)
    command = ["serve", "--host", host, "--port", str(port), "--data-dir", str(folder)]
    # The demo's receiver of webhooks runs on this machine.
    environment = {
        **os.environ,
        "TOCSIN_ADMIN_KEY": key,
        "TOCSIN_ALLOW_PRIVATE_TARGETS": "true",
        "TOCSIN_BASE_URL": _url(host, port),
    }
    for variable in _NOT_INHERITED:
        environment.pop(variable, None)
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tocsin.cli", *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            # In a session of its own, because Ctrl-C reaches all processes of the terminal's group.
            start_new_session=True,
        )
        try:
            server = RunningServer(_url(host, port), process, log)
            _wait_until_ready(server)
            yield server
        finally:
            _stop(process)


def free_port(host: str, requested: int | None) -> int:
    """The requested port, or the first free one from 8420 on; raises TocsinError."""
    candidates = range(FIRST_PORT, FIRST_PORT + PORTS) if requested is None else [requested]
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise TocsinError(f"{host} is not an address of this machine.") from error
    problem = ""
    for port in candidates:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address[0], port))
            except OSError as error:
                problem = error.strerror or str(error)
            else:
                return int(probe.getsockname()[1])
    ports = (
        f"Port {requested}"
        if requested is not None
        else f"Ports {candidates[0]} to {candidates[-1]}"
    )
    raise TocsinError(f"{ports} of {host}: {problem}. Choose another with --port.")


def _url(host: str, port: int) -> str:
    here = _HERE.get(host, host)
    return f"http://[{here}]:{port}" if ":" in here else f"http://{here}:{port}"


def _wait_until_ready(server: RunningServer) -> None:
    deadline = time.monotonic() + START_SECONDS
    with httpx.Client(trust_env=False, timeout=5) as http:
        while time.monotonic() < deadline:
            server.check()
            try:
                if http.get(f"{server.url}/readyz").is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
    raise TocsinError(f"The server is not ready after {START_SECONDS} s.")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.kill()
        process.wait()

"""A real `tocsin serve` process: start, readiness, requests, memory, stop."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.connection import Address, Connection

COMMAND = Path(sys.executable).parent / "tocsin"
READY_WITHIN = 300.0  # seconds; a server that opens ten million interactions
STOPPED_WITHIN = 120.0
ON_DISK = "tocsin_engine_bytes_on_disk "
QUIET_SHARE = 0.05  # of one core
QUIET_WITHIN = 600.0
KINDS = {
    "resource-types": "resourceTypeId",
    "actions": "actionId",
    "origins": "originId",
}


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of one process in bytes: its peak, now, and the part that is no file."""

    peak: int
    resident: int
    anonymous: int


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, and a connection to it that is kept alive."""

    process: subprocess.Popen[bytes]
    address: Address
    key: str
    connection: Connection
    ready_after: float

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON; RuntimeError if it is no success."""
        content = b"" if body is None else json.dumps(body).encode()
        return json.loads(self._ask(method, path, content) or b"null")

    def catalog(self) -> dict[str, str]:
        """The id of every mnemonic."""
        return {
            entry["mnemonic"]: entry[id_member]
            for kind, id_member in KINDS.items()
            for entry in self.ask("GET", f"/api/{kind}")
        }

    def create(self, metric: Mapping[str, Any]) -> str:
        return str(self.ask("POST", "/api/interaction-metrics", metric)["metricId"])

    def calculate(self, metric_id: str, at: datetime) -> bytes:
        """The answer as it came, so that decoding it is in nobody's figure."""
        query = f"at={instant(at)}"
        return self._ask("POST", f"/api/interaction-metrics/{metric_id}/calculate?{query}")

    def calculate_all(self, at: datetime) -> bytes:
        return self._ask("POST", f"/api/interaction-metrics/calculate-all?at={instant(at)}")

    def preview(self, metric: Mapping[str, Any], at: datetime) -> bytes:
        path = f"/api/interaction-metrics/preview?at={instant(at)}"
        return self._ask("POST", path, json.dumps(metric).encode())

    def explain(self, metric_id: str, at: datetime) -> dict[str, Any]:
        path = f"/api/interaction-metrics/{metric_id}/explain?at={instant(at)}"
        return dict(self.ask("GET", path))

    def bytes_on_disk(self) -> int:
        """The size of the engine's active parts, in bytes."""
        text = self._ask("GET", "/metrics").decode()
        (line,) = (line for line in text.splitlines() if line.startswith(ON_DISK))
        return int(float(line.split()[1]))

    def connect(self) -> Connection:
        """Another connection, for a client of its own."""
        return Connection(self.address, self.key)

    def forget_peak(self) -> None:
        """From now on `memory` tells the peak of what follows."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def memory(self) -> Memory:
        fields = dict(
            line.split(":", 1)
            for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        )
        peak, resident, anonymous = (
            int(fields[name].split()[0]) * 1024 for name in ("VmHWM", "VmRSS", "RssAnon")
        )
        return Memory(peak, resident, anonymous)

    def _ask(self, method: str, path: str, content: bytes = b"") -> bytes:
        status, answer = self.connection.request(method, path, content)
        if status >= 300:
            raise RuntimeError(f"{method} {path} answered {status}: {answer.decode()}")
        return answer


@contextmanager
def serve(
    data_dir: Path | None, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A server on this data, on a free port; stopped the way a person would, then for good.

    Without a folder, the variables of the environment say where the data is.
    """
    if not COMMAND.exists():
        raise RuntimeError(f"{COMMAND} is missing: install Tocsin into this environment first.")
    address = "127.0.0.1", _free_port()
    key = (environment or {}).get("TOCSIN_ADMIN_KEY") or secrets.token_hex(16)
    place = ["--data-dir", str(data_dir)] if data_dir else []
    began = time.monotonic()
    with log.open("ab") as output:
        process = subprocess.Popen(
            [COMMAND, "serve", "--port", str(address[1]), *place],
            env={
                **os.environ,
                "TOCSIN_ADMIN_KEY": key,
                "TOCSIN_LOG_LEVEL": "warning",
                **(environment or {}),
            },
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait_until_ready(process, address, key, log)
        with Connection(address, key) as connection:
            yield Server(process, address, key, connection, time.monotonic() - began)
    finally:
        process.terminate()
        try:
            process.wait(STOPPED_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_quiet(process: int | None = None) -> None:
    """Wait until a process (this one, if none is named) has no merges left to do.

    That is three seconds in a row of hardly any work; after QUIET_WITHIN seconds it is given up.
    """
    began = time.monotonic()
    calm = 0
    while calm < 3 and time.monotonic() - began < QUIET_WITHIN:
        before = _cpu_seconds(process)
        time.sleep(1)
        calm = calm + 1 if _cpu_seconds(process) - before < QUIET_SHARE else 0


def _cpu_seconds(process: int | None) -> float:
    stat = Path(f"/proc/{process or 'self'}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def instant(at: datetime) -> str:
    """As the API writes instants."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def _wait_until_ready(
    process: subprocess.Popen[bytes], address: Address, key: str, log: Path
) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with Connection(address, key, timeout=10) as connection:
                if connection.request("GET", "/readyz")[0] == 200:
                    return
        except OSError:
            pass
        time.sleep(0.05)
    tail = log.read_text(errors="replace")[-4000:]
    raise RuntimeError(f"The server did not get ready ({process.poll()}):\n{tail}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

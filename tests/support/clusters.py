"""A cluster of ClickHouse servers with ZooKeeper, whose servers can be killed one by one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom
from typing import Any

from support.nodes import TOOLS

STARTED_WITHIN = 120.0
# The ports of a cluster: ZooKeeper, and at most 19 servers with three ports each.
_PORTS = 60


def free_base_port() -> int:
    """A port followed by others that are free, too, below those that clients get."""
    while True:
        port = SystemRandom().randrange(10_000, 19_900, 100)
        with suppress(OSError):
            for used in range(port, port + _PORTS):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", used))
            return port


@dataclass
class ClickHouseCluster:
    """Has the methods of `support.nodes.ClickHouse`."""

    folder: Path
    shards: int = 2
    replicas: int = 2
    database: str = "tocsin"
    port: int = field(default_factory=free_base_port)
    _state: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The URL of all servers, as of the last start."""
        return str(self._state["url"]).replace("/tocsin?", f"/{self.database}?")

    @property
    def names(self) -> list[str]:
        """The names of the servers, such as `1a`: the shard and the replica."""
        return list(self._state["nodes"])

    def http_port(self, name: str) -> int:
        return int(self._state["nodes"][name]["http"])

    def start(self) -> None:
        shape = ["--shards", str(self.shards), "--replicas", str(self.replicas)]
        cache = ["--cache", str(Path(tempfile.gettempdir()) / "tocsin-test-clickhouse")]
        Path(cache[1]).mkdir(exist_ok=True)
        started = self._run("up", *shape, "--base-port", str(self.port), *cache)
        self._state = json.loads(started)

    def kill(self) -> None:
        self._run("down", "--remove")

    stop = kill

    def do(self, command: str, name: str) -> None:
        """Such as `kill 1a` or `stop-fetches 1b`."""
        self._run(command, name)

    def execute(self, name: str, statement: str) -> str:
        """Run a statement on one server; returns its answer."""
        import httpx2 as httpx

        url = f"http://127.0.0.1:{self.http_port(name)}/?database={self.database}"
        response = httpx.post(url, content=statement.encode(), timeout=60)
        assert response.is_success, response.text
        return response.text.strip()

    def _run(self, command: str, *arguments: str) -> str:
        program = [sys.executable, str(TOOLS / "cluster.py"), command, str(self.folder)]
        done = subprocess.run(
            [*program, *arguments],
            capture_output=True,
            timeout=STARTED_WITHIN,
            text=True,
            env=dict(os.environ),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

"""PostgreSQL, a ClickHouse server and several nodes of Tocsin, each a real process that can be
killed and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom
from tempfile import TemporaryDirectory
from typing import IO, Any

import httpx2 as httpx

from support.running import run_tocsin
from support.serving import ADMIN_KEY, Server

TOOLS = Path(os.environ.get("TOCSIN_SERVER_TOOLS") or Path(__file__).parents[3] / "shared/tools")
"""The programs that start servers; a checkout without them does not have these tests."""
STARTED_WITHIN = 60.0
_MEMORY = 2_000_000_000
_CACHE = Path(tempfile.gettempdir()) / "tocsin-test-clickhouse"


def lasting_port() -> int:
    """A free port that no client gets for a connection while its server is down."""
    while True:
        port = SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass
class Postgres:
    folder: Path
    port: int = field(default_factory=lasting_port)

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://tocsin@127.0.0.1:{self.port}/tocsin"

    def start(self) -> None:
        self._run("up", str(self.folder), "--port", str(self.port))

    def kill(self) -> None:
        self._run("kill", str(self.folder))

    def stop(self) -> None:
        self._run("down", str(self.folder))

    @staticmethod
    def _run(*arguments: str) -> None:
        command = [sys.executable, str(TOOLS / "postgres.py"), *arguments]
        done = subprocess.run(command, capture_output=True, timeout=STARTED_WITHIN, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@dataclass
class ClickHouse:
    """With `dumps`, the server may write backups into that folder, and read them."""

    folder: Path
    dumps: Path | None = None
    port: int = field(default_factory=lasting_port)
    _tcp_port: int = field(default_factory=lasting_port)
    _process: subprocess.Popen[bytes] | None = None
    _log: IO[bytes] | None = None

    @property
    def url(self) -> str:
        return f"clickhouse://127.0.0.1:{self.port}/default"

    def start(self) -> None:
        options: dict[str, Any] = {
            "--data-dir": self.folder,
            "--http-port": self.port,
            "--tcp-port": self._tcp_port,
            "--cache": _CACHE,
        }
        if self.dumps:
            options["--config"] = Path(f"{self.folder}.xml")
            options["--config"].write_text(
                f"<clickhouse><backups><allowed_path>{self.dumps}/</allowed_path></backups>"
                f"<max_server_memory_usage>{_MEMORY}</max_server_memory_usage></clickhouse>"
            )
        arguments = [str(part) for pair in options.items() for part in pair]
        with Path(f"{self.folder}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(TOOLS / "clickhouse_server.py"), *arguments],
                stdout=log,
                stderr=log,
            )
        self._wait()

    def _wait(self) -> None:
        assert self._process
        end = time.monotonic() + STARTED_WITHIN
        while time.monotonic() < end and self._process.poll() is None:
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/ping", timeout=2).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError(Path(f"{self.folder}.log").read_text(errors="replace")[-3000:])

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        self._signal(signal.SIGTERM)

    def send(self, number: int) -> None:
        """Send a signal after which the process lives on."""
        assert self._process
        self._process.send_signal(number)

    def _signal(self, number: int) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(30)


class Node(Server):
    """A `tocsin serve` process on the servers."""

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """The process does nothing meanwhile, as if its machine hung."""
        assert self.process
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    @property
    def place(self) -> Sequence[str]:
        return ()


@dataclass
class Deployment:
    """The servers, and nodes that are started one after the other."""

    folder: Path
    postgres: Postgres
    clickhouse: ClickHouse
    nodes: list[Node] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "TOCSIN_DATABASE_URL": self.postgres.url,
            "TOCSIN_CLICKHOUSE_URL": self.clickhouse.url,
            "TOCSIN_ADMIN_KEY": ADMIN_KEY,
        }

    def migrate(self, *options: str) -> str:
        """Run `tocsin migrate`; answers its output."""
        done = run_tocsin("migrate", *options, environment=self.environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return str(done.stdout)

    def add_node(self, **environment: str) -> Node:
        """Start another node with these variables besides those of the installation."""
        folder = self.folder / f"node-{len(self.nodes)}"
        node = Node(folder, self.environment | environment, port=lasting_port())
        node.start(patience=120)
        self.nodes.append(node)
        return node


@contextmanager
def deployment(
    folder: Path,
    nodes: int,
    clickhouse_in: Callable[[Path], Any] = ClickHouse,
    prepare: Callable[[Deployment], object] = Deployment.migrate,
    **environment: str,
) -> Iterator[Deployment]:
    """New servers, prepared, with running nodes; everything is ended afterwards. `folder` gets the
    logs of the nodes; `clickhouse_in` makes one server or a cluster in a folder."""
    with TemporaryDirectory(prefix="tocsin-nodes-") as name:
        # Not below `tmp_path`, which pytest closes to the account of PostgreSQL in each run.
        servers = Path(name)
        servers.chmod(0o711)
        deployed = Deployment(folder, Postgres(servers / "pg"), clickhouse_in(servers / "ch"))
        try:
            deployed.postgres.start()
            deployed.clickhouse.start()
            prepare(deployed)
            for _ in range(nodes):
                deployed.add_node(**environment)
            yield deployed
        except BaseException as error:
            for node in deployed.nodes:
                error.add_note(f"The log of {node.folder.name} ends with: {node.log[-4000:]}")
            raise
        finally:
            for node in deployed.nodes:
                if node.process and node.process.poll() is None:
                    node.process.send_signal(signal.SIGCONT)
                    node.kill()
            deployed.clickhouse.kill()
            with suppress(AssertionError):  # it may be down
                deployed.postgres.kill()

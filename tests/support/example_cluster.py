"""A cluster of four ClickHouse servers with `deploy/clickhouse-cluster.xml` as their configuration.

The example is changed in what the machine decides: the hosts are ports of this machine, and the
three servers of Keeper are one of ZooKeeper.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import httpx2 as httpx

from support.clusters import ClickHouseCluster
from support.nodes import TOOLS
from support.receivers import wait_for

EXAMPLE = Path(__file__).parents[2] / "deploy" / "clickhouse-cluster.xml"
HOSTS = ("ch-1a", "ch-1b", "ch-2a", "ch-2b")
SECRET = {"CLICKHOUSE_CLUSTER_SECRET": "of the test"}


@dataclass
class ExampleCluster:
    """Has the methods of `support.nodes.ClickHouse`. With `dumps`, servers may write backups into
    that folder, and read them."""

    folder: Path
    dumps: Path | None = None
    _others: ClickHouseCluster = field(init=False)
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        # Starts ZooKeeper, which is not started without a server.
        self._others = ClickHouseCluster(self.folder / "keeper", 1, 1)

    @property
    def ports(self) -> dict[str, int]:
        """The ports of HTTP, in the order of the example; others are 10 and 20 above."""
        return {host: self._others.port + 2 + at for at, host in enumerate(HOSTS)}

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports.values())
        return f"clickhouse://{hosts}/tocsin?cluster=main"

    def start(self) -> None:
        self.folder.mkdir()
        self._others.start()
        for host in HOSTS:
            self._processes.append(self._started(host))
        for port in self.ports.values():
            wait_for(partial(_answers, port))

    def kill(self) -> None:
        """End all servers, if they were started."""
        if not self._processes:
            return
        for process in self._processes:
            process.send_signal(signal.SIGKILL)
            process.wait()
        self._processes.clear()
        self._others.kill()

    def execute(self, host: str, statement: str) -> str:
        answer = httpx.post(
            f"http://127.0.0.1:{self.ports[host]}/", content=statement.encode(), timeout=60
        )
        assert answer.is_success, answer.text
        return answer.text.strip()

    def _started(self, host: str) -> subprocess.Popen[bytes]:
        config = self.folder / f"{host}.xml"
        config.write_text(self._configuration(host))
        port = self.ports[host]
        options = {
            "--data-dir": self.folder / host,
            "--config": config,
            "--http-port": port,
            "--tcp-port": port + 10,
            "--interserver-port": port + 20,
            "--cache": self.folder,
        }
        arguments = [str(part) for pair in options.items() for part in pair]
        with (self.folder / f"{host}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, str(TOOLS / "clickhouse_server.py"), *arguments],
                env={**os.environ, **SECRET},
                stdout=log,
                stderr=log,
            )

    def _configuration(self, host: str) -> str:
        """The example of a server, with addresses of this machine."""
        root = ElementTree.parse(EXAMPLE).getroot()
        for replica in root.iter("replica"):
            named, port = replica.find("host"), replica.find("port")
            assert named is not None
            assert port is not None
            port.text = str(self.ports[str(named.text)] + 10)
            named.text = "127.0.0.1"
        keeper = root.find("zookeeper")
        assert keeper is not None
        first, *others = keeper.findall("node")
        for node in others:
            keeper.remove(node)
        _set(first, "host", "127.0.0.1")
        _set(first, "port", str(self._others.port))
        # Servers of the tests have no UUID, by which they would keep their sessions apart.
        ElementTree.SubElement(keeper, "sessions_path").text = f"/clickhouse/sessions/{host}"
        _set(root, "interserver_http_host", "127.0.0.1")
        if self.dumps:
            backups = ElementTree.SubElement(root, "backups")
            ElementTree.SubElement(backups, "allowed_path").text = f"{self.dumps}/"
        return ElementTree.tostring(root, encoding="unicode")


def _set(parent: ElementTree.Element, name: str, text: str) -> None:
    element = parent.find(name)
    assert element is not None
    element.text = text


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ping", timeout=2).is_success
    except httpx.TransportError:
        return False

"""Servers with `deploy/clickhouse-cluster.xml` are a cluster that Tocsin can use.

The example is changed in what the machine decides: the hosts are ports of this machine, and the
three servers of Keeper are one of ZooKeeper.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import httpx2 as httpx
import pytest

from support.cluster_checks import Sent, count_of
from support.clusters import ClickHouseCluster
from support.nodes import TOOLS, Deployment, deployment
from support.receivers import wait_for

pytestmark = pytest.mark.long

EXAMPLE = Path(__file__).parents[2] / "deploy" / "clickhouse-cluster.xml"
HOSTS = ("ch-1a", "ch-1b", "ch-2a", "ch-2b")
SECRET = {"CLICKHOUSE_CLUSTER_SECRET": "of the test"}


@dataclass
class ExampleCluster:
    """Four servers with the example. Has the methods of `support.nodes.ClickHouse`."""

    folder: Path
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
        for process in self._processes:
            process.send_signal(signal.SIGKILL)
            process.wait()
        self._others.kill()

    def execute(self, host: str, statement: str) -> str:
        answer = httpx.post(f"http://127.0.0.1:{self.ports[host]}/", content=statement.encode())
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


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployment(tmp_path_factory.mktemp("nodes"), 1, ExampleCluster) as opened:
        yield opened


def test_servers_with_the_example_configuration_record_in_both_shards_and_are_counted(
    deployed: Deployment,
) -> None:
    cluster: object = deployed.clickhouse
    assert isinstance(cluster, ExampleCluster)
    sent = Sent()
    (node,) = deployed.nodes
    for _ in range(4):
        sent.record(node, 10)
    assert count_of(node) == 40
    stored = {
        host: int(cluster.execute(host, "SELECT count() FROM tocsin.interactions_local"))
        for host in HOSTS
    }
    assert stored == dict.fromkeys(HOSTS, 20)

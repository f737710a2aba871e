"""Servers with `deploy/clickhouse-cluster.xml` are a cluster that Tocsin can use, back up and
restore."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from support.cluster_checks import Sent, count_of
from support.crashing import send_ids
from support.dumps import dump_postgres, restore_postgres
from support.example_cluster import HOSTS, ExampleCluster
from support.flapping import recorded
from support.node_clients import NodeWriter
from support.nodes import Deployment, deployment

pytestmark = pytest.mark.long

TABLE = "tocsin.interactions_local"
SHARDS = ("ch-1a", "ch-2a")
"""A replica of each shard."""


def cluster_of(deployed: Deployment) -> ExampleCluster:
    cluster: object = deployed.clickhouse
    assert isinstance(cluster, ExampleCluster)
    return cluster


@pytest.fixture(scope="module")
def dumps() -> Iterator[Path]:
    with TemporaryDirectory(prefix="tocsin-dumps-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def deployed(dumps: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    servers = partial(ExampleCluster, dumps=dumps)
    with deployment(tmp_path_factory.mktemp("nodes"), 1, servers) as opened:
        yield opened


def test_servers_with_the_example_configuration_record_in_both_shards_and_are_counted(
    deployed: Deployment,
) -> None:
    sent = Sent()
    (node,) = deployed.nodes
    for _ in range(4):
        sent.record(node, 10)
    assert count_of(node) == 40
    assert stored_in(cluster_of(deployed)) == dict.fromkeys(HOSTS, 20)


def test_dumps_of_one_replica_of_each_shard_restore_the_cluster(
    deployed: Deployment, dumps: Path, tmp_path: Path
) -> None:
    before = set(recorded_at(deployed))
    writer = NodeWriter(deployed.nodes, 1)
    writer.start()
    time.sleep(1)
    before |= writer.acknowledged
    for host in SHARDS:
        cluster_of(deployed).execute(host, f"BACKUP TABLE {TABLE} TO File('{dumps / host}')")
    time.sleep(0.5)
    dump_postgres(deployed, dumps / "postgres")
    writer.end()
    sent = writer.acknowledged | before
    deployed.nodes[0].kill()
    deployed.clickhouse.kill()

    def restore(fresh: Deployment) -> None:
        for host in SHARDS:
            cluster_of(fresh).execute(host, "CREATE DATABASE tocsin")
            cluster_of(fresh).execute(host, f"RESTORE TABLE {TABLE} FROM File('{dumps / host}')")
        restore_postgres(fresh, dumps / "postgres")
        fresh.migrate("--restored")

    with deployment(tmp_path, 1, partial(ExampleCluster, dumps=dumps), restore) as fresh:
        stored = Counter(recorded_at(fresh))
        assert before <= stored.keys() <= sent
        assert max(stored.values()) == 1
        assert count_of(fresh.nodes[0]) == len(stored)
        rows = stored_in(cluster_of(fresh))
        assert rows["ch-1a"] == rows["ch-1b"] > 0
        assert rows["ch-2a"] == rows["ch-2b"] > 0
        with fresh.nodes[0].client() as client:
            again = sorted(sent - before)
            assert not send_ids(client, again).raise_for_status().json()["rejected"]
        assert count_of(fresh.nodes[0]) == len(sent)


def recorded_at(deployed: Deployment) -> list[str]:
    with deployed.nodes[0].client() as client:
        return recorded(client, resourceType="CRASH")


def stored_in(cluster: ExampleCluster) -> dict[str, int]:
    return {host: int(cluster.execute(host, f"SELECT count() FROM {TABLE}")) for host in HOSTS}

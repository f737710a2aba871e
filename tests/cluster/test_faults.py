"""Servers are killed, stopped and separated while eight clients write at two nodes: nothing that
was acknowledged is missing, nothing is recorded twice, and no answer is too small."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from support.cluster_checks import METRIC, Sent, cluster_of, count_of, wait_until
from support.clusters import ClickHouseCluster
from support.crashing import send_ids
from support.flapping import recorded
from support.node_clients import acknowledged_by, node_writers
from support.nodes import Deployment, Node, deployment

CLIENTS = 8
SESSION_SECONDS = 12
"""After this time, Keeper has ended the session of a server that is gone."""
pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@contextmanager
def deployed_on(folder: Path, shards: int, replicas: int) -> Iterator[Deployment]:
    def cluster(place: Path) -> ClickHouseCluster:
        return ClickHouseCluster(place, shards, replicas)

    with deployment(folder, 2, cluster) as opened, writing(opened):
        yield opened


@contextmanager
def writing(deployed: Deployment) -> Iterator[None]:
    """Clients write until the end of the block; then everything is checked."""
    with node_writers(deployed.nodes, range(CLIENTS)) as writers:
        time.sleep(3)
        yield
    acknowledged = acknowledged_by(writers)
    assert len(acknowledged) > 100
    with deployed.nodes[0].client() as client:
        stored = Counter(recorded(client, resourceType="CRASH"))
    assert acknowledged - stored.keys() == set()
    assert [id for id, count in stored.items() if count > 1] == []
    for node in deployed.nodes:
        assert count_of(node) == len(stored), METRIC


def check_goes_on(deployed: Deployment) -> None:
    """Every node records new interactions and calculates."""
    for node in deployed.nodes:
        Sent().record_eventually(node)
        wait_until(partial(calculates, node), "nothing is calculated")


def calculates(node: Node) -> bool:
    return count_of(node) is not None


def kill_and_start(deployed: Deployment, name: str, *, after: float) -> None:
    cluster = cluster_of(deployed)
    cluster.do("kill", name)
    time.sleep(after)
    cluster.do("start", name)


@pytest.mark.parametrize("after", [1, SESSION_SECONDS])
def test_a_replica_of_two_that_is_killed_stops_only_its_shard(tmp_path: Path, after: float) -> None:
    with deployed_on(tmp_path, shards=2, replicas=2) as deployed:
        for name in ("1a", "2b", "1b"):
            cluster = cluster_of(deployed)
            cluster.do("kill", name)
            time.sleep(after)
            Sent().record_eventually(deployed.nodes[0])
            cluster.do("start", name)
            check_goes_on(deployed)
            time.sleep(3)


def test_a_replica_of_three_that_is_killed_stops_nothing(tmp_path: Path) -> None:
    with deployed_on(tmp_path, shards=1, replicas=3) as deployed:
        for name in ("1a", "1c"):
            cluster = cluster_of(deployed)
            cluster.do("kill", name)
            # Until Keeper has ended its session, the quorum may wait for it.
            time.sleep(SESSION_SECONDS)
            check_goes_on(deployed)
            cluster.do("start", name)
            check_goes_on(deployed)
            time.sleep(3)


def test_a_replica_that_lags_and_a_lost_quorum_cost_nothing(tmp_path: Path) -> None:
    with deployed_on(tmp_path, shards=2, replicas=2) as deployed:
        cluster = cluster_of(deployed)
        for name in ("1b", "2a"):
            cluster.do("stop-fetches", name)
            time.sleep(8)
            Sent().record_eventually(deployed.nodes[0])
            cluster.do("start-fetches", name)
            check_goes_on(deployed)


def test_a_server_that_hangs_costs_nothing(tmp_path: Path) -> None:
    with deployed_on(tmp_path, shards=2, replicas=2) as deployed:
        cluster = cluster_of(deployed)
        for name, seconds in (("1a", 5), ("2b", 20)):
            cluster.do("pause", name)
            time.sleep(seconds)
            cluster.do("resume", name)
            check_goes_on(deployed)


def test_a_keeper_that_is_killed_costs_nothing(tmp_path: Path) -> None:
    with deployed_on(tmp_path, shards=2, replicas=2) as deployed:
        for seconds in (2, 20):
            kill_and_start(deployed, "zookeeper", after=seconds)
            time.sleep(6)
            check_goes_on(deployed)


def test_a_shard_that_is_away_costs_nothing(tmp_path: Path) -> None:
    with deployed_on(tmp_path, shards=2, replicas=2) as deployed:
        cluster = cluster_of(deployed)
        for name in ("2a", "2b"):
            cluster.do("kill", name)
        for node in deployed.nodes:
            Sent().record_eventually(node)
            assert count_of(node) is None
        for name in ("2a", "2b"):
            cluster.do("start", name)
        check_goes_on(deployed)


def test_a_replica_that_lost_its_disk_is_replaced(tmp_path: Path) -> None:
    with deployed_on(tmp_path, shards=1, replicas=3) as deployed:
        cluster = cluster_of(deployed)
        cluster.do("kill", "1b")
        time.sleep(SESSION_SECONDS)
        cluster.do("wipe", "1b")
        cluster.do("start", "1b")
        name = f"127.0.0.1:{cluster.http_port('1b') + 20}"
        cluster.execute("1a", f"SYSTEM DROP REPLICA '{name}' FROM TABLE interactions")
        deployed.migrate()
        check_goes_on(deployed)
        cluster.do("kill", "1c")
        time.sleep(SESSION_SECONDS)
        check_goes_on(deployed)
        cluster.do("start", "1c")


def extend(deployed: Deployment, change: Callable[[ClickHouseCluster], None]) -> None:
    """Add servers, and migrate while the nodes run with the old URL."""
    cluster = cluster_of(deployed)
    change(cluster)
    cluster.start()
    deployed.migrate()


def restart(deployed: Deployment) -> None:
    """Restart the nodes with the new URL."""
    for node in deployed.nodes:
        node.stop()
        node.environment["TOCSIN_CLICKHOUSE_URL"] = cluster_of(deployed).url
        node.start(patience=180)


def check_that_every_replica_has_all(deployed: Deployment, sent: Sent) -> None:
    tables = cluster_of(deployed)
    table = "interactions_local" if tables.shards > 1 else "interactions"

    def stored() -> list[int]:
        return [int(tables.execute(n, f"SELECT count() FROM {table}")) for n in tables.names]

    wait_until(
        lambda: sum(stored()) == tables.replicas * len(sent.acknowledged),
        "a replica lacks interactions",
    )
    assert all(stored())


def add_replica(cluster: ClickHouseCluster) -> None:
    cluster.replicas += 1


def add_shard(cluster: ClickHouseCluster) -> None:
    cluster.shards += 1


@pytest.mark.parametrize(
    ("shards", "change"), [(1, add_replica), (1, add_shard), (2, add_shard), (2, add_replica)]
)
def test_added_servers_are_taken_up_with_all_data_in_place(
    tmp_path: Path, shards: int, change: Callable[[ClickHouseCluster], None]
) -> None:
    def cluster(place: Path) -> ClickHouseCluster:
        return ClickHouseCluster(place, shards, 2)

    with deployment(tmp_path, 2, cluster) as deployed:
        sent = Sent()
        sent.record(deployed.nodes[0], 200)
        extend(deployed, change)
        restart(deployed)
        for node in deployed.nodes * 4:
            assert sent.are_counted_by(node)
            sent.record(node, 20)
        check_that_every_replica_has_all(deployed, sent)


@pytest.mark.parametrize("shards", [1, 2])
def test_nodes_that_know_one_replica_stop_after_a_second_one_is_added(
    tmp_path: Path, shards: int
) -> None:
    def cluster(place: Path) -> ClickHouseCluster:
        return ClickHouseCluster(place, shards, 1)

    with deployment(tmp_path, 2, cluster) as deployed:
        sent = Sent()
        for node in deployed.nodes * 2:
            sent.record(node, 100)
        extend(deployed, add_replica)
        for node in deployed.nodes:
            with node.client() as client:
                refused = send_ids(client, [str(uuid4())])
            assert refused.status_code == 503, refused.text
            assert "restart it with the new TOCSIN_CLICKHOUSE_URL" in refused.text
            assert count_of(node) is None
        restart(deployed)
        for node in deployed.nodes * 4:
            assert sent.are_counted_by(node)
            sent.record(node, 20)
        check_that_every_replica_has_all(deployed, sent)

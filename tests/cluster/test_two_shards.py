"""Two nodes on two shards with two replicas: interactions are in both shards, and losses of servers
cost no acknowledged interaction and make no answer smaller."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from support.cluster_checks import Sent, cluster_of, count_of, wait_until
from support.clusters import ClickHouseCluster
from support.crashing import number_of
from support.nodes import Deployment, deployment

STORED = "SELECT count() FROM interactions_local"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployment(tmp_path_factory.mktemp("nodes"), 2, ClickHouseCluster) as opened:
        yield opened


@pytest.fixture(scope="module")
def sent(deployed: Deployment) -> Sent:
    """Interactions, to which the tests add others."""
    sent = Sent()
    for node in deployed.nodes * 5:
        sent.record(node, 20)
    return sent


def test_every_node_counts_the_interactions_of_both_shards(
    deployed: Deployment, sent: Sent
) -> None:
    assert [count_of(node) for node in deployed.nodes] == [200, 200]
    cluster = cluster_of(deployed)
    stored = {name: int(cluster.execute(name, STORED)) for name in cluster.names}
    assert stored["1a"] + stored["2a"] == len(sent.acknowledged) == 200
    assert stored["1a"] == stored["1b"] > 0
    assert stored["2a"] == stored["2b"] > 0


def test_a_field_of_a_metric_gets_a_column_on_every_server(
    deployed: Deployment, sent: Sent
) -> None:
    cluster = cluster_of(deployed)
    metric = {"name": "sum", "metricType": "SUM", "field": "interaction.n"}
    with deployed.nodes[0].client() as client:
        created = client.post("/api/interaction-metrics", json=metric).raise_for_status().json()
    columns = "SELECT countDistinct(table) FROM system.columns WHERE database = 'tocsin' AND "
    columns += "default_kind = 'MATERIALIZED'"
    wait_until(
        lambda: all(cluster.execute(name, columns) == "2" for name in cluster.names),
        "a column is missing",
    )
    for node in deployed.nodes:
        with node.client() as client:
            path = f"/api/interaction-metrics/{created['metricId']}/calculate"
            answer = client.post(path).raise_for_status().json()
        assert answer["results"][0]["value"] == sum(map(number_of, sent.acknowledged))


def test_everything_is_counted_without_one_replica(deployed: Deployment, sent: Sent) -> None:
    cluster = cluster_of(deployed)
    cluster.do("kill", "1a")
    try:
        for node in deployed.nodes:
            sent.record_eventually(node)
        for node in deployed.nodes:
            wait_until(partial(sent.are_counted_by, node), "not everything is counted")
    finally:
        cluster.do("start", "1a")
    check_all(deployed, sent)


def test_without_one_shard_interactions_are_recorded_and_no_answer_leaves_its_own_out(
    deployed: Deployment, sent: Sent
) -> None:
    cluster = cluster_of(deployed)
    for name in ("2a", "2b"):
        cluster.do("kill", name)
    try:
        for node in deployed.nodes:
            sent.record_eventually(node)
            assert count_of(node) is None
            with node.client() as client:
                assert client.get("/readyz").json()["status"] == "degraded"
    finally:
        for name in ("2a", "2b"):
            cluster.do("start", name)
    check_all(deployed, sent)


def check_all(deployed: Deployment, sent: Sent) -> None:
    """Every node counts everything once after the servers are back."""
    sent.settle(deployed.nodes[0])
    for node in deployed.nodes:
        wait_until(partial(sent.are_counted_by, node), "not everything is counted")
        assert count_of(node) == len(sent.acknowledged)

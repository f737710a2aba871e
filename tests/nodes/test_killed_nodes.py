"""Kill nodes and servers at any instant: nothing acknowledged is missing or recorded twice."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from support.flapping import recorded
from support.node_clients import NodeWriter, acknowledged_by, node_writers
from support.nodes import Deployment, Node, deployment

CLIENTS = 8
GOES_ON_WITHIN = 10.0
Writers = Sequence[NodeWriter]


@contextmanager
def writing(deployed: Deployment, seed: int) -> Iterator[Writers]:
    """Eight clients that write until the end of the block; then everything is checked."""
    seeds = [seed * 100 + n for n in range(CLIENTS)]
    with node_writers(deployed.nodes, seeds) as writers:
        yield writers
    check(deployed, acknowledged_by(writers))


def check(deployed: Deployment, acknowledged: set[str]) -> None:
    """Every node counts the acknowledged interactions, each once."""
    assert len(acknowledged) > 100
    with deployed.nodes[0].client() as client:
        stored = Counter(recorded(client, resourceType="CRASH"))
    assert acknowledged - stored.keys() == set()
    assert [id for id, count in stored.items() if count > 1] == []
    assert {counted(node) for node in deployed.nodes} == {len(stored)}


def counted(node: Node) -> int:
    metric = {"metricType": "COUNT", "resourceType": "CRASH"}
    with node.client() as client:
        response = client.post("/api/interaction-metrics/preview", json=metric).raise_for_status()
    return int(response.json()["results"][0]["value"])


def role(node: Node) -> str:
    with node.client() as client:
        return str(client.get("/readyz").json()["node"]["role"])


def leader(deployed: Deployment) -> Node:
    """The node that leads; the only one does."""
    if len(deployed.nodes) == 1:
        return deployed.nodes[0]
    end = time.monotonic() + GOES_ON_WITHIN
    while time.monotonic() < end:
        leaders = [node for node in deployed.nodes if role(node) == "leader"]
        if len(leaders) == 1:
            return leaders[0]
        time.sleep(0.1)
    raise AssertionError("no node became the leader")


def kill_a_follower(deployed: Deployment, writers: Writers) -> None:
    leading = leader(deployed)
    restart(next(node for node in deployed.nodes if node is not leading), deployed, writers)


def kill_the_leader(deployed: Deployment, writers: Writers) -> None:
    restart(leader(deployed), deployed, writers)


def restart(node: Node, deployed: Deployment, writers: Writers) -> None:
    """Kill the node, and start it when the others record again."""
    node.kill()
    if len(deployed.nodes) > 1:
        check_that_all_record(writers)
    node.start()


def kill_clickhouse(deployed: Deployment, _: Writers) -> None:
    deployed.clickhouse.kill()
    deployed.clickhouse.start()


def kill_postgres(deployed: Deployment, _: Writers) -> None:
    deployed.postgres.kill()
    deployed.postgres.start()


def check_that_all_record(writers: Writers) -> None:
    """Each writer gets another acknowledgement in time."""
    before = [len(writer.acknowledged) for writer in writers]
    began = time.monotonic()
    while time.monotonic() - began < GOES_ON_WITHIN:
        counts = [len(writer.acknowledged) for writer in writers]
        if all(count > earlier for count, earlier in zip(counts, before, strict=True)):
            return
        time.sleep(0.05)
    waiting = sum(count == earlier for count, earlier in zip(counts, before, strict=True))
    raise AssertionError(f"{waiting} clients recorded nothing for {GOES_ON_WITHIN:.0f} s")


def crash(folder: Path, *, nodes: int, rounds: int, seed: int) -> None:
    random = Random(seed)
    disasters = [kill_the_leader, kill_clickhouse, kill_postgres]
    if nodes > 1:
        disasters.append(kill_a_follower)
    with deployment(folder, nodes) as deployed, writing(deployed, seed) as writers:
        for disaster in (
            each for _ in range(rounds) for each in random.sample(disasters, k=len(disasters))
        ):
            time.sleep(random.uniform(0.2, 1.5))
            disaster(deployed, writers)
            check_that_all_record(writers)


@pytest.mark.long
def test_one_node_and_its_servers_killed_while_eight_clients_write_lose_and_double_nothing(
    tmp_path: Path,
) -> None:
    crash(tmp_path, nodes=1, rounds=1, seed=1)


def test_everything_killed_once_while_eight_clients_write_loses_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    crash(tmp_path, nodes=2, rounds=1, seed=1)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("seed", range(2, 5))
def test_everything_killed_many_times_loses_and_doubles_nothing(seed: int, tmp_path: Path) -> None:
    crash(tmp_path, nodes=3, rounds=4, seed=seed)


@pytest.mark.long
def test_nodes_that_hang_for_seconds_lose_and_double_nothing(tmp_path: Path) -> None:
    with deployment(tmp_path, nodes=2) as deployed, writing(deployed, 1) as writers:
        for turn in range(4):
            time.sleep(1)
            leading = leader(deployed)
            others = [node for node in deployed.nodes if node is not leading]
            with [leading, *others][turn % 2].stopped():
                # Its locks are lost after 5 s, and its open appends are closed after 9 s.
                time.sleep((3, 6, 10, 12)[turn])
            check_that_all_record(writers)


@pytest.mark.long
def test_an_interaction_recorded_at_one_node_counts_at_the_other_immediately(
    tmp_path: Path,
) -> None:
    with deployment(tmp_path, nodes=2) as deployed, ExitStack() as stack:
        clients = [stack.enter_context(node.client()) for node in deployed.nodes]
        metric: dict[str, Any] = {"name": "m", "metricType": "COUNT", "action": "WROTE"}
        sent = {"resourceType": "T", "resourceId": "1", "action": "WROTE", "origin": "O"}
        clients[0].post("/api/interactions", json=sent).raise_for_status()
        created = clients[0].post("/api/interaction-metrics", json=metric).raise_for_status()
        path = f"/api/interaction-metrics/{created.json()['metricId']}/calculate"
        for count in range(2, 200):
            clients[count % 2].post("/api/interactions", json=sent).raise_for_status()
            answer = clients[(count + 1) % 2].post(path).raise_for_status().json()
            assert answer["results"][0]["value"] == count

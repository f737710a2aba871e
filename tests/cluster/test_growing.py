"""While a shard is added, a node with the old URL runs beside one with the new URL: an append of
the new one to the new shard is not closed by the old one, which does not know its servers."""

from __future__ import annotations

import time
from collections import Counter
from functools import partial
from pathlib import Path
from uuid import uuid4

import httpx2 as httpx
import pytest

from support.cluster_checks import Sent, cluster_of
from support.clusters import ClickHouseCluster
from support.crashing import send_ids
from support.flapping import recorded
from support.nodes import Deployment, Node, deployment

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
# Longer than nodes take to close an append of a dead one.
CLOSED_SECONDS = 10.0
HANGS_SECONDS = 2.0


def test_an_append_to_a_new_shard_is_recorded_once_beside_a_node_with_the_old_url(
    tmp_path: Path,
) -> None:
    with deployment(tmp_path, 1, partial(ClickHouseCluster, shards=1, replicas=2)) as deployed:
        sent = Sent()
        sent.record(deployed.nodes[0], 20)
        new = add_shard(deployed)
        cluster = cluster_of(deployed)
        # The part of an append to the new shard is on one replica: it is in no calculation.
        cluster.do("stop-fetches", "2b")
        hanging = send_until_one_hangs(new, sent)
        new.kill()
        time.sleep(CLOSED_SECONDS)
        new.start(patience=120)
        end = time.monotonic() + CLOSED_SECONDS
        while time.monotonic() < end:
            with new.client() as client:
                assert send_ids(client, [hanging]).status_code == 503
            time.sleep(1.0)
        cluster.do("start-fetches", "2b")
        sent.doubtful.add(hanging)
        sent.settle(new)
        with new.client() as client:
            counts = Counter(recorded(client, resourceType="CRASH"))
        assert counts == dict.fromkeys(sent.acknowledged, 1)


def add_shard(deployed: Deployment) -> Node:
    """Returns a node with the new URL; the others keep the old one."""
    cluster = cluster_of(deployed)
    cluster.shards += 1
    cluster.start()
    deployed.migrate()
    return deployed.add_node()


def send_until_one_hangs(node: Node, sent: Sent) -> str:
    """Send single interactions, which go to the shards in turn, until one has no answer; returns
    its id."""
    while True:
        id = str(uuid4())
        with node.client() as client:
            client.timeout = httpx.Timeout(HANGS_SECONDS)
            try:
                send_ids(client, [id]).raise_for_status()
            except httpx.TimeoutException:
                return id
        sent.acknowledged.add(id)

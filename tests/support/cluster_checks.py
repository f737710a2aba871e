"""Checks of a deployment on a cluster while servers are lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from uuid import uuid4

from support.clusters import ClickHouseCluster
from support.crashing import send_ids
from support.nodes import Deployment, Node

GOES_ON_WITHIN = 15.0
METRIC = {"metricType": "COUNT", "resourceType": "CRASH"}


def cluster_of(deployed: Deployment) -> ClickHouseCluster:
    cluster: object = deployed.clickhouse
    assert isinstance(cluster, ClickHouseCluster)
    return cluster


@dataclass
class Sent:
    """The interactions that were acknowledged, and those that may be recorded."""

    acknowledged: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)

    def record(self, node: Node, count: int) -> None:
        """Record new interactions as a batch."""
        ids = [str(uuid4()) for _ in range(count)]
        with node.client() as client:
            send_ids(client, ids).raise_for_status()
        self.acknowledged.update(ids)

    def record_eventually(self, node: Node) -> None:
        """Record a new interaction, whatever others are in doubt."""
        wait_until(lambda: self._is_acknowledged(node, str(uuid4())), "nothing is recorded")

    def settle(self, node: Node) -> None:
        """Send those that may be recorded again, until they are acknowledged."""
        for id in sorted(self.doubtful):
            wait_until(partial(self._is_acknowledged, node, id), "an interaction is in doubt")

    def are_counted_by(self, node: Node) -> bool:
        """Whether a node counts all that was acknowledged, and nothing that was not sent."""
        count = count_of(node)
        if count is None:
            return False
        most = len(self.acknowledged) + len(self.doubtful)
        assert len(self.acknowledged) <= count <= most
        return True

    def _is_acknowledged(self, node: Node, id: str) -> bool:
        self.doubtful.add(id)
        with node.client() as client:
            response = send_ids(client, [id])
        if not response.is_success:
            assert response.status_code == 503, response.text
            return False
        self.doubtful.discard(id)
        self.acknowledged.add(id)
        return True


def count_of(node: Node) -> int | None:
    """The number of interactions that a node counts; None if it answers 503."""
    with node.client() as client:
        response = client.post("/api/interaction-metrics/preview", json=METRIC)
    if response.status_code == 503:
        return None
    return int(response.raise_for_status().json()["results"][0]["value"])


def wait_until(condition: Callable[[], object], problem: str) -> None:
    end = time.monotonic() + GOES_ON_WITHIN
    while not condition():
        assert time.monotonic() < end, f"{problem} for {GOES_ON_WITHIN:.0f} s"
        time.sleep(0.1)

"""The same ids, sent to all nodes at the same time, are recorded once."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from support.flapping import recorded
from support.nodes import Node, deployment

ROUNDS = 300


def send(node: Node, ids: list[str], start: threading.Barrier) -> Counter[str]:
    """The outcomes of the ids, each recorded by itself."""
    outcomes: Counter[str] = Counter()
    with node.client() as client:
        for id in ids:
            body = {
                "interactionId": id,
                "resourceType": "REPEAT",
                "resourceId": "1",
                "action": "SENT",
                "origin": "TEST",
                "interaction": {"id": id},
            }
            start.wait(60)
            response = client.post("/api/interactions", json=body)
            outcomes[{201: "recorded", 200: "duplicate"}[response.status_code]] += 1
    return outcomes


@pytest.mark.long
def test_one_id_sent_to_all_nodes_at_the_same_time_is_recorded_once(tmp_path: Path) -> None:
    ids = [str(uuid4()) for _ in range(ROUNDS)]
    with deployment(tmp_path, nodes=3) as deployed:
        senders = [*deployed.nodes, *deployed.nodes]
        start = threading.Barrier(len(senders))
        with ThreadPoolExecutor(len(senders)) as threads:
            results = list(threads.map(lambda node: send(node, ids, start), senders))
        total = sum(results, Counter())
        assert total == {"recorded": ROUNDS, "duplicate": ROUNDS * (len(senders) - 1)}
        with deployed.nodes[0].client() as client:
            assert Counter(recorded(client, resourceType="REPEAT")) == Counter(ids)

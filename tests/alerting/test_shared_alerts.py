"""Alerts of two nodes on the same servers: the leader evaluates, each transition is stored once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest

from support.deployments import servers_only
from support.receivers import receiver
from support.shared_nodes import Node, shared_nodes, within

pytestmark = servers_only

ALERTS = "interaction-alerts"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Node]]:
    with shared_nodes(tmp_path_factory.mktemp("data"), allow_private_targets=True) as opened:
        yield opened


def record(node: Node, action: str, count: int = 1) -> None:
    row = {"resourceId": "1", "resourceType": "T", "action": action, "origin": "O"}
    node.call("POST", "interactions/batch", [row] * count, 201)


def alert(node: Node, action: str, **members: Any) -> str:
    metric = {"name": action, "metricType": "COUNT", "action": action}
    created = node.call("POST", "interaction-metrics", metric, 201)
    definition = {
        "title": action,
        "metricId": created["metricId"],
        "operator": "gt",
        "threshold": 2,
        "alertAction": "fired",
        "recoveryAction": "recovered",
        "resourceType": "ALERT",
        **members,
    }
    return str(node.call("POST", ALERTS, definition, 201)["alertId"])


def transitions(node: Node, id: str) -> list[str]:
    page = node.runtime.transitions.page(100, alert_id=UUID(id))
    return [each.change.status.value for each in page]


def test_interactions_of_a_follower_fire_an_alert_once_and_send_one_message(
    nodes: tuple[Node, Node],
) -> None:
    leader, follower = nodes
    action = f"A{uuid4().hex}"
    record(follower, action)
    id = alert(follower, action)
    with receiver() as endpoint:
        channel = {"name": "c", "kind": "webhook", "settings": {"url": endpoint.url}}
        created = follower.call("POST", "channels", channel, 201)
        subscription = {
            "channelId": created["channelId"],
            "resourceType": "ALERT",
            "action": "fired",
        }
        follower.call("POST", "subscriptions", subscription, 201)
        record(follower, action, 2)
        assert within(5, lambda: transitions(leader, id) == ["FIRING"])
        with ThreadPoolExecutor(4) as threads:
            answers = threads.map(
                lambda node: node.client.post(f"/api/{ALERTS}/{id}/evaluate"), nodes * 4
            )
            # 409: other evaluations came first each time.
            assert {answer.status_code for answer in answers} <= {200, 409}
        assert transitions(leader, id) == ["FIRING"]
        assert within(5, lambda: len(endpoint.received) >= 1)
        assert not within(1, lambda: len(endpoint.received) > 1)


def test_a_metric_that_a_follower_changes_is_evaluated_in_its_new_form(
    nodes: tuple[Node, Node],
) -> None:
    leader, follower = nodes
    often, never = f"A{uuid4().hex}", f"A{uuid4().hex}"
    record(leader, often, 5)
    record(leader, never)
    id = alert(leader, often)
    assert transitions(leader, id) == ["FIRING"]
    metric_id = leader.call("GET", f"{ALERTS}/{id}")["metricId"]
    expected = ["FIRING"]
    for turn in range(6):
        action = often if turn % 2 else never
        metric = {"name": "m", "metricType": "COUNT", "action": action}
        follower.call("PUT", f"interaction-metrics/{metric_id}", metric)
        (result,) = leader.runtime.evaluator.evaluate([UUID(id)], leader.runtime.now())
        assert result.firing == turn % 2
        # The change resolves the group that fires.
        expected.insert(0, "FIRING" if turn % 2 else "OK")
        assert transitions(leader, id) == expected


def test_an_alert_is_evaluated_after_its_leader_has_stopped(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with shared_nodes(tmp_path_factory.mktemp("handover")) as (leader, follower):
        action = f"A{uuid4().hex}"
        record(follower, action)
        id = alert(follower, action)
        leader.runtime.close()
        record(follower, action, 2)
        assert within(5, lambda: transitions(follower, id) == ["FIRING"])

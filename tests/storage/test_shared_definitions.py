"""Two nodes on the same servers: definitions, keys and sessions of one are those of the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from functools import partial

import pytest
from fastapi.testclient import TestClient

from support.deployments import servers_only, settings_in
from support.opening import fill
from support.serving import ADMIN_KEY
from support.shared_nodes import Node, shared_nodes, within
from tocsin.runtime import Runtime
from tocsin.storage.retention import SETTLING

pytestmark = servers_only


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Node]]:
    with shared_nodes(tmp_path_factory.mktemp("data"), strict_catalog=True) as opened:
        yield opened


def status_of_use(client: TestClient, role: str) -> int:
    if role == "read":
        return client.get("/api/interaction-metrics").status_code
    return client.post("/api/interactions").status_code


def is_unknown(use: Callable[[], int]) -> bool:
    return use() == 401


def test_one_of_two_nodes_is_the_leader(nodes: tuple[Node, Node]) -> None:
    first, second = (node.runtime.leadership for node in nodes)
    assert (first.is_leader, second.is_leader) == (True, False)


def test_a_key_is_known_and_unknown_on_another_node_immediately(
    nodes: tuple[Node, Node],
) -> None:
    here, there = nodes
    for role in ("read", "ingest"):
        created = here.call("POST", "keys", {"name": "k", "role": role}, 201)
        client = there.as_key(created["key"])
        used: Callable[[], int] = partial(status_of_use, client, role)
        assert used() != 401
        here.call("DELETE", f"keys/{created['keyId']}", status=204)
        # A key that is only used to record ends within a second.
        assert used() == 401 if role == "read" else within(1, partial(is_unknown, used))


def test_a_metric_that_one_node_changes_is_calculated_by_the_other_in_its_new_form(
    nodes: tuple[Node, Node],
) -> None:
    here, there = nodes
    metric = here.call("POST", "interaction-metrics", {"name": "m", "metricType": "COUNT"}, 201)
    path = f"interaction-metrics/{metric['metricId']}"
    for name in ("first", "second", "third"):
        here.call("PUT", path, {"name": name, "metricType": "RATE", "timeWindow": "1h"})
        assert there.call("GET", path)["name"] == name
        assert there.call("POST", f"{path}/calculate", {})["metricType"] == "RATE"
        here, there = there, here
    here.call("DELETE", path, status=204)
    there.call("GET", path, status=404)


def test_a_name_that_one_node_adds_is_recorded_by_the_other(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    interaction = {"resourceId": "1"}
    for kind, member in (("resource-types", "resourceType"), ("actions", "action")):
        here.call("POST", kind, {"mnemonic": "NEW", "title": "New"}, 201)
        interaction[member] = "NEW"
    here.call("POST", "origins", {"mnemonic": "NEW", "title": "New"}, 201)
    interaction["origin"] = "NEW"
    there.call("POST", "interactions", interaction, 201)


def test_a_browser_that_signed_in_at_one_node_is_signed_in_at_the_other(
    nodes: tuple[Node, Node],
) -> None:
    here, there = nodes
    browsers = [
        TestClient(node.app, headers={"sec-fetch-site": "same-origin"}, follow_redirects=False)
        for node in (here, there)
    ]
    assert browsers[0].post("/web/sign-in", data={"key": ADMIN_KEY}).status_code == 303
    browsers[1].cookies = browsers[0].cookies
    assert browsers[1].get("/web/metrics").status_code == 200
    assert browsers[1].post("/web/sign-out").status_code == 303
    assert browsers[0].get("/web/metrics").status_code == 303


def test_another_node_leads_after_the_leader_has_stopped(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    settings = settings_in(tmp_path_factory.mktemp("leaders"), admin_key=ADMIN_KEY)
    with ExitStack() as stack:
        first = Runtime(settings)
        second = Runtime(settings)
        stack.callback(second.close)
        assert first.leadership.is_leader
        first.close()
        assert within(2, lambda: second.leadership.is_leader)


def test_interactions_that_the_leader_drops_are_counted_by_no_node(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("drops")
    with shared_nodes(folder, retention="90d") as (leader, follower):
        now = leader.runtime.now()
        fill(leader.runtime, f"{now - timedelta(days=400):%Y-%m}", 3)
        fill(leader.runtime, f"{now:%Y-%m}", 20)
        for window in ("800d", "300d"):
            metric = {"name": window, "metricType": "COUNT", "timeWindow": window}
            leader.call("POST", "interaction-metrics", metric, 201)
        for expected in ([23, 20], [20, 20]):
            for node in (follower, leader) * 2:
                results = node.call("POST", "interaction-metrics/calculate-all")["results"]
                assert [result["results"][0]["value"] for result in results] == expected
            leader.runtime.maintenance.stop()
            leader.runtime.maintenance.run(now, SETTLING)


def test_patches_on_both_nodes_at_the_same_time_all_take_effect(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    metric = here.call("POST", "interaction-metrics", {"name": "m", "metricType": "COUNT"}, 201)
    path = f"interaction-metrics/{metric['metricId']}"
    patches: list[dict[str, object]] = [
        {"enabled": False},
        {"description": "d"},
        {"timeWindow": "9m"},
        {"name": "n"},
    ]
    with ThreadPoolExecutor(4) as threads:
        used = zip((here, there, here, there), patches, strict=True)
        list(threads.map(lambda pair: pair[0].call("PATCH", path, pair[1]), used))
    for node in nodes:
        stored = node.call("GET", path)
        assert all(stored.items() >= patch.items() for patch in patches)

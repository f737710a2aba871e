"""An erasure on servers: on every shard and replica, and known to every node."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from support.deployments import servers_only, settings_in
from support.erasing import PATH, count_of, order, post, until_done
from support.serving import ADMIN_KEY
from tocsin.api.app import create_app
from tocsin.clickhouse.sql.query import Query
from tocsin.runtime import Runtime

pytestmark = servers_only


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Runtime]]:
    """Two nodes of one installation."""
    folder: Path = tmp_path_factory.mktemp("nodes")
    with ExitStack() as opened:
        runtimes = []
        for _ in range(2):
            runtime = Runtime(settings_in(folder, admin_key=ADMIN_KEY))
            opened.callback(runtime.close)
            runtime.key_service.adopt(runtime.settings.admin_key)
            runtimes.append(runtime)
        _remove_former_parts_early(runtimes[0])
        yield runtimes


def _remove_former_parts_early(runtime: Runtime) -> None:
    """A test does not wait for eight minutes."""
    table = runtime.engine.topology.local_table
    statement = Query(
        f"ALTER TABLE {table} MODIFY SETTING old_parts_lifetime = 1, cleanup_delay_period = 1"
    )
    runtime.engine.unlimited_hosts.each_shard(lambda pool: pool.command(statement))


def test_an_erasure_is_done_on_all_servers_and_known_to_all_nodes(nodes: list[Runtime]) -> None:
    user, other = f"ada-{uuid4().hex}@example.org", "bob@example.org"
    sent = [order(user, interactionId=str(uuid4())) for _ in range(20)]
    with ExitStack() as opened:
        headers = {"x-api-key": ADMIN_KEY}
        leader, follower = (
            opened.enter_context(TestClient(create_app(node), headers=headers)) for node in nodes
        )
        post(leader, "/api/interactions/batch", [*sent[:10], order(other)])
        post(follower, "/api/interactions/batch", [*sent[10:], order(other)])
        assert count_of(follower) == {user: 20, other: 2}
        begun = post(follower, PATH, {"userId": user})
        done = until_done(follower, begun["erasureId"])
        assert done["erased"]["interactions"] == 20
        for client in (leader, follower):
            assert count_of(client) == {other: 2}
            answer = post(client, "/api/interactions/batch", sent)
            assert (answer["accepted"], answer["duplicates"]) == (0, 20)
            assert user not in client.get("/api/interactions").text

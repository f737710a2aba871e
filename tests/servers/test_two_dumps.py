"""A backup of servers is a dump of ClickHouse, and then a dump of PostgreSQL, made while
interactions are recorded."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pytest

from support.crashing import send_ids
from support.deployments import servers_only
from support.dumps import dump_clickhouse, dump_postgres, restore_clickhouse, restore_postgres
from support.flapping import all_of, recorded
from support.node_clients import acknowledged_by, node_writers
from support.nodes import TOOLS, ClickHouse, Deployment, deployment
from support.receivers import Receiver, answering, receiver, wait_for

pytestmark = [
    servers_only,
    pytest.mark.skipif(not TOOLS.is_dir(), reason=f"{TOOLS} has the programs that start servers"),
    pytest.mark.skipif(shutil.which("pg_dump") is None, reason="pg_dump is not installed"),
]
CLIENTS = 4
ENVIRONMENT = {"TOCSIN_ALLOW_PRIVATE_TARGETS": "true"}
LATE = {"resourceType": "LATE", "resourceId": "1", "action": "WROTE", "origin": "TEST"}


@dataclass
class Dumps:
    """`before` was acknowledged before the dump of ClickHouse began, `sent` in all. The early dump
    of PostgreSQL was made before the type LATE was created, and the dump of ClickHouse after."""

    folder: Path
    before: set[str]
    sent: set[str]
    late: str
    there: Receiver
    waiting: str

    @property
    def clickhouse(self) -> Path:
        return self.folder / "clickhouse"

    @property
    def early_postgres(self) -> Path:
        return self.folder / "early.dump"

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres.dump"


@pytest.fixture(scope="module")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dumps]:
    folder = tmp_path_factory.mktemp("dumped")
    with (
        TemporaryDirectory(prefix="tocsin-dumps-") as to,
        receiver(answering(503)) as there,
        deployment(folder, 0, partial(ClickHouse, dumps=Path(to))) as deployed,
    ):
        deployed.add_node(**ENVIRONMENT)
        dumps = Dumps(Path(to), set(), set(), str(uuid4()), there, _deliver(deployed, there))
        with node_writers(deployed.nodes, range(CLIENTS)) as writers:
            time.sleep(0.5)
            dump_postgres(deployed, dumps.early_postgres)
            _record(deployed, {**LATE, "interactionId": dumps.late})
            dumps.before = acknowledged_by(writers)
            dump_clickhouse(deployed, dumps.clickhouse)
            time.sleep(0.3)
            dump_postgres(deployed, dumps.postgres)
        dumps.sent = acknowledged_by(writers)
        deployed.nodes[0].kill()
        yield dumps


@pytest.fixture(scope="module")
def restored(
    dumps: Dumps, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Deployment, str]]:
    with _restored(dumps, dumps.postgres, tmp_path_factory.mktemp("restored")) as restored:
        restored[0].add_node(**ENVIRONMENT)
        yield restored


def test_a_delivery_that_waited_at_the_dump_is_not_sent_again(
    dumps: Dumps, restored: tuple[Deployment, str]
) -> None:
    deployed, printed = restored
    assert "1 deliveries that were not sent are skipped" in printed
    before = len(dumps.there.received)
    with deployed.nodes[0].client() as client:
        (delivery,) = all_of(client, "/api/deliveries", "deliveries", {})
        assert (delivery["deliveryId"], delivery["status"]) == (dumps.waiting, "skipped")
        time.sleep(1)
        assert len(dumps.there.received) == before
        client.post(f"/api/deliveries/{dumps.waiting}/retry").raise_for_status()
        wait_for(lambda: len(dumps.there.received) > before)


def test_restored_dumps_have_what_was_acknowledged_before_and_repeats_add_the_rest(
    dumps: Dumps, restored: tuple[Deployment, str]
) -> None:
    deployed, printed = restored
    assert "WARNING" not in printed
    with deployed.nodes[0].client() as client:
        stored = Counter(recorded(client, resourceType="CRASH"))
        assert dumps.before
        assert dumps.before <= stored.keys() < dumps.sent
        assert max(stored.values()) == 1
        assert _count(client, "CRASH") == len(stored)
        assert _count(client, "LATE") == 1
        assert client.get("/readyz").json()["status"] == "ready"
        repeated = send_ids(client, sorted(dumps.sent)).json()
        missing = len(dumps.sent) - len(stored)
        assert repeated == {"accepted": missing, "duplicates": len(stored), "rejected": []}
        assert _count(client, "CRASH") == len(dumps.sent)


def test_a_restored_database_is_not_settled_while_a_node_uses_it(
    restored: tuple[Deployment, str],
) -> None:
    deployed, _ = restored
    with pytest.raises(AssertionError, match="stop them before `tocsin migrate --restored`"):
        deployed.migrate("--restored")


@pytest.mark.long
def test_in_the_other_order_interactions_lose_the_names_of_their_types(
    dumps: Dumps, tmp_path: Path
) -> None:
    with _restored(dumps, dumps.early_postgres, tmp_path) as (deployed, printed):
        assert "PostgreSQL knows those up to" in printed
        with deployed.add_node().client() as client:
            late = client.get(f"/api/interactions/{dumps.late}").raise_for_status().json()
            assert (late["action"], late["resourceType"]) == ("WROTE", None)
            searched = client.get("/api/interactions", params={"resourceType": "LATE"})
            assert searched.status_code == 422
            # The new entry has the name, and not the interactions.
            client.post("/api/interactions", json=LATE).raise_for_status()
            assert _count(client, "LATE") == 1


@contextmanager
def _restored(dumps: Dumps, postgres: Path, folder: Path) -> Iterator[tuple[Deployment, str]]:
    """New servers with the dumps, and what `tocsin migrate --restored` printed."""
    printed: list[str] = []

    def restore(deployed: Deployment) -> None:
        restore_clickhouse(deployed, dumps.clickhouse)
        restore_postgres(deployed, postgres)
        printed.append(deployed.migrate("--restored"))

    server: Callable[[Path], ClickHouse] = partial(ClickHouse, dumps=dumps.folder)
    with deployment(folder, 0, server, restore) as deployed:
        yield deployed, printed[0]


def _deliver(deployed: Deployment, there: Receiver) -> str:
    """The id of a delivery that waits, because its receiver refuses it."""
    with deployed.nodes[0].client() as client:
        channel = {"name": "c", "kind": "webhook", "settings": {"url": there.url}}
        created = client.post("/api/channels", json=channel).raise_for_status().json()
        subscription = {
            "resourceType": "NEWS",
            "action": "WROTE",
            "channelId": created["channelId"],
        }
        news = {**LATE, "resourceType": "NEWS"}
        client.post("/api/interactions", json=news).raise_for_status()
        client.post("/api/subscriptions", json=subscription).raise_for_status()
        client.post("/api/interactions", json=news).raise_for_status()
        wait_for(lambda: there.received)
        (delivery,) = all_of(client, "/api/deliveries", "deliveries", {})
        return str(delivery["deliveryId"])


def _record(deployed: Deployment, interaction: dict[str, Any]) -> None:
    with deployed.nodes[0].client() as client:
        assert client.post("/api/interactions", json=interaction).status_code == 201


def _count(client: httpx.Client, type: str) -> int:
    metric = {"metricType": "COUNT", "resourceType": type}
    response = client.post("/api/interaction-metrics/preview", json=metric).raise_for_status()
    return int(response.json()["results"][0]["value"])

"""While one of its servers is away or refuses, a node answers 503 with the reason that the guide
lists; afterwards it works again without a restart."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import clickhouse_connect
import httpx2 as httpx
import psycopg
import pytest

from support.nodes import Deployment, deployment
from support.receivers import wait_for
from support.refusals import is_listed
from tocsin.store.advisory_locks import LOCK_CLASS, NODE_LOCK_CLASS, AdvisoryLock

pytestmark = pytest.mark.long

BODY = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
RECOVERS_WITHIN = 10.0


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployment(tmp_path_factory.mktemp("refusals"), nodes=2) as running:
        yield running


@pytest.fixture
def client(deployed: Deployment) -> Iterator[httpx.Client]:
    """A client of the first node; after the test, both nodes work again."""
    with deployed.nodes[0].client() as opened:
        wait_for(lambda: works(opened), RECOVERS_WITHIN)
        yield opened
    for node in deployed.nodes:
        with node.client() as after:
            wait_for(lambda after=after: works(after), RECOVERS_WITHIN)  # type: ignore[misc]


def record(client: httpx.Client, **members: str) -> httpx.Response:
    return client.post("/api/interactions", json=BODY | members)


def count(client: httpx.Client) -> httpx.Response:
    return client.post("/api/interaction-metrics/preview", json={"metricType": "COUNT"})


def works(client: httpx.Client) -> bool:
    statuses = [record(client).status_code, count(client).status_code]
    return [*statuses, client.get("/readyz").status_code] == [201, 200, 200]


def check_refused(answer: httpx.Response, detail: str) -> None:
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) >= 1
    assert detail in answer.json()["detail"]
    assert is_listed(answer.json()["detail"]), answer.text


@contextmanager
def session(deployed: Deployment) -> Iterator[psycopg.Connection]:
    url = deployed.postgres.url.replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def test_without_postgresql_nothing_is_recorded_or_calculated(
    deployed: Deployment, client: httpx.Client
) -> None:
    deployed.postgres.kill()
    try:
        for answer in (record(client), count(client), client.get("/readyz")):
            check_refused(answer, "The store does not answer")
    finally:
        deployed.postgres.start()


@pytest.mark.parametrize("lock", [AdvisoryLock.WRITING, AdvisoryLock.APPENDING])
def test_a_lock_that_another_session_holds_is_refused_after_five_seconds(
    deployed: Deployment, client: httpx.Client, lock: AdvisoryLock
) -> None:
    with session(deployed) as other:
        other.execute(f"SELECT pg_advisory_lock({LOCK_CLASS}, {lock.value})")
        began = time.monotonic()
        if lock is AdvisoryLock.WRITING:
            answer = client.post("/api/actions", json={"mnemonic": uuid4().hex, "title": "t"})
            record(client).raise_for_status()
        else:
            answer = record(client)
        assert 4 < time.monotonic() - began < 12
        check_refused(answer, "The store is busy")


def test_without_clickhouse_definitions_can_be_changed_but_nothing_is_recorded(
    deployed: Deployment, client: httpx.Client
) -> None:
    deployed.clickhouse.kill()
    try:
        for answer in (record(client), count(client), client.get("/readyz")):
            check_refused(answer, "does not answer")
        created = client.post("/api/actions", json={"mnemonic": uuid4().hex, "title": "t"})
        assert created.status_code == 201
    finally:
        deployed.clickhouse.start()


def test_an_append_that_clickhouse_does_not_confirm_is_recorded_once(
    deployed: Deployment, client: httpx.Client
) -> None:
    id = str(uuid4())
    with ThreadPoolExecutor(1) as threads:
        deployed.clickhouse.send(signal.SIGSTOP)
        sent = threads.submit(record, client, interactionId=id)
        wait_for(lambda: not sent.done() and oldest_append(deployed) > 0)
        deployed.clickhouse.kill()
        check_refused(sent.result(), "did not confirm an append")
    deployed.clickhouse.start()
    check_refused(record(client, interactionId=id), "It is not known yet")
    wait_for(lambda: record(client, interactionId=id).status_code in (200, 201), RECOVERS_WITHIN)
    assert record(client, interactionId=id).status_code == 200


def oldest_append(deployed: Deployment) -> float:
    with session(deployed) as connection:
        query = "SELECT coalesce(extract(epoch FROM max(now() - begun_at)), 0) FROM appends"
        ((age,),) = connection.execute(f"{query} WHERE state <> 'ended'").fetchall()
    return float(age)


@pytest.mark.parametrize(
    ("settings", "detail"),
    [
        ({"min_free_disk_bytes_to_perform_insert": 10**18}, "cannot write"),
        ({"parts_to_throw_insert": 1, "parts_to_delay_insert": 1}, "has too many parts"),
    ],
)
def test_a_table_that_takes_no_appends_is_read(
    deployed: Deployment, client: httpx.Client, settings: dict[str, int], detail: str
) -> None:
    server = clickhouse_connect.get_client(host="127.0.0.1", port=deployed.clickhouse.port)
    table = "ALTER TABLE default.interactions"
    changes = ", ".join(f"{name} = {value}" for name, value in settings.items())
    server.command("SYSTEM STOP MERGES default.interactions")
    server.command(f"{table} MODIFY SETTING {changes}")
    try:
        check_refused(record(client), detail)
        assert count(client).status_code == 200
    finally:
        server.command(f"{table} RESET SETTING {', '.join(settings)}")
        server.command("SYSTEM START MERGES default.interactions")


def test_a_node_that_loses_its_lock_during_an_append_sends_nothing(
    deployed: Deployment, client: httpx.Client
) -> None:
    is_over = threading.Event()
    ended = (
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
        f"AND classid::bigint = {NODE_LOCK_CLASS} AND pid <> pg_backend_pid()"
    )

    def end_sessions() -> None:
        with session(deployed) as connection:
            while not is_over.is_set():
                connection.execute(ended)
                time.sleep(0.02)

    with ThreadPoolExecutor(1) as threads:
        ending = threads.submit(end_sessions)
        try:
            answers = [record(client) for _ in range(60)]
        finally:
            is_over.set()
        ending.result()
    refused = [answer for answer in answers if answer.status_code != 201]
    assert refused
    for answer in refused:
        check_refused(answer, "This node has lost its lock")


def test_a_node_that_missed_rows_of_the_log_reads_them_and_is_not_ready_meanwhile(
    deployed: Deployment, client: httpx.Client
) -> None:
    node, other = deployed.nodes
    with node.stopped(), other.client() as elsewhere:
        for _ in range(3):
            wait_for(lambda: record(elsewhere).status_code == 201, RECOVERS_WITHIN)
        with session(deployed) as connection:
            connection.execute(
                "DELETE FROM appends WHERE number < (SELECT max(number) FROM appends)"
            )
    refused: list[Callable[[], httpx.Response]] = [
        lambda: record(client),
        lambda: count(client),
        lambda: client.get("/readyz"),
    ]
    for ask in refused:
        answer = ask()
        # The node reads quickly.
        if answer.status_code == 503:
            check_refused(answer, "This node was away for long")

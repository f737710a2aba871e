"""Each user of the engine gets a client that no other user has."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Timer
from typing import Any
from uuid import UUID, uuid4

import pytest
from clickhouse_connect.driver.client import Client

from support.deployments import settings_in
from support.engines import clusters_only, execute, statements_running
from support.recording import record
from tocsin.clickhouse.chdb_connector import ChdbConnector
from tocsin.clickhouse.client_pool import ClientPool
from tocsin.clickhouse.cluster_discovery import discover
from tocsin.clickhouse.connecting import connect
from tocsin.clickhouse.settings import EngineSettings
from tocsin.clickhouse.sql.query import Query
from tocsin.errors import QueryTooHeavy, Stopping, TocsinError, Unavailable
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.server_address import ServerAddress
from tocsin.runtime import Runtime

MONTHS = 12
# One client for calculations, and two each for alerts, pages, searches and exports.
CLIENTS = 9
# Asleep, so that the test does not wait for the processor that they would use.
FOR_EVER = Query(
    "SELECT sum(sleepEachRow(0.1)) FROM numbers(1000000000000) SETTINGS max_block_size = 1"
)
SENT = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}


@pytest.fixture
def clients(tmp_path: Path) -> Iterator[ClientPool]:
    clients = ClientPool(connect(tmp_path / "engine"), {}, 2, timeout=0.01)
    yield clients
    clients.close()


def test_a_client_has_one_user_at_a_time(clients: ClientPool) -> None:
    with clients.acquire() as first, clients.acquire() as second:
        assert first is not second
        with pytest.raises(Unavailable), clients.acquire():
            pass
    with clients.acquire() as again:
        assert again in (first, second)


class _CountingConnector(ChdbConnector):
    opened = 0

    def open(self, settings: EngineSettings, answer_seconds: float) -> Client:
        self.opened += 1
        return super().open(settings, answer_seconds)


def test_no_more_clients_are_open_than_were_used_concurrently(tmp_path: Path) -> None:
    connector = _CountingConnector(tmp_path / "engine")
    clients = ClientPool(connector, {"max_threads": 1}, 3)
    assert connector.opened == 0
    for _ in range(3):
        assert clients.query(Query("SELECT getSetting('max_threads')")) == [(1,)]
    assert connector.opened == 1
    with clients.acquire(), clients.acquire():
        assert clients.in_use == 2
    assert connector.opened == 2
    clients.close()


def test_clients_can_be_opened_before_they_are_needed(tmp_path: Path) -> None:
    connector = _CountingConnector(tmp_path / "engine")
    clients = ClientPool(connector, {}, 3)
    assert [clients.open_another() for _ in range(4)] == [True, True, True, False]
    with clients.acquire() as first, clients.acquire() as second, clients.acquire() as third:
        assert len({first, second, third}) == 3
        assert not clients.open_another()
    assert clients.in_use == 0
    assert connector.opened == 3
    clients.close()


def test_a_client_that_cannot_be_opened_is_tried_again(tmp_path: Path) -> None:
    clients = ClientPool(connect(tmp_path / "engine"), {"no_such_setting": 1}, 1, timeout=0)
    for _ in range(2):
        with pytest.raises(TocsinError, match=r"^(?!All calculations)"), clients.acquire():
            pass
    assert clients.in_use == 0
    clients.close()


def test_a_closed_pool_opens_no_client(clients: ClientPool) -> None:
    clients.close()
    with pytest.raises(Unavailable):
        clients.query(Query("SELECT 1"))


def test_a_client_can_be_used_again_after_a_failed_statement(clients: ClientPool) -> None:
    for _ in range(4):
        with pytest.raises(Unavailable), clients.acquire() as client:
            client.query("SELECT nothing FROM nowhere")
    with clients.acquire() as client, clients.acquire():
        assert client.query("SELECT 1").result_rows == [(1,)]


@pytest.mark.parametrize("form", ["Native", "ArrowStream"])
def test_rows_of_a_failed_statement_do_not_appear_in_the_next_result(
    tmp_path: Path, form: str
) -> None:
    clients = ClientPool(connect(tmp_path / "engine"), {}, 1)
    fails_late = "SELECT number FROM numbers(100000) SETTINGS max_result_rows = 90000"
    for _ in range(2):
        with pytest.raises(QueryTooHeavy), clients.acquire() as client:
            client.raw_query(f"{fails_late}, max_block_size = 1000", fmt=form)
        with clients.acquire() as client:
            assert client.query("SELECT 7::UInt64 AS number").result_rows == [(7,)]
    clients.close()


def test_recording_waits_for_no_calculation_maintenance_or_load(tmp_path: Path) -> None:
    runtime = Runtime(settings_in(tmp_path, query_concurrency=1))
    engine = runtime.engine
    queries = (
        engine.run,
        engine.run,
        engine.alert_queries.run,
        engine.page_queries.run,
        engine.search,
        engine.export_queries.run,
    )
    with ThreadPoolExecutor(2 * len(queries)) as threads:
        queries_running = [threads.submit(ask, FOR_EVER) for ask in queries * 2]
        while statements_running(engine, "SELECT sum(sleepEachRow") < CLIENTS:
            time.sleep(0.01)
        with engine.unlimited_clients.acquire(), engine.maintenance_clients.acquire():
            id = str(uuid4())
            for accepted, duplicates in ((1, 0), (0, 1)):
                line = json.dumps({**SENT, "interactionId": id}).encode()
                batch = runtime.recorder.record_batch([line], RequestContext(received=0))
                assert (batch.accepted, batch.duplicates) == (accepted, duplicates)
            recorded = runtime.history.recorded(UUID(id))
            assert recorded.interaction_number == engine.latest_number()
            engine.check_ready()
            assert engine.rows() == 1
        assert not any(future.done() for future in queries_running)
        runtime.stop_calculating()
        assert {type(future.exception()) for future in queries_running} == {Stopping}
    runtime.close()


def test_months_are_dropped_while_field_types_are_loaded_and_interactions_recorded(
    tmp_path: Path,
) -> None:
    runtime = Runtime(settings_in(tmp_path))
    with ThreadPoolExecutor(3) as threads:
        for month in range(1, MONTHS + 1):
            begins = datetime(2025, month, 1, tzinfo=UTC)
            running: list[Future[Any]] = [
                threads.submit(runtime.engine.load_field_types),
                threads.submit(runtime.engine.drop_months_before, begins),
                threads.submit(record, runtime, begins, **{f"n{month}": 1}),
            ]
            for future in running:
                future.result()
    assert runtime.engine.rows() == 1
    runtime.close()


@clusters_only
def test_no_server_has_a_month_after_it_was_dropped(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    runtime = Runtime(settings)
    for day in range(1, 9):
        record(runtime, datetime(2025, 1, day, tzinfo=UTC))
    assert settings.clickhouse_url
    url = settings.clickhouse_url.get_secret_value()
    followers = [shard[-1].address for shard in discover(ServerAddress.parse(url)).shards]
    for server in followers:
        execute(server, "SYSTEM STOP REPLICATION QUEUES interactions_local")

    def follow() -> None:
        for server in followers:
            execute(server, "SYSTEM START REPLICATION QUEUES interactions_local")

    starting = Timer(1, follow)
    starting.start()
    runtime.engine.drop_months_before(datetime(2025, 2, 1, tzinfo=UTC))
    left = "SELECT count() FROM system.parts WHERE active AND database = currentDatabase()"
    assert all(rows == [(0,)] for rows in runtime.engine.inspect_hosts(Query(left)))
    starting.join()
    runtime.close()

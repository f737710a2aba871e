"""Does everybody who uses the engine get a client, and nobody one that somebody else uses?"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recording import record
from tocsin.config import Settings
from tocsin.engine.clients import Clients
from tocsin.engine.location import Location
from tocsin.errors import QueryTooHeavy, Unavailable
from tocsin.runtime import Runtime

MONTHS = 12


@pytest.fixture
def clients(tmp_path: Path) -> Iterator[Clients]:
    clients = Clients(Location(tmp_path / "engine"), {}, 2, patience=0.01)
    yield clients
    clients.close()


def test_a_client_is_lent_to_one_at_a_time(clients: Clients) -> None:
    with clients.lend() as one, clients.lend() as other:
        assert one is not other
        with pytest.raises(Unavailable), clients.lend():
            pass
    with clients.lend() as again:
        assert again in (one, other)


def test_a_client_whose_statement_failed_is_lent_again(clients: Clients) -> None:
    for _ in range(4):
        with pytest.raises(Unavailable), clients.lend() as client:
            client.query("SELECT nothing FROM nowhere")
    with clients.lend() as client, clients.lend():
        assert client.query("SELECT 1").result_rows == [(1,)]


@pytest.mark.parametrize("form", ["Native", "ArrowStream"])
def test_what_a_failed_statement_had_put_out_is_answered_to_nobody(
    tmp_path: Path, form: str
) -> None:
    clients = Clients(Location(tmp_path / "engine"), {}, 1)
    fails_late = "SELECT number FROM numbers(100000) SETTINGS max_result_rows = 90000"
    for _ in range(2):
        with pytest.raises(QueryTooHeavy), clients.lend() as client:
            client.raw_query(f"{fails_late}, max_block_size = 1000", fmt=form)
        with clients.lend() as client:
            assert client.query("SELECT 7::UInt64 AS number").result_rows == [(7,)]
    clients.close()


def test_who_records_waits_for_nobody_who_learns_tends_or_calculates(tmp_path: Path) -> None:
    runtime = Runtime(Settings(data_dir=tmp_path, query_concurrency=1))
    engine = runtime.engine
    with engine._unlimited.lend(), engine._tending.lend(), engine._calculating.lend():
        record(runtime, datetime(2025, 1, 20, tzinfo=UTC))
    assert engine.rows() == 1
    runtime.close()


def test_months_are_dropped_while_field_types_are_learnt_and_interactions_recorded(
    tmp_path: Path,
) -> None:
    runtime = Runtime(Settings(data_dir=tmp_path))
    with ThreadPoolExecutor(3) as threads:
        for month in range(1, MONTHS + 1):
            begins = datetime(2025, month, 1, tzinfo=UTC)
            under_way = [
                threads.submit(runtime.engine.learn_field_types),
                threads.submit(runtime.engine.drop_before, begins),
                threads.submit(record, runtime, begins, **{f"n{month}": 1}),
            ]
            for future in under_way:
                future.result()
    assert runtime.engine.rows() == 1
    runtime.close()

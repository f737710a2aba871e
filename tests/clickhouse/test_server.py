"""An engine on a server: blocks are stored once, errors name the server, and nodes share it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from support.engines import execute, fresh_database, one_server_only, open_engine
from support.tcp_proxy import TcpProxy
from tocsin.clickhouse.engine import BlockRejected, Engine
from tocsin.clickhouse.migrating import migrate, pending_statements
from tocsin.clickhouse.server_checks import check_server
from tocsin.clickhouse.sql.query import Query
from tocsin.errors import InvalidSettings, Stopping, Unavailable, UnknownOutcome
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.server_address import ServerAddress

pytestmark = one_server_only

LONG = Query("SELECT sum(cityHash64(number)) FROM numbers(1000000000000)")


@pytest.fixture(scope="module")
def address() -> Iterator[ServerAddress]:
    with fresh_database() as created:
        yield created


@pytest.fixture
def engine(address: ServerAddress) -> Iterator[Engine]:
    """An engine with an empty table."""
    execute(address, "TRUNCATE TABLE interactions SYNC")
    opened = open_engine(address)
    yield opened
    opened.close()


@pytest.fixture
def proxy(address: ServerAddress) -> Iterator[TcpProxy]:
    with TcpProxy(address.host, address.port) as running:
        yield running


def through(proxy: TcpProxy, address: ServerAddress) -> Engine:
    return open_engine(replace(address, host="127.0.0.1", port=proxy.port))


def block(count: int, *, first: int = 1, months: int = 1) -> list[Interaction]:
    return [
        Interaction(
            interaction_id=uuid4().bytes,
            resource_type_id=uuid4().bytes,
            action_id=uuid4().bytes,
            origin_id=uuid4().bytes,
            resource_id="1",
            timestamp=int(datetime(2026, 1 + number % months, 5, tzinfo=UTC).timestamp() * 1000),
            payload=b'{"a":%d}' % number,
            external_response=b"",
            uow_id=None,
            user_id=None,
            external_reference=None,
            big_integers=(),
            leafless_objects=(),
            interaction_number=first + number,
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("months", [1, 5])
def test_a_block_is_stored_once_however_often_it_is_appended_with_its_token(
    engine: Engine, months: int
) -> None:
    interactions = block(20, months=months)
    for _ in range(3):
        engine.append(interactions, token="tocsin-1", query_id="tocsin-append-1")
    assert engine.rows() == 20
    engine.append(block(20, first=21, months=months), token="tocsin-21")
    assert engine.rows() == 40


def test_halves_of_a_rejected_block_are_different_blocks(engine: Engine) -> None:
    interactions = block(4)
    bad = replace_payload(interactions[3], b"[1]")
    with pytest.raises(BlockRejected):
        engine.append([*interactions[:3], bad], token="tocsin-1", query_id="tocsin-append-1")
    engine.append(interactions[:2], token="tocsin-1", query_id="tocsin-append-1")
    engine.append(interactions[2:3], token="tocsin-1", query_id="tocsin-append-1")
    assert engine.numbers_present(1, 4) == {1, 2, 3}


def replace_payload(interaction: Interaction, payload: bytes) -> Interaction:
    interaction.payload = payload
    return interaction


def test_the_numbers_of_a_range_are_found(engine: Engine) -> None:
    engine.append(block(30, first=101, months=3))
    assert engine.numbers_present(96, 105) == {101, 102, 103, 104, 105}
    assert engine.numbers_present(131, 900) == set()


def test_an_append_whose_answer_is_lost_has_an_unknown_outcome_and_can_be_repeated(
    address: ServerAddress, engine: Engine, proxy: TcpProxy
) -> None:
    other = through(proxy, address)
    interactions = block(10)
    proxy.loses_answers = True
    with pytest.raises(UnknownOutcome, match=f"127.0.0.1:{proxy.port} did not confirm"):
        other.append(interactions, token="tocsin-1", query_id="tocsin-append-1")
    proxy.loses_answers = False
    until(lambda: engine.rows() == 10)
    other.append(interactions, token="tocsin-1", query_id="tocsin-append-1")
    assert engine.rows() == 10
    other.close()


def test_an_append_that_cannot_connect_has_a_known_outcome(
    address: ServerAddress, proxy: TcpProxy
) -> None:
    other = through(proxy, address)
    proxy.__exit__(None, None, None)
    with pytest.raises(Unavailable, match="does not answer") as caught:
        other.append(block(1), token="tocsin-1")
    assert not isinstance(caught.value, UnknownOutcome)
    other.close()


def test_a_query_of_a_server_that_is_away_is_unavailable_and_works_again_afterwards(
    address: ServerAddress, proxy: TcpProxy
) -> None:
    other = through(proxy, address)
    proxy.is_down = True
    with pytest.raises(Unavailable, match=f"127.0.0.1:{proxy.port} closed the connection"):
        other.check_ready()
    proxy.is_down = False
    other.check_ready()
    other.close()


def test_a_stop_ends_the_calculations_of_its_own_node_only(
    address: ServerAddress, engine: Engine
) -> None:
    other = open_engine(address, node_id="other")
    ended: dict[str, BaseException] = {}

    def run(name: str, node: Engine) -> None:
        try:
            node.run(LONG)
        except (Stopping, Unavailable) as error:
            ended[name] = error

    nodes = {"this": engine, "other": other}
    threads = [threading.Thread(target=run, args=item) for item in nodes.items()]
    for thread in threads:
        thread.start()
    count = Query(
        "SELECT count() FROM system.processes "
        "WHERE query LIKE 'SELECT sum(cityHash64%' AND current_database = currentDatabase()"
    )
    until(lambda: engine.run_ddl(count)[0][0] == 2)
    engine.stop_calculating()
    until(lambda: "this" in ended)
    time.sleep(0.2)
    assert list(ended) == ["this"]
    assert isinstance(ended["this"], Stopping)
    other.stop_calculating()
    for thread in threads:
        thread.join(10)
    other.close()


def test_an_append_that_is_not_running_can_be_killed(engine: Engine) -> None:
    engine.kill_append("tocsin-append-1")


def test_any_number_of_ids_can_be_looked_up(engine: Engine) -> None:
    interactions = block(5_000)
    engine.append(interactions)
    ids = [interaction.interaction_id for interaction in interactions]
    others = [uuid4().bytes for _ in range(5_000)]
    assert engine.recorded_ids([*ids, *others]) == set(ids)
    engine.ids.expect_all()
    assert set(engine.ids.find([*ids, *others])) == set(ids)


def test_a_table_is_created_by_migrate_only_and_once() -> None:
    with fresh_database() as address:
        execute(address, "DROP TABLE interactions SYNC")
        with pytest.raises(InvalidSettings, match="no table of interactions: run `tocsin migrate`"):
            open_engine(address)
        assert list(migrate(address, dry_run=True)) == pending_statements(address)
        assert len(list(migrate(address))) == 1
        assert pending_statements(address) == []
        open_engine(address).close()


def test_migrate_mends_the_table_of_another_version() -> None:
    with fresh_database() as address:
        for change in (
            "MODIFY SETTING non_replicated_deduplication_window = 7",
            "MODIFY COLUMN timestamp CODEC(Delta, ZSTD(1))",
            "DROP INDEX byInteractionNumber",
            "DROP INDEX byUowId",
        ):
            execute(address, f"ALTER TABLE interactions {change}")
        with pytest.raises(InvalidSettings, match="not that of this version: run `tocsin migrate`"):
            open_engine(address)
        assert len(list(migrate(address))) == 6
        assert pending_statements(address) == []


@pytest.mark.parametrize(
    ("definition", "sentence"),
    [
        ("(a UInt8) ENGINE = MergeTree ORDER BY a", "its column interactionId is missing"),
        ("(a UInt8) ENGINE = Memory", "another engine than MergeTree"),
    ],
)
def test_a_table_that_is_not_tocsins_is_left_alone(definition: str, sentence: str) -> None:
    with fresh_database() as address:
        execute(address, "DROP TABLE interactions SYNC")
        execute(address, f"CREATE TABLE interactions {definition}")
        with pytest.raises(InvalidSettings, match=sentence):
            pending_statements(address)


def test_the_id_of_the_installation_is_kept_with_the_table(address: ServerAddress) -> None:
    first = open_engine(address)
    first.set_folder_id("ab" * 16)
    first.close()
    second = open_engine(address)
    assert second.folder_id == "ab" * 16
    second.close()
    assert pending_statements(address) == []


def test_a_server_that_can_be_used_has_no_problems(address: ServerAddress) -> None:
    assert check_server(address) == []
    assert check_server(replace(address, database="not_created_yet")) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"port": 1}, "does not answer (Connection refused)"),
        ({"host": "host.invalid"}, "its name cannot be resolved"),
        ({"user": "nobody", "password": "secret"}, "rejects the user nobody or the password"),
        ({"is_secure": True}, "does not speak TLS"),
    ],
)
def test_a_server_that_cannot_be_used_has_one_sentence(
    address: ServerAddress, changes: dict[str, Any], sentence: str
) -> None:
    (problem,) = check_server(replace(address, **changes))
    assert sentence in problem
    assert "secret" not in problem


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_databases_of_one_server_append_under_the_same_ids_concurrently(engine: Engine) -> None:
    with fresh_database() as address:
        other = open_engine(address)
        failures: list[Exception] = []

        def append_all(to: Engine) -> None:
            try:
                for first in range(1, 1_001, 50):
                    to.append(block(50, first=first), query_id=f"tocsin-append-{first}")
                    to.kill_append("tocsin-append-1")
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=append_all, args=[to]) for to in (engine, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failures == []
        assert [engine.rows(), other.rows()] == [1_000, 1_000]
        other.close()

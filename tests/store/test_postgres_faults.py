"""PostgreSQL that restarts, is away, is busy or is slow: each call of the store ends with an error
that can be retried, and works again as soon as the server does."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from support.databases import execute_on_server, migrated_database, server_only, url_of
from support.store_calls import AT, StoreCalls
from support.tcp_proxy import TcpProxy
from tocsin.errors import Unavailable
from tocsin.model.key import Role
from tocsin.store.database import Database
from tocsin.store.key_value import KeyValueStore
from tocsin.store.keys import Keys
from tocsin.store.postgres import POOL_CONNECTIONS
from tocsin.store.sessions import Sessions

pytestmark = server_only

MAX_CONNECTIONS = POOL_CONNECTIONS
BUSY_SECONDS = 5


@pytest.fixture(scope="module")
def name() -> Iterator[str]:
    with migrated_database() as created:
        yield created


@pytest.fixture
def proxy(name: str) -> Iterator[TcpProxy]:
    server = make_url(url_of(name))
    with TcpProxy(server.host or "", server.port or 5432) as running:
        yield running


@pytest.fixture
def database(name: str, proxy: TcpProxy) -> Iterator[Database]:
    """A database that is reached through a proxy."""
    behind = make_url(url_of(name)).set(host="127.0.0.1", port=proxy.port)
    with closing(Database(behind.render_as_string(hide_password=False))) as opened:
        yield opened


def end_sessions(name: str) -> None:
    """End all connections, as a restart of the server does."""
    execute_on_server(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        f"WHERE datname = '{name}' AND backend_type = 'client backend'"
    )


def test_every_call_works_immediately_after_a_restart(name: str, database: Database) -> None:
    for call in StoreCalls(database).all().values():
        end_sessions(name)
        call()


def test_every_call_fails_while_the_server_is_away_and_works_again_afterwards(
    database: Database, proxy: TcpProxy
) -> None:
    for title, call in StoreCalls(database).all().items():
        proxy.is_down = True
        with pytest.raises(Unavailable) as caught:
            call()
        assert caught.value.retry_after_seconds, title
        proxy.is_down = False
        call()


@pytest.mark.parametrize("is_at_commit", [False, True])
def test_a_restart_during_a_transaction_leaves_nothing_of_it(
    name: str, database: Database, is_at_commit: bool
) -> None:
    values = KeyValueStore(database)
    values.set("a", "before")

    def change() -> None:
        with database.writing() as connection:
            connection.execute(text("UPDATE facts SET value = 'lost' WHERE name = 'a'"))
            end_sessions(name)
            if not is_at_commit:
                connection.execute(text("SELECT 1"))

    with pytest.raises(Unavailable):
        change()
    assert values.get("a") == "before"


def test_concurrent_changes_of_two_nodes_neither_fail_nor_lose_an_update(
    name: str, database: Database
) -> None:
    KeyValueStore(database).set("count", "0")

    def increment(node: Database) -> None:
        for _ in range(10):
            with node.writing() as connection:
                read = text("SELECT value FROM facts WHERE name = 'count'")
                count = int(connection.execute(read).scalar_one())
                write = text("UPDATE facts SET value = :value WHERE name = 'count'")
                connection.execute(write, {"value": str(count + 1)})

    with closing(Database(url_of(name))) as other, ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(increment, node) for node in (database, other) * 4]:
            done.result()
    assert KeyValueStore(database).get("count") == "80"


def test_a_reader_sees_one_state_while_others_write(database: Database) -> None:
    values = KeyValueStore(database)
    values.set("a", "1")
    query = text("SELECT value FROM facts WHERE name = 'a'")
    with database.reading() as connection:
        first = connection.execute(query).scalar_one()
        values.set("a", "2")
        assert connection.execute(query).scalar_one() == first == "1"


def test_a_reader_without_a_free_connection_is_refused_within_seconds(database: Database) -> None:
    began = time.monotonic()
    with ExitStack() as held:
        for _ in range(MAX_CONNECTIONS):
            held.enter_context(database.reading())
        with pytest.raises(Unavailable, match="try again"):
            database.ping()
    assert time.monotonic() - began < BUSY_SECONDS + 3
    database.ping()


def test_writers_take_one_connection_while_they_wait(database: Database) -> None:
    values = KeyValueStore(database)
    with ThreadPoolExecutor(MAX_CONNECTIONS + 4) as pool:
        with database.writing():
            waiting = [
                pool.submit(values.set, f"waiting {number}", "")
                for number in range(MAX_CONNECTIONS + 4)
            ]
            time.sleep(0.2)
            database.ping()
        for each in waiting:
            each.result()


def test_a_locked_table_is_refused_within_seconds(name: str, database: Database) -> None:
    ready, done = threading.Event(), threading.Event()

    def lock() -> None:
        with closing(Database(url_of(name))) as other, other.writing() as connection:
            connection.execute(text("LOCK TABLE facts IN ACCESS EXCLUSIVE MODE"))
            ready.set()
            done.wait(30)

    locking = threading.Thread(target=lock)
    locking.start()
    ready.wait(10)
    began = time.monotonic()
    with pytest.raises(Unavailable, match="The store is busy"):
        database.ping()
    assert BUSY_SECONDS - 1 < time.monotonic() - began < BUSY_SECONDS + 5
    done.set()
    locking.join()
    database.ping()


def test_a_statement_that_takes_too_long_is_ended(database: Database) -> None:
    def wait() -> None:
        with database.reading() as connection:
            connection.execute(text("SET LOCAL statement_timeout = 100"))
            connection.execute(text("SELECT pg_sleep(20)"))

    with pytest.raises(Unavailable, match="statement timeout"):
        wait()
    database.ping()


def test_a_transaction_that_a_node_leaves_open_is_ended(database: Database) -> None:
    def hang() -> None:
        with database.writing() as connection:
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 100"))
            time.sleep(0.5)
            connection.execute(text("SELECT 1"))

    with pytest.raises(Unavailable):
        hang()
    KeyValueStore(database).set("a", "after")


def test_texts_are_ordered_by_their_code_points(database: Database) -> None:
    texts = ["b", "B", "a-b", "a_b", "ab", "Z", "1", "a.b", "a/b", "é", "z", "\U0001f600", "\uffff"]
    values = KeyValueStore(database)
    for each in texts:
        values.set(f"order {each}", "")
    names = text("SELECT name FROM facts WHERE name LIKE 'order %' ORDER BY name")
    with database.reading() as connection:
        listed = [name.removeprefix("order ") for name in connection.execute(names).scalars()]
    assert listed == sorted(texts)


def test_long_texts_are_kept(database: Database) -> None:
    values = KeyValueStore(database)
    long = "\U0001f600é\x00\x1a" * 250_000
    values.set("long", long)
    assert values.get("long") == long


def test_sessions_of_a_restarted_server_are_read_again(name: str, database: Database) -> None:
    sessions, now = Sessions(database), datetime.now(UTC)
    key = Keys(database).create("k", Role.READ, AT)[0]
    token = sessions.begin(key.key_id, "address", now)
    end_sessions(name)
    again = Sessions(database)
    session = again.use(token, now + timedelta(minutes=1))
    assert session
    assert session.key_id == key.key_id

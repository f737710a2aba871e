"""The lock by which nodes see that another node is alive."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from support.databases import migrated_database, server_only, url_of
from support.tcp_proxy import TcpProxy
from tocsin.errors import Unavailable
from tocsin.store.database import Database
from tocsin.store.node_lock import SILENT_SECONDS, NodeLock

pytestmark = server_only


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with migrated_database() as name:
        yield url_of(name)


@pytest.fixture
def opened(url: str) -> Iterator[Callable[..., NodeLock]]:
    """Creates locks that are not started."""
    with ExitStack() as stack:

        def open_lock(node: str, at: str = url) -> NodeLock:
            database = Database(at)
            stack.callback(database.close)
            lock = NodeLock(database, node)
            stack.callback(lock.stop)
            return lock

        yield open_lock


def wait_for(is_true: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not is_true() and time.monotonic() < end:
        time.sleep(0.05)
    return is_true()


def cut_sessions(url: str) -> None:
    """End all sessions of nodes, as a restart of the server does."""
    with closing(Database(url)) as database, database.session() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


def test_a_node_lives_from_its_start_to_its_end(opened: Callable[..., NodeLock]) -> None:
    first, second = opened("first"), opened("second")
    assert first.living_nodes() == frozenset()
    first.hold()
    second.hold()
    first.hold()
    assert first.living_nodes() == second.living_nodes() == {"first", "second"}
    first.stop()
    assert second.living_nodes() == {"second"}


def test_a_silent_node_loses_its_lock_and_takes_it_again(opened: Callable[..., NodeLock]) -> None:
    silent, other = opened("silent"), opened("other")
    silent.hold()
    other.start()
    assert wait_for(lambda: other.living_nodes() == {"other"}, SILENT_SECONDS + 2)
    silent.hold()
    assert other.living_nodes() == {"silent", "other"}


def test_a_started_lock_outlives_a_restart_of_the_server(
    url: str, opened: Callable[..., NodeLock]
) -> None:
    lock = opened("started")
    lock.start()
    assert wait_for(lambda: lock.living_nodes() == {"started"}, 2)
    cut_sessions(url)
    assert wait_for(lambda: lock.living_nodes() == frozenset(), 2)
    assert wait_for(lambda: lock.living_nodes() == {"started"}, 3)


def test_two_nodes_cannot_hold_one_lock(opened: Callable[..., NodeLock]) -> None:
    opened("same").hold()
    with pytest.raises(Unavailable, match="belongs to an earlier connection"):
        opened("same").hold()


def test_a_node_without_the_server_knows_that_it_holds_nothing(
    url: str, opened: Callable[..., NodeLock]
) -> None:
    server = make_url(url)
    with TcpProxy(server.host or "", server.port or 5432) as proxy:
        behind = server.set(host="127.0.0.1", port=proxy.port)
        lock, other = (
            opened("behind", behind.render_as_string(hide_password=False)),
            opened("other"),
        )
        lock.hold()
        proxy.is_down = True
        with pytest.raises(Unavailable):
            lock.hold()
        assert wait_for(lambda: other.living_nodes() == frozenset(), SILENT_SECONDS + 2)
        proxy.is_down = False
        lock.hold()
        assert other.living_nodes() == {"behind"}


def test_rows_of_nodes_that_ended_long_ago_are_deleted(
    url: str, opened: Callable[..., NodeLock]
) -> None:
    living = opened("living")
    living.hold()
    opened("ended").hold()
    with closing(Database(url)) as database:
        with database.writing() as connection:
            connection.execute(text("UPDATE nodes SET seen = now() - interval '2 days'"))
        with database.session() as connection:
            pid = "SELECT pid FROM pg_locks JOIN nodes ON objid::bigint = number AND node = 'ended'"
            connection.execute(text(f"SELECT pg_terminate_backend(({pid}))"))
        opened("new").hold()
        with database.reading() as connection:
            names = set(connection.execute(text("SELECT node FROM nodes")).scalars())
        assert names >= {"living", "new"}
        assert "ended" not in names

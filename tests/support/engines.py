"""Engines for tests: in a folder, or in a database of their own on the server that
TOCSIN_TEST_CLICKHOUSE_URL names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest

from tocsin.clickhouse.client_pool import ClientPool
from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.http_connector import HttpConnector
from tocsin.clickhouse.migrating import migrate
from tocsin.clickhouse.sql.maintenance import compile_drop_month
from tocsin.clickhouse.sql.query import Query
from tocsin.model.server_address import ServerAddress

URL = "TOCSIN_TEST_CLICKHOUSE_URL"
folders_only = pytest.mark.skipif(URL in os.environ, reason="only a folder's engine does this")
IS_CLUSTER = "?cluster=" in os.environ.get(URL, "")
one_server_only = pytest.mark.skipif(
    URL not in os.environ or IS_CLUSTER, reason=f"{URL} does not name one server"
)
clusters_only = pytest.mark.skipif(not IS_CLUSTER, reason=f"{URL} does not name a cluster")
counts_reads = pytest.mark.skipif(IS_CLUSTER, reason="each shard reads rows of its own")

MEMORY, SECONDS, CONCURRENCY = 512 * 1024 * 1024, 30, 2


@cache
def server_for_tests() -> ServerAddress | None:
    """The server for tests; None if the tests use folders."""
    url = os.environ.get(URL)
    return ServerAddress.parse(url) if url else None


@contextmanager
def fresh_database(name: str | None = None) -> Iterator[ServerAddress]:
    """A new, migrated database, which is dropped afterwards."""
    server = server_for_tests()
    assert server, f"{URL} names no server"
    address = replace(server, database=name or f"tocsin_test_{os.urandom(6).hex()}")
    list(migrate(address))
    try:
        yield address
    finally:
        execute(server, f"DROP DATABASE IF EXISTS {address.database} SYNC")


def execute(address: ServerAddress, statement: str) -> None:
    """Run a statement on the server, or on every server of the cluster."""
    for server in address.servers:
        connector = HttpConnector(server)
        pool = ClientPool(connector, {})
        pool.command(Query(statement))
        pool.close()
        connector.close()


def statements_running(engine: Engine, beginning: str) -> int:
    """The number of statements with this beginning, on all servers of the engine."""
    text = "SELECT count() FROM system.processes WHERE query LIKE {pattern:String}"
    query = Query(text, {"pattern": f"{beginning}%"})
    return sum(count for ((count,),) in engine.inspect_hosts(query))


def merge_parts(engine: Engine) -> None:
    """Make one part of each month."""
    engine.change_stored(Query(f"OPTIMIZE TABLE {engine.topology.local_table} FINAL"))


def drop_month(engine: Engine, month: int) -> None:
    """Drop the interactions of a month, given as 202603, as another program would."""
    engine.change_stored(compile_drop_month(month, engine.tables[0]))


class EngineLocations:
    """Gives each folder the same location whenever it is opened, so that an engine can be opened
    again."""

    def __init__(self) -> None:
        self._created: dict[str, Path] = {}
        self._run = os.urandom(4).hex()

    def of(self, folder: Path) -> Path | ServerAddress:
        """The folder, or a database for it on the server for tests."""
        server = server_for_tests()
        if server is None:
            return folder
        # The disk of the folder is measured, as that of an engine in it would be.
        folder.mkdir(parents=True, exist_ok=True)
        digest = blake2b(os.fsencode(folder.resolve()), digest_size=6).hexdigest()
        address = replace(server, database=f"tocsin_test_{self._run}_{digest}")
        if address.database not in self._created:
            self._created[address.database] = folder
            list(migrate(address))
        return address

    def drop(self, within: Path | None = None) -> None:
        """Drop the databases of the folders in a folder; without one, of all."""
        server = server_for_tests()
        names = [n for n, folder in self._created.items() if not within or within in folder.parents]
        for name in names:
            assert server
            execute(server, f"DROP DATABASE IF EXISTS {name} SYNC")
            del self._created[name]


LOCATIONS = EngineLocations()


def open_engine(location: Path | ServerAddress, **options: Any) -> Engine:
    """An engine in a folder, in the folder's database, or on a server."""
    if isinstance(location, Path):
        location = LOCATIONS.of(location)
    limits = {"memory": MEMORY, "seconds": SECONDS, "concurrency": CONCURRENCY}
    return Engine(location, **(limits | options))

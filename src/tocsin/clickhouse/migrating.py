"""Creates and changes the database of a ClickHouse server, or those of the servers of a cluster,
for `tocsin migrate`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import uuid4

from clickhouse_connect.driver.binding import quote_identifier

from tocsin.clickhouse.cluster_discovery import discover
from tocsin.clickhouse.cluster_schema import cluster_statements, execute, planned_statements
from tocsin.clickhouse.http_connector import ANY_DATABASE, connected
from tocsin.clickhouse.server_schema import CREATE, table_statements
from tocsin.model.server_address import ServerAddress

_STATEMENT_SECONDS = 600.0


def pending_statements(address: ServerAddress) -> list[str]:
    """The statements that `migrate` would execute; none if nothing is to be changed.

    Of a cluster, they are those that are known before the first is executed. Raises
    InvalidSettings for a table that is not Tocsin's, and Unavailable.
    """
    if address.cluster:
        topology = discover(address, all_reachable=True)
        return list(map(str, planned_statements(topology, _path("RANDOM"))))
    with connected(address, _STATEMENT_SECONDS, database=ANY_DATABASE) as client:
        text = "SELECT count() FROM system.databases WHERE name = {name:String}"
        if not client.command(text, {"name": address.database}):
            return [f"CREATE DATABASE IF NOT EXISTS {quote_identifier(address.database)}", CREATE]
    with connected(address, _STATEMENT_SECONDS) as client:
        return table_statements(client, address)


def migrate(
    address: ServerAddress,
    *,
    dry_run: bool = False,
    require_quorum: Callable[[], object] = lambda: None,
) -> Iterator[str]:
    """Execute the pending statements, and yield each after it; with `dry_run`, only yield them.

    `require_quorum` is called when the shards get a second replica: after it, no append without a
    quorum is under way, and none begins. Raises InvalidSettings and Unavailable. All statements may
    be repeated.
    """
    if address.cluster and not dry_run:
        yield from _migrate_cluster(address, require_quorum)
        return
    for statement in pending_statements(address):
        if not dry_run:
            is_first = statement.startswith("CREATE DATABASE")
            database = ANY_DATABASE if is_first else None
            with connected(address, _STATEMENT_SECONDS, database=database) as client:
                client.command(statement)
        yield statement


def _migrate_cluster(address: ServerAddress, require_quorum: Callable[[], object]) -> Iterator[str]:
    topology, new_path = discover(address, all_reachable=True), _path(uuid4().hex)
    while statements := cluster_statements(topology, new_path):
        for statement in statements:
            if statement.follows_appends:
                require_quorum()
            execute(statement)
            yield str(statement)


def _path(id: str) -> str:
    """A path in Keeper. With a random id, no other installation has it, nor had: paths outlive
    their tables."""
    return f"/clickhouse/tables/tocsin-{id}"

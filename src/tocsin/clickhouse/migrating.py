"""Creates and changes the database of a ClickHouse server, or those of the servers of a cluster,
for `tocsin migrate`."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

from clickhouse_connect.driver.binding import quote_identifier

from tocsin.clickhouse.cluster_discovery import discover
from tocsin.clickhouse.cluster_schema import HostStatement, cluster_statements, execute
from tocsin.clickhouse.http_connector import ANY_DATABASE, connected
from tocsin.clickhouse.server_schema import CREATE, table_statements
from tocsin.model.server_address import ServerAddress

_STATEMENT_SECONDS = 600.0


def pending_statements(address: ServerAddress) -> list[str]:
    """The statements that `migrate` would execute; none if nothing is to be changed.

    Of a cluster, they are the next ones. Raises InvalidSettings for a table that is not Tocsin's,
    and Unavailable.
    """
    if address.cluster:
        return [str(each) for each in _next_of_cluster(address)]
    with connected(address, _STATEMENT_SECONDS, database=ANY_DATABASE) as client:
        text = "SELECT count() FROM system.databases WHERE name = {name:String}"
        if not client.command(text, {"name": address.database}):
            return [f"CREATE DATABASE IF NOT EXISTS {quote_identifier(address.database)}", CREATE]
    with connected(address, _STATEMENT_SECONDS) as client:
        return table_statements(client, address)


def migrate(address: ServerAddress, *, dry_run: bool = False) -> Iterator[str]:
    """Execute the pending statements, and yield each after it; with `dry_run`, only yield them.

    Raises InvalidSettings and Unavailable. All statements may be repeated.
    """
    if address.cluster:
        yield from _migrate_cluster(address, dry_run=dry_run)
        return
    for statement in pending_statements(address):
        if not dry_run:
            is_first = statement.startswith("CREATE DATABASE")
            database = ANY_DATABASE if is_first else None
            with connected(address, _STATEMENT_SECONDS, database=database) as client:
                client.command(statement)
        yield statement


def _next_of_cluster(address: ServerAddress) -> list[HostStatement]:
    return cluster_statements(discover(address, all_reachable=True), _new_path())


def _migrate_cluster(address: ServerAddress, *, dry_run: bool) -> Iterator[str]:
    topology, new_path = discover(address, all_reachable=True), _new_path()
    while statements := cluster_statements(topology, new_path):
        for statement in statements:
            if not dry_run:
                execute(statement)
            yield str(statement)
        if dry_run:
            return


def _new_path() -> str:
    """A path in Keeper that no other installation has, nor had: paths outlive their tables."""
    return f"/clickhouse/tables/tocsin-{uuid4().hex}"

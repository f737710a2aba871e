"""Creates and changes the database of a ClickHouse server, for `tocsin migrate`."""

from __future__ import annotations

from collections.abc import Iterator

from clickhouse_connect.driver.binding import quote_identifier

from tocsin.clickhouse.http_connector import ANY_DATABASE, connected
from tocsin.clickhouse.server_schema import CREATE, table_statements
from tocsin.model.server_address import ServerAddress

_STATEMENT_SECONDS = 600.0


def pending_statements(address: ServerAddress) -> list[str]:
    """The statements that `migrate` would execute; none if nothing is to be changed.

    Raises InvalidSettings for a table that is not Tocsin's, and Unavailable.
    """
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
    for statement in pending_statements(address):
        if not dry_run:
            is_first = statement.startswith("CREATE DATABASE")
            database = ANY_DATABASE if is_first else None
            with connected(address, _STATEMENT_SECONDS, database=database) as client:
                client.command(statement)
        yield statement

"""Creates and changes the database of a ClickHouse server, for `tocsin migrate`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from clickhouse_connect.driver.binding import quote_identifier
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from tocsin.clickhouse.http_connector import HttpConnector
from tocsin.clickhouse.server_address import ServerAddress
from tocsin.clickhouse.server_schema import CREATE, table_statements

# A server has this database, so that a client can connect before there is another.
_ANY_DATABASE = "system"
_STATEMENT_SECONDS = 600.0


def pending_statements(address: ServerAddress) -> list[str]:
    """The statements that `migrate` would execute; none if nothing is to be changed.

    Raises InvalidSettings for a table that is not Tocsin's, and Unavailable.
    """
    with _client(replace(address, database=_ANY_DATABASE)) as client:
        text = "SELECT count() FROM system.databases WHERE name = {name:String}"
        if not client.command(text, {"name": address.database}):
            return [f"CREATE DATABASE IF NOT EXISTS {quote_identifier(address.database)}", CREATE]
    with _client(address) as client:
        return table_statements(client, address)


def migrate(address: ServerAddress, *, dry_run: bool = False) -> Iterator[str]:
    """Execute the pending statements, and yield each after it; with `dry_run`, only yield them.

    Raises InvalidSettings and Unavailable. All statements may be repeated.
    """
    for statement in pending_statements(address):
        if not dry_run:
            is_first = statement.startswith("CREATE DATABASE")
            where = replace(address, database=_ANY_DATABASE) if is_first else address
            with _client(where) as client:
                client.command(statement)
        yield statement


@contextmanager
def _client(address: ServerAddress) -> Iterator[Client]:
    """A client whose errors are translated."""
    connector = HttpConnector(address)
    try:
        yield connector.open({}, _STATEMENT_SECONDS)
    except ClickHouseError as error:
        raise connector.to_tocsin_error(error) from error
    finally:
        connector.close()

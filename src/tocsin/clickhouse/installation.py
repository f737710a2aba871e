"""The id of the installation that the table of a ClickHouse server belongs to: its comment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tocsin.clickhouse.client_pool import ClientPool
from tocsin.clickhouse.folder_contents import EngineContents, read_contents
from tocsin.clickhouse.http_connector import HttpConnector
from tocsin.clickhouse.sql.maintenance import compile_set_comment
from tocsin.model.server_address import ServerAddress


def server_contents(address: ServerAddress) -> EngineContents:
    """The table of a server, and the id of its installation. Raises Unavailable."""
    with _clients(address) as clients:
        return read_contents(clients)


def set_installation_id(address: ServerAddress, id: str) -> None:
    """Raises Unavailable."""
    with _clients(address) as clients:
        clients.command(compile_set_comment(id))


@contextmanager
def _clients(address: ServerAddress) -> Iterator[ClientPool]:
    connector = HttpConnector(address)
    try:
        clients = ClientPool(connector, {})
        yield clients
        clients.close()
    finally:
        connector.close()

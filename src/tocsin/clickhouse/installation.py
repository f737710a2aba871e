"""The tables of ClickHouse servers before an engine is opened. Their comment is the id of the
installation that they belong to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tocsin.clickhouse.client_pool import ClientPool
from tocsin.clickhouse.cluster_discovery import discover
from tocsin.clickhouse.folder_contents import EngineContents, combined, read_contents
from tocsin.clickhouse.http_connector import HttpConnector
from tocsin.clickhouse.sql.maintenance import compile_latest_number, compile_set_comment
from tocsin.model.server_address import ServerAddress


def server_contents(address: ServerAddress) -> EngineContents:
    """The tables of all servers, and the id of their installation; no id if some server has none.
    Raises InvalidSettings and Unavailable."""
    topology = discover(address, all_reachable=True)
    contents = []
    for replica in topology.replicas:
        with _clients(replica.address) as clients:
            contents.append(read_contents(clients, topology.local_table))
    return combined(contents)


def set_installation_id(address: ServerAddress, id: str) -> None:
    """Raises Unavailable."""
    topology = discover(address, all_reachable=True)
    for replica in topology.replicas:
        with _clients(replica.address) as clients:
            clients.command(compile_set_comment(id, topology.local_table))


def latest_number_of(address: ServerAddress) -> int:
    """The greatest interaction number on all servers. Raises InvalidSettings and Unavailable."""
    topology = discover(address, all_reachable=True)
    numbers = []
    for replica in topology.replicas:
        with _clients(replica.address) as clients:
            ((number,),) = clients.query(compile_latest_number(topology.local_table))
            numbers.append(int(number))
    return max(numbers)


@contextmanager
def _clients(address: ServerAddress) -> Iterator[ClientPool]:
    connector = HttpConnector(address)
    try:
        clients = ClientPool(connector, {})
        yield clients
        clients.close()
    finally:
        connector.close()

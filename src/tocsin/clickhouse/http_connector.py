"""Opens clients of a ClickHouse server, over HTTP."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect import common
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.httputil import get_pool_manager

from tocsin.clickhouse.arrow import COLUMNS
from tocsin.clickhouse.block import Block
from tocsin.clickhouse.bound_values import split_long_arrays
from tocsin.clickhouse.connector import Connector
from tocsin.clickhouse.query_cost import CostMeter, QueryCost
from tocsin.clickhouse.repeatable_appends import NoRepeatableAppends
from tocsin.clickhouse.server_errors import ServerErrors
from tocsin.clickhouse.server_schema import check_table
from tocsin.clickhouse.settings import EngineSettings
from tocsin.clickhouse.sql.query import Query
from tocsin.clickhouse.sql.topology import Replica, Topology
from tocsin.errors import TocsinError
from tocsin.model.server_address import ServerAddress

# Both log each broken connection, one with a traceback; the pool logs its reason.
for _name in ("clickhouse_connect", "urllib3"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

CONNECT_SECONDS = 5.0
ANY_DATABASE = "system"
"""A database that every server has, for statements before there is another."""
# Idle connections that are kept; more are opened while more statements run.
_KEPT_CONNECTIONS = 64
# Blocks of a few interactions fit into one packet.
_COMPRESSED_FROM = 8 * 1024
# Appends must not wait for others in the server's queue (the default in 26.9), and a repeated
# block must be found by its token, whatever the user's profile says.
INSERT_SETTINGS: EngineSettings = {"async_insert": 0, "insert_deduplicate": 1}


class HttpConnector:
    """All clients share connections; no statement depends on a session of the server."""

    is_server = True
    unsettled = NoRepeatableAppends()

    def __init__(
        self,
        address: ServerAddress,
        topology: Topology | None = None,
        connect_seconds: float = CONNECT_SECONDS,
    ) -> None:
        """`topology` is that of the cluster of which this is a server."""
        self.address = address
        self.topology = topology or Topology("", ((Replica(address),),))
        self._connect_seconds = connect_seconds
        self._errors = ServerErrors(address)
        # Otherwise the driver closes all connections every ten minutes, running ones included.
        common.set_setting("max_connection_age", 0)
        self._connections = get_pool_manager(maxsize=_KEPT_CONNECTIONS)

    def open(self, settings: EngineSettings, answer_seconds: float) -> Client:
        try:
            client = clickhouse_connect.get_client(
                host=self.address.host,
                port=self.address.port,
                username=self.address.user,
                password=self.address.password,
                database=self.address.database,
                secure=self.address.is_secure,
                pool_mgr=self._connections,
                # Sessions would serialize statements.
                autogenerate_session_id=False,
                autogenerate_query_id=False,
                # Answers are small; blocks are compressed in `insert`.
                compress=False,
                connect_timeout=self._connect_seconds,
                send_receive_timeout=answer_seconds,
                client_name="tocsin",
                show_clickhouse_errors="scrub",
            )
            for name, value in (settings | self.topology.read_settings).items():
                client.set_client_setting(name, value)
        except ClickHouseError as error:
            raise self.to_tocsin_error(error) from error
        return client

    def open_meter(self, settings: EngineSettings, answer_seconds: float) -> CostMeter:
        return SummaryMeter(self, settings, answer_seconds)

    def host_connectors(self) -> list[list[HttpConnector]]:
        return [[self]]

    def prepare_table(self, client: Client) -> None:
        check_table(client, self.address)

    def bindable(self, query: Query) -> Query:
        return split_long_arrays(query)

    def insert(self, client: Client, block: Block) -> int:
        data = block.data
        compression = "lz4" if len(data) >= _COMPRESSED_FROM else None
        body = pa.compress(data, compression, asbytes=True) if compression else data
        # A memoryview, because the driver repeats a request with a body of bytes when the
        # connection breaks: only the caller knows whether that is safe.
        summary = client.raw_insert(
            self.topology.local_table,
            COLUMNS.names,
            memoryview(body),  # type: ignore[arg-type]  # urllib3 sends it as it is
            INSERT_SETTINGS | self.topology.append_settings | block.settings,
            fmt="ArrowStream",
            compression=compression,
        )
        return int(summary.written_rows)

    def discard_output(self, client: Client) -> None:
        """Nothing: an answer belongs to its request."""

    def to_tocsin_error(self, error: Exception, *, is_logging: bool = True) -> TocsinError:
        return self._errors.of_query(error, is_logging=is_logging)

    def to_append_error(self, error: Exception, *, is_atomic: bool) -> TocsinError:
        return self._errors.of_append(error, is_atomic=is_atomic)

    def close(self) -> None:
        self._connections.clear()


@contextmanager
def connected(
    address: ServerAddress, answer_seconds: float, *, database: str | None = None
) -> Iterator[Client]:
    """A client for a few statements, in another database than that of the address if one is named.
    Its errors are translated."""
    connector = HttpConnector(replace(address, database=database or address.database))
    try:
        yield connector.open({}, answer_seconds)
    except ClickHouseError as error:
        raise ServerErrors(address).of_query(error) from error
    finally:
        connector.close()


class SummaryMeter:
    """Measures queries by the summary that the server sends with each answer."""

    def __init__(
        self, connector: Connector, settings: EngineSettings, answer_seconds: float
    ) -> None:
        self._connector = connector
        self._client = connector.open(settings, answer_seconds)

    def measure(self, query: Query) -> QueryCost:
        query = self._connector.bindable(query)
        started = time.perf_counter()
        try:
            summary = self._client.query(query.text, query.parameters).summary
        except ClickHouseError as error:
            raise self._connector.to_tocsin_error(error) from error
        elapsed = int(summary.get("elapsed_ns", 0)) / 1e6
        return QueryCost(
            int(summary.get("read_rows", 0)),
            int(summary.get("read_bytes", 0)),
            elapsed or (time.perf_counter() - started) * 1000,
        )

    def close(self) -> None:
        self._client.close()

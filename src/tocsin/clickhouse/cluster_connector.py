"""Opens clients of a cluster of ClickHouse servers, over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import cast

from clickhouse_connect.driver.client import Client

from tocsin.clickhouse.block import Block
from tocsin.clickhouse.bound_values import split_long_arrays
from tocsin.clickhouse.cluster_schema import check_cluster
from tocsin.clickhouse.failover_client import FailoverClient, Hosts
from tocsin.clickhouse.http_connector import HttpConnector, SummaryMeter
from tocsin.clickhouse.query_cost import CostMeter
from tocsin.clickhouse.server_errors import ServerErrors
from tocsin.clickhouse.settings import APPEND_SETTINGS, EngineSettings
from tocsin.clickhouse.sharded_appends import ShardedAppends
from tocsin.clickhouse.sql.query import Query
from tocsin.clickhouse.sql.topology import Topology
from tocsin.errors import TocsinError
from tocsin.model.server_address import ServerAddress

# Another server is asked then.
CONNECT_SECONDS = 1.0


class ClusterConnector:
    """All clients share connections. A query goes to any server, a block to one of a shard."""

    is_server = True

    def __init__(
        self,
        address: ServerAddress,
        topology: Topology,
        connectors: Sequence[HttpConnector] | None = None,
    ) -> None:
        """`connectors` are those of all servers, in the order of the topology; new ones by
        default."""
        self.topology = topology
        self._address = address
        self._errors = ServerErrors(address)
        self._hosts = Hosts(connectors or [self._host(r.address) for r in topology.replicas])
        numbers = count()
        shards = [[next(numbers) for _ in shard] for shard in topology.shards]
        repeating = FailoverClient(self._hosts, APPEND_SETTINGS, topology.append_seconds)
        self.unsettled = ShardedAppends(self._hosts, shards, self._errors, repeating)

    def open(self, settings: EngineSettings, answer_seconds: float) -> Client:
        # It has the methods that are used.
        return cast(Client, FailoverClient(self._hosts, settings, answer_seconds))

    def open_meter(self, settings: EngineSettings, answer_seconds: float) -> CostMeter:
        return SummaryMeter(self, settings, answer_seconds)

    def host_connectors(self) -> list[list[ClusterConnector]]:
        each = iter(self._hosts.connectors)
        return [
            [self._of_one(next(each), replica.address) for replica in shard]
            for shard in self.topology.shards
        ]

    def prepare_table(self, client: Client) -> None:  # noqa: ARG002 - each server is checked
        check_cluster(self.topology)

    def bindable(self, query: Query) -> Query:
        return split_long_arrays(query)

    def insert(self, client: Client, block: Block) -> int:
        return self.unsettled.append(cast(FailoverClient, client), block)

    def discard_output(self, client: Client) -> None:
        """Nothing: an answer belongs to its request."""

    def to_tocsin_error(self, error: Exception, *, is_logging: bool = True) -> TocsinError:
        return self._errors.of_query(error, is_logging=is_logging)

    def to_append_error(self, error: Exception, *, is_atomic: bool) -> TocsinError:
        return self._errors.of_append(error, is_atomic=is_atomic)

    def close(self) -> None:
        for connector in self._hosts.connectors:
            connector.close()

    def _host(self, address: ServerAddress) -> HttpConnector:
        return HttpConnector(address, self.topology, connect_seconds=CONNECT_SECONDS)

    def _of_one(self, connector: HttpConnector, address: ServerAddress) -> ClusterConnector:
        """A connector of one server, for statements that are about that server."""
        topology = Topology(self.topology.cluster, ())
        return ClusterConnector(address, topology, [connector])

"""The servers that hold the interactions, and the names and settings that depend on them.

`interactions` is the table that is read. With one shard it holds the interactions itself. With
several, each has its own in `interactions_local`, and `interactions` distributes a query over all.
Nothing is written through it: it has no sharding key, so ClickHouse refuses that.
"""

from __future__ import annotations

from dataclasses import dataclass

from tocsin.clickhouse.settings import EngineSettings
from tocsin.clickhouse.sql.table import HERE, INTERACTIONS
from tocsin.model.server_address import ServerAddress

LOCAL_INTERACTIONS = "interactions_local"
_METADATA_OF_PARTS = (
    f"(SELECT partition, name, rows FROM system.parts\n"
    f"WHERE active AND {HERE} AND table = '{INTERACTIONS}')"
)
# A replica may lack parts; only a sequential read of the table itself has all. It reads metadata.
_PARTITIONS_OF_SHARDS = (
    f"(SELECT _partition_id AS partition, count() AS rows FROM {INTERACTIONS} GROUP BY partition\n"
    "SETTINGS optimize_use_projections = 1)"
)


@dataclass(frozen=True, slots=True)
class Replica:
    """A server of a shard; `name` distinguishes it from the other replicas."""

    address: ServerAddress
    name: str = ""


Shard = tuple[Replica, ...]


@dataclass(frozen=True, slots=True)
class Topology:
    """A cluster of ClickHouse servers; without a `cluster`, one server or a folder."""

    cluster: str = ""
    shards: tuple[Shard, ...] = ()

    @property
    def is_replicated(self) -> bool:
        return bool(self.cluster)

    @property
    def is_sharded(self) -> bool:
        return len(self.shards) > 1

    @property
    def replicas(self) -> list[Replica]:
        return [replica for shard in self.shards for replica in shard]

    @property
    def names(self) -> list[str]:
        """The names of the servers; none of a single server, which may be renamed."""
        return [replica.name for replica in self.replicas] if self.is_replicated else []

    @property
    def local_table(self) -> str:
        """The table of a server that holds interactions."""
        return LOCAL_INTERACTIONS if self.is_sharded else INTERACTIONS

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables of a server with the columns of the interactions; the one that is read last.

        Columns are added in this order, and dropped in the reverse one."""
        return (LOCAL_INTERACTIONS, INTERACTIONS) if self.is_sharded else (INTERACTIONS,)

    @property
    def partitions(self) -> str:
        """A subquery with rows of (partition, rows), of a folder with the name of a part, too; a
        partition may have several rows."""
        return _PARTITIONS_OF_SHARDS if self.is_replicated else _METADATA_OF_PARTS

    @property
    def quorum(self) -> int:
        """The replicas that must have a block before it is acknowledged; 0 for the only one.

        Not `auto`, because that of a single registered replica is never reached (26.9)."""
        least = min((len(shard) for shard in self.shards), default=1)
        return max(len(shard) for shard in self.shards) // 2 + 1 if least > 1 else 0

    @property
    def read_settings(self) -> EngineSettings:
        """The settings with which every query reads all that was acknowledged."""
        if not self.is_replicated:
            return {}
        settings: EngineSettings = {
            "load_balancing": "random",
            # An error must not follow a part of the answer.
            "wait_end_of_query": 1,
            # A shard gets a query with its values in the text.
            "max_query_size": 1 << 30,
            "max_ast_elements": 10_000_000,
            "max_expanded_ast_elements": 10_000_000,
        }
        if self.quorum:
            settings["select_sequential_consistency"] = 1
        return settings

    @property
    def calculation_settings(self) -> EngineSettings:
        """The settings of calculations besides those of every query."""
        # A shard sends all numbers of a percentile: compressing a million took twice as long as
        # the calculation. Rows of exports are compressed.
        return {"network_compression_method": "NONE"} if self.is_sharded else {}

    @property
    def append_seconds(self) -> float:
        """The longest time for an append, after which its outcome is unknown."""
        return 20.0 if self.is_replicated else 60.0

    @property
    def append_settings(self) -> EngineSettings:
        """The settings with which a block is on a majority of replicas, in an order that sequential
        reads rely on. Both modes must not mix (ClickHouse#97557)."""
        if not self.quorum:
            return {}
        return {
            "insert_quorum": self.quorum,
            "insert_quorum_parallel": 0,
            "insert_quorum_timeout": 10_000,
            "insert_keeper_max_retries": 3,
        }

    def engine(self, path: str, replica: str) -> str:
        """The engine of a server's table; the other replicas of its shard have the same path."""
        return f"ReplicatedMergeTree('{path}', '{replica}')" if self.is_replicated else "MergeTree"

    def distributed_engine(self, database: str) -> str:
        return f"Distributed('{self.cluster}', '{database}', '{LOCAL_INTERACTIONS}')"

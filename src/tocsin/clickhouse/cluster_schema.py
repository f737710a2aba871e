"""The tables of interactions on the servers of a cluster, which `tocsin migrate` creates and
changes, server by server.

Columns, codecs and indexes are replicated by ClickHouse, so they are changed once for each shard;
settings and comments are not. A new replica gets the definition of an existing one, and fetches
what the others have before it gets the name under which it is read: until then, a query for the
table is answered elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from clickhouse_connect.driver.binding import quote_identifier

from tocsin.clickhouse.http_connector import ANY_DATABASE, connected
from tocsin.clickhouse.schema import create_table, setting_upgrades, structure_upgrades
from tocsin.clickhouse.server_schema import (
    NUMBER_INDEX_DEFINITION,
    REPLICATED_SETTINGS,
    REPLICATION,
    index_upgrades,
)
from tocsin.clickhouse.sql.table import INTERACTIONS
from tocsin.clickhouse.sql.topology import LOCAL_INTERACTIONS, Replica, Shard, Topology
from tocsin.errors import InvalidSettings, Unavailable

JOINING_INTERACTIONS = "interactions_joining"
"""The table of a replica that fetches what the others have."""
_NAMES = (INTERACTIONS, LOCAL_INTERACTIONS, JOINING_INTERACTIONS)
_STATEMENT_SECONDS = 600.0
_REPLICATED = re.compile(r"ReplicatedMergeTree\('((?:[^'\\]|\\.)*)', '((?:[^'\\]|\\.)*)'\)")
_DEFINITIONS = (
    "SELECT name, create_table_query FROM system.tables "
    "WHERE database = {database:String} AND name IN {names:Array(String)}"
)


class HostStatement(NamedTuple):
    """A statement for one server; `is_global` if it needs no database. Before one that
    `follows_appends`, no append without a quorum may be under way, nor begin later."""

    replica: Replica
    text: str
    is_global: bool = False
    follows_appends: bool = False

    def __str__(self) -> str:
        return f"/* {self.replica.address} */ {self.text}"


@dataclass(frozen=True, slots=True)
class _Tables:
    """The definitions of a server's tables by name; None without the database."""

    replica: Replica
    definitions: dict[str, str] | None

    def definition(self, name: str) -> str:
        return (self.definitions or {}).get(name, "")

    @property
    def replicated(self) -> str:
        """The definition of the table that holds interactions; empty if there is none."""
        present = (self.definition(LOCAL_INTERACTIONS), self.definition(INTERACTIONS))
        return next(filter(_REPLICATED.search, present), "")


def cluster_statements(topology: Topology, new_path: str) -> list[HostStatement]:
    """The next statements that create or change the tables of all servers; none if nothing is to
    be changed. There may be others after them. A new shard has the path `new_path` in Keeper, with
    its number.

    Raises InvalidSettings for a table that is not Tocsin's, and Unavailable.
    """
    return next(filter(None, _steps(topology, new_path)), [])


def planned_statements(topology: Topology, new_path: str) -> list[HostStatement]:
    """All statements as far as they are known before the first one is executed. Raises as
    `cluster_statements` does."""
    return list(chain(*_steps(topology, new_path)))


def _steps(topology: Topology, new_path: str) -> list[list[HostStatement]]:
    """The statements in groups; those of a group may depend on the former ones."""
    shards = [[_read(replica) for replica in shard] for shard in topology.shards]
    servers = list(chain(*shards))
    models = [tables.replicated for tables in servers if tables.replicated]
    return [
        [_create_database(tables.replica) for tables in servers if tables.definitions is None],
        [change for tables in shards for change in _upgrades(topology, tables)],
        [
            statement
            for number, tables in enumerate(shards, 1)
            for statement in _missing(topology, tables, models[:1], f"{new_path}/{number}")
        ],
    ]


def check_cluster(topology: Topology) -> None:
    """Raises InvalidSettings unless the tables of all servers that answer are of this version."""
    for shard in topology.shards:
        for replica in _reachable(shard):
            tables = _read(replica)
            has_all = all(tables.definition(name) for name in topology.tables)
            if not has_all or list(_upgrades(topology, [tables])):
                raise InvalidSettings(
                    f"The tables of interactions in the database {replica.address.database} of the "
                    f"ClickHouse server {replica.address} are not those of this version: run "
                    "`tocsin migrate`"
                )


def execute(statement: HostStatement) -> None:
    """Raises Unavailable."""
    database = ANY_DATABASE if statement.is_global else None
    address = statement.replica.address
    with connected(address, _STATEMENT_SECONDS, database=database) as client:
        client.command(statement.text, settings={"alter_sync": 2})


def _reachable(shard: Shard) -> Shard:
    def answers(replica: Replica) -> bool:
        try:
            with connected(replica.address, _STATEMENT_SECONDS, database=ANY_DATABASE):
                return True
        except Unavailable:
            return False

    return tuple(filter(answers, shard))


def _read(replica: Replica) -> _Tables:
    address = replica.address
    with connected(address, _STATEMENT_SECONDS, database=ANY_DATABASE) as client:
        text = "SELECT count() FROM system.databases WHERE name = {name:String}"
        if not client.command(text, {"name": address.database}):
            return _Tables(replica, None)
        values = {"database": address.database, "names": list(_NAMES)}
        rows = client.query(_DEFINITIONS, values).result_rows
    tables = _Tables(replica, {str(name): str(definition) for name, definition in rows})
    definition = tables.definition(INTERACTIONS)
    if definition and not tables.replicated:
        raise InvalidSettings(
            f"The table {INTERACTIONS} in the database {address.database} of the ClickHouse server "
            f"{address} is not replicated: choose another database, and import the interactions of "
            "this one into it"
        )
    return tables


def _create_database(replica: Replica) -> HostStatement:
    database = quote_identifier(replica.address.database)
    return HostStatement(replica, f"CREATE DATABASE IF NOT EXISTS {database}", is_global=True)


def _upgrades(topology: Topology, shard: Sequence[_Tables]) -> Iterator[HostStatement]:
    """The statements that give existing tables their names, settings and structure."""
    is_changed = False
    for tables in shard:
        definition = tables.replicated
        if not definition:
            continue
        if topology.is_sharded and not tables.definition(LOCAL_INTERACTIONS):
            rename = f"RENAME TABLE {INTERACTIONS} TO {LOCAL_INTERACTIONS}"
            yield HostStatement(tables.replica, rename)
        table = topology.local_table
        changes = setting_upgrades(definition, REPLICATED_SETTINGS, table)
        structure = structure_upgrades(definition, table) + index_upgrades(definition, table)
        if structure and not is_changed:
            is_changed = True
            changes += structure
        for change in changes:
            yield HostStatement(tables.replica, change)


def _missing(
    topology: Topology, shard: Sequence[_Tables], models: Sequence[str], new_path: str
) -> Iterator[HostStatement]:
    """The statements that create the tables that servers of a shard lack."""
    present = [tables.replicated for tables in shard if tables.replicated]
    path = _path_of(present[0]) if present else new_path
    for tables in shard:
        replica = tables.replica
        if not tables.replicated:
            joins = bool(present)
            name = JOINING_INTERACTIONS if joins else topology.local_table
            if not tables.definition(JOINING_INTERACTIONS):
                yield HostStatement(replica, _create(topology, name, path, replica.name, models))
            if joins:
                sync = f"SYSTEM SYNC REPLICA {JOINING_INTERACTIONS}"
                yield HostStatement(replica, sync)
                if len(present) == 1:
                    # Nodes that know one replica record while the first one copies the data.
                    yield HostStatement(replica, sync, follows_appends=True)
                rename = f"RENAME TABLE {JOINING_INTERACTIONS} TO {topology.local_table}"
                yield HostStatement(replica, rename)
        is_new = not tables.definition(INTERACTIONS) or not tables.definition(LOCAL_INTERACTIONS)
        if topology.is_sharded and is_new:
            engine = topology.distributed_engine(replica.address.database)
            yield HostStatement(
                replica,
                f"CREATE TABLE IF NOT EXISTS {INTERACTIONS} AS {LOCAL_INTERACTIONS} "
                f"ENGINE = {engine}",
            )


def _path_of(definition: str) -> str:
    match = _REPLICATED.search(definition)
    assert match
    return match[1]


def _create(topology: Topology, table: str, path: str, replica: str, models: Sequence[str]) -> str:
    """The statement that creates a replica's table, with all columns of existing ones."""
    engine = topology.engine(path, replica)
    for model in models:
        text = re.sub(r"^CREATE TABLE .+? \(", f"CREATE TABLE IF NOT EXISTS {table} (", model)
        return _REPLICATED.sub(lambda _: engine, text, count=1)
    return create_table(
        f",\n    {NUMBER_INDEX_DEFINITION}",
        "".join(f", {setting}" for setting in REPLICATION),
        table,
        engine,
    ).strip()

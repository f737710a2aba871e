"""Checks that ClickHouse servers have what Tocsin needs, by using it.

Versions are not compared: a feature may be missing from a new build, and present in an old one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime

from clickhouse_connect.driver.binding import quote_identifier
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, ProgrammingError

from tocsin.clickhouse.cluster_discovery import discover
from tocsin.clickhouse.connector import ANSWER_SECONDS
from tocsin.clickhouse.errors import code_of
from tocsin.clickhouse.http_connector import ANY_DATABASE, INSERT_SETTINGS, connected
from tocsin.clickhouse.server_schema import REPLICATED_SETTINGS, SETTINGS
from tocsin.clickhouse.settings import (
    APPEND_SETTINGS,
    ARROW_SETTINGS,
    JSON_SETTINGS,
    LOOK_UP_SETTINGS,
    EngineSettings,
    calculation_settings,
    maintenance_settings,
)
from tocsin.clickhouse.sql.topology import Topology
from tocsin.errors import TocsinError, Unavailable
from tocsin.model.server_address import ServerAddress
from tocsin.process.clock import MAX_CLOCK_DIFFERENCE, clock_difference

_ACCESS_DENIED = 497
# Tocsin was tested with this version.
TESTED_VERSION = "26.9"
_RIGHTS = ("SELECT", "INSERT", "ALTER TABLE", "CREATE TABLE")
# To give a table another name, and to fill a new replica.
_CLUSTER_RIGHTS = ("DROP TABLE", "SYSTEM SYNC REPLICA")
_CLUSTER_ENGINES = ("ReplicatedMergeTree", "Distributed")
_SYSTEM_TABLES = (
    "parts",
    "parts_columns",
    "columns",
    "tables",
    "mutations",
    "detached_parts",
    "data_skipping_indices",
    "processes",
    "merge_tree_settings",
)
# A document, and an expression of it that is 1 if the server has the feature.
_FEATURES = {
    "stores integers past 64 bits in JSON": (
        '{"n":123456789012345678901234567890}',
        "startsWith(j.n.:String, '12345678901234567890')",
    ),
    "distinguishes a key with a dot from a nested key in JSON": (
        '{"a":{"b":1},"a.b":2}',
        "j.a.b.:Int64 = 1 AND j.`a%2Eb`.:Int64 = 2",
    ),
    "keeps the sign of -0.0 in JSON": ('{"n":-0.0}', "1 / j.n.:Float64 < 0"),
    "keeps a text like a date a text in JSON": ('{"d":"2026-01-01"}', "j.d.:String = '2026-01-01'"),
    "binds the path of a value in JSON": ('{"k":{"l":7}}', "j.{path:Identifier}.:Int64 = 7"),
    "lists the paths of JSON": ('{"k":{"l":7}}', "has(JSONAllPaths(j), {path:String})"),
}


def check_server(
    address: ServerAddress,
    *,
    memory: int = 1 << 30,
    seconds: int = 60,
    may_be_away: bool = False,
) -> list[str]:
    """A sentence for each thing that is wrong; none if the server, or every server of the cluster,
    can be used. `memory` and `seconds` are the limits of a query. With `may_be_away`, a server of a
    cluster need not answer if another one does."""
    try:
        topology = discover(address, all_reachable=not may_be_away)
    except TocsinError as error:
        return [error.detail]
    problems, away = [], []
    for replica in topology.replicas:
        try:
            problems += _check_one(replica.address, topology, memory, seconds)
        except Unavailable as error:
            away.append(error.detail)
        except TocsinError as error:
            problems.append(error.detail)
    if may_be_away and len(away) < len(topology.replicas) and topology.is_replicated:
        return problems
    return problems + away


def _check_one(address: ServerAddress, topology: Topology, memory: int, seconds: int) -> list[str]:
    # The database need not exist yet.
    with connected(address, ANSWER_SECONDS, database=ANY_DATABASE) as client:
        # The other checks need the rights, and the features need the settings.
        return (
            list(_rights(client, address, topology))
            or list(_settings(client, address, topology, memory, seconds))
            or [
                *_features(client, address),
                *_table_settings(client, address, topology),
                *_clock(client, address),
            ]
        )


def _features(client: Client, address: ServerAddress) -> Iterator[str]:
    for feature, (document, expression) in _FEATURES.items():
        text = f"SELECT {expression} FROM (SELECT {{document:String}}::JSON AS j)"
        parameters = {"document": document, "path": "k.l"}
        try:
            rows = client.query(text, parameters, JSON_SETTINGS).result_rows
            has_feature = rows == [(1,)]
        except ClickHouseError as error:
            if code_of(error) is None:
                raise
            has_feature = False
        if not has_feature:
            yield (
                f"The ClickHouse server {address} has version {client.server_version}, in which "
                f"nothing {feature}: use {TESTED_VERSION} or newer"
            )


def _settings(
    client: Client, address: ServerAddress, topology: Topology, memory: int, seconds: int
) -> Iterator[str]:
    """Problems of settings that the profile of the user forbids, or that the server lacks."""
    needed: EngineSettings = {
        **calculation_settings(memory, seconds, "check"),
        **LOOK_UP_SETTINGS,
        **ARROW_SETTINGS,
        **APPEND_SETTINGS,
        **INSERT_SETTINGS,
        **topology.append_settings,
        **topology.read_settings,
        **topology.calculation_settings,
        **maintenance_settings(memory),
        "insert_deduplication_token": "check",
    }
    # One by one only to find the one that is refused.
    if _is_allowed(client, needed):
        return
    for name, value in needed.items():
        if not _is_allowed(client, {name: value}):
            yield (
                f"The ClickHouse server {address} refuses the setting {name} = {value} of the user "
                f"{address.user}: allow it in the user's profile, or upgrade the server"
            )


def _is_allowed(client: Client, settings: EngineSettings) -> bool:
    try:
        client.command("SELECT 1", settings=settings)
    except ClickHouseError as error:
        if code_of(error) is None and not isinstance(error, ProgrammingError):
            raise
        return False
    return True


def _table_settings(client: Client, address: ServerAddress, topology: Topology) -> Iterator[str]:
    settings = REPLICATED_SETTINGS if topology.is_replicated else SETTINGS
    names = [setting.split()[0] for setting in settings]
    text = "SELECT name FROM system.merge_tree_settings WHERE name IN {names:Array(String)}"
    present = {name for (name,) in client.query(text, {"names": names}).result_rows}
    for name in names:
        if name not in present:
            yield (
                f"The ClickHouse server {address} lacks the setting {name} of tables: "
                f"use {TESTED_VERSION} or newer"
            )


def _rights(client: Client, address: ServerAddress, topology: Topology) -> Iterator[str]:
    database = quote_identifier(address.database)
    grants = [f"{right} ON {database}.*" for right in _RIGHTS]
    if topology.is_replicated:
        grants += [f"{right} ON {database}.*" for right in _CLUSTER_RIGHTS]
        grants += [f"TABLE ENGINE ON {engine}" for engine in _CLUSTER_ENGINES]
    else:
        grants.append("TABLE ENGINE ON MergeTree")
    missing = [grant for grant in grants if not client.command(f"CHECK GRANT {grant}")]
    # Some system tables need no right: only reading them shows which.
    missing += [
        f"SELECT ON system.{table}" for table in _SYSTEM_TABLES if not _is_readable(client, table)
    ]
    for grant in missing:
        yield (
            f"The user {address.user} of the ClickHouse server {address} lacks a right: "
            f"GRANT {grant} TO {quote_identifier(address.user)}"
        )


def _is_readable(client: Client, table: str) -> bool:
    try:
        client.command(f"SELECT 1 FROM system.{table} LIMIT 1")
    except ClickHouseError as error:
        if code_of(error) != _ACCESS_DENIED:
            raise
        return False
    return True


def _clock(client: Client, address: ServerAddress) -> Iterator[str]:
    def read() -> datetime:
        milliseconds = int(str(client.command("SELECT toUnixTimestamp64Milli(now64(3))")))
        return datetime.fromtimestamp(milliseconds / 1000, UTC)

    difference = clock_difference(read)
    if difference > MAX_CLOCK_DIFFERENCE:
        yield (
            f"The clock of the ClickHouse server {address} differs from this machine's by "
            f"{math.ceil(difference.total_seconds())} seconds: synchronize both"
        )

"""Opens clients of chDB, ClickHouse in this process, on a folder."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from pathlib import Path

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from tocsin.clickhouse.arrow import COLUMNS
from tocsin.clickhouse.block import Block
from tocsin.clickhouse.errors import to_tocsin_error
from tocsin.clickhouse.path_encoding import Location, isolated_directory
from tocsin.clickhouse.query_cost import ChdbMeter, CostMeter
from tocsin.clickhouse.repeatable_appends import NoRepeatableAppends
from tocsin.clickhouse.schema import SCHEMA, upgrade_table
from tocsin.clickhouse.settings import EngineSettings
from tocsin.clickhouse.sql.query import Query
from tocsin.clickhouse.sql.table import INTERACTIONS
from tocsin.clickhouse.sql.topology import Topology
from tocsin.errors import CannotWrite, TocsinError


class ChdbConnector:
    """One process owns the folder, and creates and upgrades the table in it."""

    is_server = False
    unsettled = NoRepeatableAppends()
    topology = Topology()

    def __init__(self, folder: Path) -> None:
        self._location = Location(folder)
        self._is_first = True

    def open(self, settings: EngineSettings, answer_seconds: float) -> Client:  # noqa: ARG002 - calls into this process are not awaited for bytes
        with isolated_directory() if self._is_first else nullcontext():
            self._is_first = False
            try:
                path = self._location.spelling
                client = clickhouse_connect.get_client(interface="chdb", path=path)
            except ClickHouseError as error:
                raise to_tocsin_error(error) from error
        for name, value in settings.items():
            client.set_client_setting(name, value)
        return client

    def open_meter(self, settings: EngineSettings, answer_seconds: float) -> CostMeter:  # noqa: ARG002 - as for open
        return ChdbMeter(self._location, settings)

    def host_connectors(self) -> list[list[ChdbConnector]]:
        return [[self]]

    def prepare_table(self, client: Client) -> None:
        client.command(SCHEMA)
        # Recorded interactions must be readable on a full disk.
        with suppress(CannotWrite):
            try:
                upgrade_table(client)
            except ClickHouseError as error:
                raise to_tocsin_error(error) from error

    def bindable(self, query: Query) -> Query:
        return query

    def insert(self, client: Client, block: Block) -> int:
        summary = client.raw_insert(
            INTERACTIONS, COLUMNS.names, block.data, block.settings, fmt="ArrowStream"
        )
        return int(summary.written_rows)

    def discard_output(self, client: Client) -> None:
        # The next statement on the client would return its rows ahead of its own (chDB 4.4). A
        # statement without output discards them.
        client.raw_query("SELECT 1", fmt="Null")

    def to_tocsin_error(self, error: Exception, *, is_logging: bool = True) -> TocsinError:
        return to_tocsin_error(error, is_logging=is_logging)

    def to_append_error(self, error: Exception, *, is_atomic: bool) -> TocsinError:  # noqa: ARG002 - a call into this process always returns its outcome
        return to_tocsin_error(error)

    def close(self) -> None:
        self._location.close()

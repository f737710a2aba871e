"""ClickHouse in this process: append interactions, run queries, say how it is.

Driver exceptions end here: what comes out is an error of `tocsin.errors`, chained to its cause.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError

from tocsin.clickhouse.arrow import COLUMNS, arrow_stream
from tocsin.clickhouse.bloom_filter import IdFilter
from tocsin.clickhouse.client_pool import ClientPool
from tocsin.clickhouse.detached_parts import DetachedPart, detached_parts
from tocsin.clickhouse.errors import is_bad_data, to_tocsin_error
from tocsin.clickhouse.field_types import FieldTypes
from tocsin.clickhouse.folder_contents import EngineContents, contents, mark
from tocsin.clickhouse.months import RecordedMonths
from tocsin.clickhouse.path_encoding import Location, isolated_directory
from tocsin.clickhouse.query_cost import QueryCost, QueryProfiler
from tocsin.clickhouse.query_runner import QueryRunner, ResultRow
from tocsin.clickhouse.schema import SCHEMA, upgrade_table
from tocsin.clickhouse.settings import (
    APPEND_SETTINGS,
    CALCULATION,
    LOOK_UP_SETTINGS,
    EngineSettings,
    calculation_settings,
    maintenance_settings,
)
from tocsin.clickhouse.sql.listing import compile_recorded
from tocsin.clickhouse.sql.query import Query
from tocsin.clickhouse.sql.table import INTERACTIONS, SCOPE_COLUMNS, ValueKind
from tocsin.clickhouse.time_bounds import RecordedExtent
from tocsin.clickhouse.warmup import load_extent, load_field_types, load_ids, load_months
from tocsin.errors import CannotWrite, Stopping, Unavailable
from tocsin.model.ceilings import PATHS
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.field import Field
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.recorded import Recorded
from tocsin.process.deadline import Deadline
from tocsin.process.write_state import WriteState

ALERT_CLIENTS, PAGE_CLIENTS, SEARCH_CLIENTS, EXPORT_CLIENTS = 2, 2, 2, 2


class BlockRejected(Exception):
    """The engine refuses something in this block; nothing of it was stored."""


class Engine:
    """One process owns the folder; any number of threads may use the object."""

    def __init__(
        self,
        folder: Path,
        *,
        memory: int,
        seconds: int,
        concurrency: int,
        max_paths: int = PATHS,
        admit: Callable[[EngineContents], None] = lambda _: None,
    ) -> None:
        """Open the engine in a folder, which is created if it is not there.

        `memory` in bytes and `seconds` limit each query; `concurrency` queries run at once.
        `admit` sees what is in the folder before anything is changed, and raises to refuse it.
        """
        self.field_types = FieldTypes(max_paths)
        self.id_filter = IdFilter()
        self.materialized_columns: Mapping[tuple[Field, ValueKind], str] = {}
        self.recorded_extent = RecordedExtent()
        self.recorded_months = RecordedMonths()
        self.write_state = WriteState()
        self._is_stopping = threading.Event()
        self._seconds = seconds
        self._closing = ExitStack()
        try:
            location = Location(folder)
            self._closing.callback(location.close)
            self._open(location, admit, memory, seconds, concurrency)
        except BaseException:
            self._closing.close()
            raise

    def _open(
        self,
        location: Location,
        admit: Callable[[EngineContents], None],
        memory: int,
        seconds: int,
        concurrency: int,
    ) -> None:
        with isolated_directory():
            # For the committer alone: those who record wait for nothing but their append.
            self._appending = self._kept(ClientPool(location, APPEND_SETTINGS))
        with self._appending.acquire() as client:
            before = contents(client)
            admit(before)
            client.command(SCHEMA)
        self.folder_id = before.folder_id
        # A full disk must not keep what was recorded from being read.
        with suppress(CannotWrite), self._appending.acquire() as client:
            upgrade_table(client)
        # For ids and retention, which have to end well however large the table is.
        self._unlimited = self._kept(ClientPool(location, {}))
        # A stop ends it: types that are not known are looked for.
        self._learning = self._kept(ClientPool(location, {"log_comment": CALCULATION}))
        # Has nothing else to do, so that a stop waits for no statement.
        self._stopping = self._kept(ClientPool(location, {}))
        self._maintenance = self._kept(
            ClientPool(location, maintenance_settings(memory), is_logging=False)
        )
        self._open_reading(location, calculation_settings(memory, seconds), concurrency)
        load_ids(self._unlimited, self.id_filter)
        load_extent(self._unlimited, self.recorded_extent)
        load_months(self._unlimited, self.recorded_months)

    def _open_reading(self, location: Location, settings: EngineSettings, concurrency: int) -> None:
        """ClientPool for each purpose, so that none waits for another."""
        seconds = self._seconds

        def querying(count: int) -> QueryRunner:
            clients = self._kept(ClientPool(location, settings, count, patience=seconds))
            return QueryRunner(clients, seconds, self._is_stopping)

        def unstoppable() -> QueryRunner:
            """A stop does not end them: what is being recorded needs them until its end."""
            clients = ClientPool(location, settings | LOOK_UP_SETTINGS, patience=seconds)
            return QueryRunner(self._kept(clients), seconds)

        self.calculation_queries = querying(concurrency)
        self.alert_queries = querying(ALERT_CLIENTS)
        self.page_queries = querying(PAGE_CLIENTS)
        self._searching = querying(SEARCH_CLIENTS)
        self.export_queries = querying(EXPORT_CLIENTS)
        self._comparing, self._looking_up, self._counting = (unstoppable() for _ in range(3))
        self._meter = QueryProfiler(location, settings)
        self._closing.callback(self._meter.close)

    def _kept(self, clients: ClientPool) -> ClientPool:
        """The same clients, which are closed with the engine."""
        self._closing.callback(clients.close)
        return clients

    def close(self) -> None:
        self._closing.close()

    def deadline(self, seconds: float | None = None) -> Deadline:
        """The deadline of an answer that begins now: unless it is given other seconds, all its
        queries and all that is done with their rows take no longer than one query may."""
        return Deadline(self._seconds if seconds is None else seconds, self._is_stopping.is_set)

    def stop_calculating(self) -> None:
        """End the calculations that run, and refuse those that would begin, with Stopping."""
        self._is_stopping.set()
        with self._stopping.acquire() as client:
            client.command(f"KILL QUERY WHERE Settings['log_comment'] = '{CALCULATION}' ASYNC")

    def append(self, interactions: Sequence[Interaction]) -> None:
        """Append a block; when this returns it is on disk and in every query that starts.

        Raises BlockRejected if the engine refuses an interaction in it, Unavailable if it fails.
        """
        timestamps = [interaction.timestamp for interaction in interactions]
        # Before the append, so that no query sees what lies outside of what is known.
        self.recorded_extent.note(min(timestamps), max(timestamps))
        block = arrow_stream(interactions)
        with self._appending.acquire() as client:
            try:
                summary = client.raw_insert(INTERACTIONS, COLUMNS.names, block, fmt="ArrowStream")
            except ClickHouseError as error:
                if is_bad_data(error):
                    raise BlockRejected(str(error)) from error
                failure = to_tocsin_error(error)
                if isinstance(failure, CannotWrite):
                    self.write_state.fail(failure.reason)
                raise failure from error
        self.write_state.succeed()
        if summary.written_rows < len(interactions):
            raise Unavailable(f"The engine stored {summary.written_rows} of {len(interactions)}")

    def run(self, query: Query, deadline: Deadline | None = None) -> list[ResultRow]:
        """The rows of a query of a calculation. Raises QueryTooHeavy or Unavailable."""
        return self.calculation_queries.run(query, deadline)

    def run_ddl(self, statement: Query) -> list[ResultRow]:
        """Change the table, or ask how it is: takes no turn from a calculation or an append.

        Raises QueryTooHeavy or Unavailable; the caller logs it.
        """
        with self._maintenance.acquire() as client:
            result = client.query(statement.text, statement.parameters)
            return [tuple(row) for row in result.result_rows]

    def run_arrow(self, query: Query, deadline: Deadline | None = None) -> pa.Table:
        """The same as columns, for answers of many rows."""
        return self.calculation_queries.run_arrow(query, deadline)

    def search(self, query: Query) -> list[ResultRow]:
        """The rows of a query that lists interactions. Raises QueryTooHeavy or Unavailable."""
        return self._searching.run(query)

    def look_up(self, query: Query) -> list[ResultRow]:
        """The rows of a query that answers a sender, and takes milliseconds. Raises Unavailable."""
        return self._looking_up.run(query)

    def profile(self, query: Query) -> QueryCost:
        """Run a query for what it costs. Raises QueryTooHeavy or Unavailable."""
        return self._meter.profile(query, self.deadline())

    def check_ready(self) -> None:
        """Raises Unavailable unless the engine answers a query on the table."""
        self._counting.run(Query(f"SELECT interactionNumber FROM {INTERACTIONS} LIMIT 1"))

    def recorded_ids(self, ids: Sequence[bytes]) -> set[bytes]:
        """Those of the interaction ids (16 bytes each) that are recorded."""
        query = Query(
            f"SELECT interactionId FROM {INTERACTIONS} WHERE interactionId IN {{ids:Array(UUID)}}",
            {"ids": [str(UUID(bytes=id)) for id in ids]},
        )
        return {row[0].bytes for row in self._comparing.run(query)}

    def recorded(self, ids: Sequence[bytes]) -> dict[bytes, Recorded]:
        """What is recorded under the ids (16 bytes each), by id."""
        rows = self._comparing.run(compile_recorded([UUID(bytes=id) for id in ids]))
        return {row[0].bytes: Recorded(*map(_plain, row[1:])) for row in rows}

    def has_interactions_of(self, kind: Kind, id: UUID) -> bool:
        """Whether an interaction has this entry of the catalog."""
        text = f"SELECT 1 FROM {INTERACTIONS} WHERE {SCOPE_COLUMNS[kind]} = {{id:UUID}} LIMIT 1"
        return bool(self.search(Query(text, {"id": str(id)})))

    def latest_number(self) -> int:
        """The greatest interaction number in the table, 0 if there is none."""
        query = Query(f"SELECT max(interactionNumber) FROM {INTERACTIONS}")
        return int(self._counting.run(query)[0][0])

    def drop_months_before(self, instant: datetime) -> int:
        """Drop the months that lie before an instant as a whole; answers how many."""
        text = (
            "SELECT DISTINCT toUInt32(partition) FROM system.parts WHERE active "
            f"AND table = '{INTERACTIONS}' AND toUInt32(partition) < {{month:UInt32}}"
        )
        months = self._counting.run(Query(text, {"month": instant.year * 100 + instant.month}))
        with self._unlimited.acquire() as client:
            for (month,) in months:
                client.command(f"ALTER TABLE {INTERACTIONS} DROP PARTITION {month:d}")
        self.recorded_months.forget_before(instant)
        return len(months)

    def rows(self) -> int:
        return self._of_parts("rows")

    def rows_by_month(self) -> dict[str, int]:
        """The interactions of each month that has any; months are spelled `202603`."""
        text = (
            "SELECT partition, sum(rows) FROM system.parts "
            f"WHERE active AND table = '{INTERACTIONS}' GROUP BY partition ORDER BY partition"
        )
        return {str(month): int(rows) for month, rows in self._counting.run(Query(text))}

    def detached_parts(self) -> list[DetachedPart]:
        """The parts that the engine does not read; raises Unavailable."""
        with self._unlimited.acquire() as client:
            return detached_parts(client)

    def set_folder_id(self, folder_id: str) -> None:
        """Keep the id of the data folder with the interactions."""
        with self._unlimited.acquire() as client:
            mark(client, folder_id)
        self.folder_id = folder_id

    def bytes_on_disk(self) -> int:
        return self._of_parts("bytes_on_disk")

    def warm_up(self) -> None:
        """What the first append and the first query would have to wait for."""
        arrow_stream([])
        self.load_field_types()

    def load_field_types(self) -> None:
        """Read from the table which types its fields have; until then, all are looked for."""
        with suppress(Stopping):
            load_field_types(self._learning, self.field_types)

    def _of_parts(self, column: str) -> int:
        text = f"SELECT sum({column}) FROM system.parts WHERE active AND table = '{INTERACTIONS}'"
        return int(self._counting.run(Query(text))[0][0])


def _plain(value: Any) -> Any:
    return value.bytes if isinstance(value, UUID) else value

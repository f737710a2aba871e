"""ClickHouse, in this process or on servers: appends interactions, and runs queries.

Driver exceptions are translated to errors of `tocsin.errors`, chained to their causes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pyarrow as pa

from tocsin.clickhouse.appender import BlockAppender, BlockRejected
from tocsin.clickhouse.arrow import arrow_stream
from tocsin.clickhouse.connecting import connect
from tocsin.clickhouse.connector import ANSWER_SECONDS
from tocsin.clickhouse.engine_tables import EngineTables
from tocsin.clickhouse.field_types import FieldTypes
from tocsin.clickhouse.folder_contents import EngineContents, combined, read_contents
from tocsin.clickhouse.host_pools import PoolFactory
from tocsin.clickhouse.months import RecordedMonths
from tocsin.clickhouse.part_hashes import no_parts, read_parts
from tocsin.clickhouse.query_cost import QueryCost, QueryProfiler
from tocsin.clickhouse.query_runner import QueryRunner
from tocsin.clickhouse.recorded_ids import InteractionIds
from tocsin.clickhouse.recorded_numbers import RecordedNumbers
from tocsin.clickhouse.settings import (
    APPEND_SETTINGS,
    LOOK_UP_SETTINGS,
    EngineSettings,
    calculation_comment,
    calculation_settings,
    maintenance_settings,
)
from tocsin.clickhouse.sql import maintenance
from tocsin.clickhouse.sql.listing import compile_payloads
from tocsin.clickhouse.sql.query import Query, ResultRow
from tocsin.clickhouse.sql.table import Table, ValueKind
from tocsin.clickhouse.time_bounds import RecordedExtent
from tocsin.clickhouse.typed_parts import RecordedTypes
from tocsin.clickhouse.warmup import load_extent, load_field_types, load_months
from tocsin.errors import Stopping, Unavailable
from tocsin.model.ceilings import ID_FILTER_BYTES, PATHS
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.field import Field
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.snapshot import Mnemonics
from tocsin.model.server_address import ServerAddress
from tocsin.process.deadline import Deadline
from tocsin.process.write_state import WriteState

ALERT_CLIENTS, PAGE_CLIENTS, SEARCH_CLIENTS, EXPORT_CLIENTS = 2, 2, 2, 2
_UNLIMITED_SECONDS = 600.0
Admit = Callable[[EngineContents], None]
__all__ = ["Admit", "BlockRejected", "Engine"]


class Engine(EngineTables):
    """One process owns a folder, many may share a server; any thread may use the engine."""

    def __init__(
        self,
        location: Path | ServerAddress,
        *,
        memory: int,
        seconds: int,
        concurrency: int,
        max_paths: int = PATHS,
        id_filter_bytes: int = ID_FILTER_BYTES,
        admit: Admit = lambda _: None,
        node_id: str = "",
    ) -> None:
        """Open the engine in a folder, which is created if it does not exist, or on servers.

        `memory` in bytes and `seconds` limit each query; `concurrency` calculations run
        concurrently. `admit` gets the contents before anything is changed, and raises to reject
        them. `node_id` marks the queries of this process; by default, it is random.

        Raises InvalidSettings if the table of a server is not that of this version, and Unavailable
        if no server answers.
        """
        super().__init__()
        self.field_types = FieldTypes(max_paths)
        self.materialized_columns: Mapping[tuple[Field, ValueKind], str] = {}
        self.recorded_extent = RecordedExtent()
        self.recorded_months = RecordedMonths()
        self.write_state = WriteState()
        self.follow: Callable[[], object] = lambda: None
        """Called before each query is compiled, to learn of interactions that others recorded."""
        self._is_stopping = threading.Event()
        self._seconds = seconds
        self.database = "" if isinstance(location, Path) else location.database
        self._comment = calculation_comment(node_id or uuid4().hex)
        self._closing = ExitStack()
        self._connect(location)
        try:
            self._open(admit, memory, concurrency, id_filter_bytes)
        except BaseException:
            self._closing.close()
            raise

    def _connect(self, location: Path | ServerAddress) -> None:
        self._connector = connect(location)
        self._closing.callback(self._connector.close)
        self.topology = self._connector.topology
        self._pool = PoolFactory(self._connector, self._closing)

    def _open(self, admit: Admit, memory: int, concurrency: int, id_filter_bytes: int) -> None:
        # For the committer only, so that recording waits for nothing but its append.
        appending = self._pool(APPEND_SETTINGS, answer_seconds=self.topology.append_seconds)
        self._appender = BlockAppender(
            self._connector, appending, self.recorded_extent, self.write_state
        )
        # Without limits, for ids and retention, which must succeed on a table of any size.
        self.unlimited_clients = self._pool({}, answer_seconds=_UNLIMITED_SECONDS)
        self.unlimited_hosts = self._pool.of_hosts({}, answer_seconds=_UNLIMITED_SECONDS)
        table = self.topology.local_table
        before = combined(
            self.unlimited_hosts.each_reachable_host(lambda pool: read_contents(pool, table))
        )
        admit(before)
        with appending.acquire() as client:
            self._connector.prepare_table(client)
        self.folder_id = before.folder_id
        # A stop kills their queries: all types and ids are looked for until they are loaded.
        loading: EngineSettings = {"log_comment": self._comment}
        self._loading = self._pool(loading, answer_seconds=_UNLIMITED_SECONDS)
        streaming = self._pool(loading, answer_seconds=_UNLIMITED_SECONDS)
        # Reserved for KILL QUERY, so that a stop never waits for a running statement.
        self.killing_hosts = self._pool.of_hosts({}, answer_seconds=self.topology.append_seconds)
        options: dict[str, Any] = {"answer_seconds": _UNLIMITED_SECONDS, "is_logging": False}
        self.maintenance_clients = self._pool(maintenance_settings(memory), **options)
        self.maintenance_hosts = self._pool.of_hosts(maintenance_settings(memory), **options)
        self._open_reading(calculation_settings(memory, self._seconds, self._comment), concurrency)
        # The parts of servers change elsewhere, too, and each server has its own.
        list_parts = no_parts if self.is_server else partial(read_parts, self.status_queries)
        self.numbers = RecordedNumbers(self.status_queries, list_parts)
        self.types = RecordedTypes(self.field_types, list_parts)
        self.ids = InteractionIds(
            self._duplicate_queries,
            streaming,
            self.rows_by_month,
            id_filter_bytes,
            self._is_stopping,
        )
        self.load_contents()

    def _open_reading(self, settings: EngineSettings, concurrency: int) -> None:
        """Open clients for each purpose, so that none waits for another."""
        # The server ends queries after their time; then its answer is on the way.
        answer_seconds = self._seconds + ANSWER_SECONDS / 2
        reading = partial(self._pool, timeout=self._seconds, answer_seconds=answer_seconds)

        def stoppable(count: int, options: EngineSettings = settings) -> QueryRunner:
            return QueryRunner(reading(options, count), self._seconds, self._is_stopping)

        def unstoppable() -> QueryRunner:
            """A stop does not end these queries: requests that are being recorded need them."""
            return QueryRunner(reading(settings | LOOK_UP_SETTINGS), self._seconds)

        calculating = settings | self.topology.calculation_settings
        self.calculation_queries = stoppable(concurrency, calculating)
        self.alert_queries = stoppable(ALERT_CLIENTS, calculating)
        self.page_queries = stoppable(PAGE_CLIENTS, calculating)
        self.search_queries = stoppable(SEARCH_CLIENTS)
        self.export_queries = stoppable(EXPORT_CLIENTS)
        self._duplicate_queries, self._lookup_queries, self.status_queries = (
            unstoppable() for _ in range(3)
        )
        self._profiler = QueryProfiler(self._connector.open_meter(calculating, answer_seconds))
        self._closing.callback(self._profiler.close)

    @property
    def is_server(self) -> bool:
        """Whether ClickHouse is a server, which other nodes may use, too."""
        return self._connector.is_server

    def close(self) -> None:
        self._closing.close()

    def deadline(self, seconds: float | None = None) -> Deadline:
        """A deadline from now, after `seconds` or the limit of one query, for all queries of an
        answer and the processing of their rows together."""
        return Deadline(self._seconds if seconds is None else seconds, self._is_stopping.is_set)

    def stop_calculating(self) -> None:
        """End the running calculations with Stopping, and reject new ones with it."""
        self._is_stopping.set()
        kill = maintenance.compile_kill(self._comment)
        self.killing_hosts.each_reachable_host(lambda pool: pool.command(kill))

    def append(
        self,
        interactions: Sequence[Interaction],
        *,
        token: str | None = None,
        query_id: str | None = None,
        check: Callable[[], object] = lambda: None,
    ) -> None:
        """Append a block; after the return it is on disk and visible to every new query.

        A server stores a block once, however often it is appended with the same token and in the
        same form; `query_id` is for `kill_append`. Both have no effect on a folder. On a cluster
        there may be several attempts: before each, `check` raises Unavailable if the block must not
        be sent any more.

        Raises BlockRejected if the engine rejects an interaction in it, UnknownOutcome if the block
        may be stored, now or later, and Unavailable if it is not.
        """
        statement = query_id and self.statement_id(query_id)
        self._appender.append(
            interactions, token=token, name=query_id, query_id=statement, check=check
        )

    def unsettled_appends(self) -> set[str]:
        """The query ids of this process's appends of unknown outcome that can be repeated."""
        return self._connector.unsettled.names

    def forget_appends(self, query_ids: set[str]) -> None:
        """The outcomes of these appends have become known otherwise."""
        self._connector.unsettled.forget(query_ids)

    def repeat_append(self, query_id: str, check: Callable[[], object]) -> bool:
        """Append a block of unknown outcome again, where that is harmless; whether it is stored
        now. False if it has to be ended by `kill_append`. Raises Unavailable if its outcome is
        still unknown."""
        return self._connector.unsettled.repeat(query_id, check)

    def run(self, query: Query, deadline: Deadline | None = None) -> list[ResultRow]:
        """The rows of a calculation's query. Raises QueryTooHeavy or Unavailable."""
        return self.calculation_queries.run(query, deadline)

    def run_arrow(self, query: Query, deadline: Deadline | None = None) -> pa.Table:
        """The result of a calculation's query as an Arrow table, faster for many rows."""
        return self.calculation_queries.run_arrow(query, deadline)

    def search(self, query: Query) -> list[ResultRow]:
        """The rows of a query that lists interactions. Raises QueryTooHeavy or Unavailable."""
        return self.search_queries.run(query)

    def look_up(self, query: Query) -> list[ResultRow]:
        """The rows of a query for which a sender waits, and which takes milliseconds. Raises
        Unavailable."""
        return self._lookup_queries.run(query)

    def profile(self, query: Query) -> QueryCost:
        """Run a query and measure its cost. Raises QueryTooHeavy or Unavailable."""
        return self._profiler.profile(query, self.deadline())

    def recorded_ids(self, ids: Sequence[bytes]) -> set[bytes]:
        """Those of the interaction ids (16 bytes each) that are recorded."""
        query = maintenance.compile_recorded_ids([UUID(bytes=id) for id in ids])
        return {row[0].bytes for row in self._duplicate_queries.run(query)}

    def recorded_payloads(self, ids: Sequence[bytes]) -> dict[bytes, bytes]:
        """The payloads of the recorded interactions with these ids (16 bytes each), by id."""
        rows = self._duplicate_queries.run(compile_payloads([UUID(bytes=id) for id in ids]))
        return {id.bytes: raw.encode() for id, raw in rows}

    def has_interactions_of(self, kind: Kind, id: UUID) -> bool:
        """Whether an interaction has this entry of the catalog."""
        return bool(self.search(maintenance.compile_use(kind, id)))

    def warm_up(self) -> None:
        """Do the work that would delay the first append and the first query."""
        arrow_stream([])
        self.load_field_types()

    def open_another_client(self) -> bool:
        """Open a client before it is needed; False if none is left. Opening one while heavy queries
        run can delay all threads by a tenth of a second."""
        with suppress(Unavailable):
            return self._pool.open_another_client()
        return False

    def load_contents(self) -> None:
        """Load the extent and the months of the recorded interactions; their ids have to be learnt
        from now on."""
        self.ids.expect_all()
        load_extent(self.unlimited_clients, self.recorded_extent)
        load_months(self.unlimited_clients, self.topology.partitions, self.recorded_months)

    def load_field_types(self) -> None:
        """Load the types of fields from the table; until then, queries look for all types."""
        with suppress(Stopping):
            load_field_types(self._loading, self.field_types, list(self.types.known_parts))

    def table(self, catalog: Mnemonics, *, with_columns: bool = False) -> Table:
        """The table as of now, for the compiler. Only a query that runs immediately may use its
        materialized columns: one that no metric needs is dropped after some minutes. Raises
        Unavailable."""
        self.follow()
        mnemonics = {kind: catalog.mnemonics(kind) for kind in Kind}
        columns = self.materialized_columns if with_columns else {}
        return Table(mnemonics, self.field_types.of, lambda field, kind: columns.get((field, kind)))

"""ClickHouse in this process: append interactions, run queries, say how it is.

Driver exceptions end here: what comes out is an error of `tocsin.errors`, chained to its cause.
"""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import chdb
import clickhouse_connect
import numpy as np
import pyarrow as pa
import structlog
from clickhouse_connect.driver.binding import bind_query
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from tocsin.engine.block import COLUMNS, arrow_stream
from tocsin.engine.field_types import FieldTypes
from tocsin.engine.known_ids import KnownIds
from tocsin.engine.latest import Latest
from tocsin.engine.schema import (
    APPEND_SETTINGS,
    MERGE_CLOSED,
    QUERY_SETTINGS,
    SCHEMA,
    TENDING_SETTINGS,
)
from tocsin.errors import DataFolderInUse, QueryTooHeavy, TocsinError, Unavailable
from tocsin.model.catalog import Kind
from tocsin.model.field import Field
from tocsin.model.interaction import Interaction
from tocsin.sql.discovery import path_of, type_of
from tocsin.sql.query import Query
from tocsin.sql.table import INTERACTIONS, PAYLOAD, SCOPE_COLUMNS, Aspect, JsonType

log = structlog.get_logger()

Row = tuple[Any, ...]
MAX_COLUMN_ROWS = 400_000
CALCULATION_NICENESS = 3

# Codes of ClickHouse: too many rows, too slow, timeout, memory limit, too many bytes, too many
# rows in an answer.
_TOO_HEAVY = {158, 159, 160, 241, 307, 396}
# What a block that holds an unacceptable value fails with: the CANNOT_PARSE and CANNOT_READ
# family, INCORRECT_DATA, TYPE_MISMATCH and the like.
_BAD_DATA = {6, 25, 26, 27, 32, 33, 38, 41, 43, 53, 70, 72, 117, 131, 349, 636, 691, 1000}


class BadBlock(Exception):
    """The engine refuses something in this block; nothing of it was stored."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a query read; milliseconds are those the engine took."""

    rows_read: int
    bytes_read: int
    elapsed_ms: float


class Engine:
    """One process owns the folder; any number of threads may use the object."""

    def __init__(self, folder: Path, *, memory: int, seconds: int, concurrency: int) -> None:
        """Open the engine in a folder, which is created if it is not there.

        `memory` in bytes and `seconds` limit each query; `concurrency` queries run at once.
        """
        self.field_types = FieldTypes()
        self.known_ids = KnownIds()
        self.promoted: Mapping[tuple[Field, Aspect], str] = {}
        self.latest = Latest()
        self._dsn = f"chdb:///{quote(str(folder.resolve()))}"
        self._appending = threading.Lock()
        self._appender = self._open(APPEND_SETTINGS)
        self._appender.command(SCHEMA)
        self._amend()
        limits = {
            **QUERY_SETTINGS,
            "max_memory_usage": memory,
            # What does not fit goes to disk: a million groups are slower, not refused.
            "max_bytes_before_external_group_by": memory // 2,
            "max_bytes_before_external_sort": memory // 2,
            "max_execution_time": seconds,
            # Those who record wait for a thread, those who calculate for two cores: appends go
            # first where the process may say so (CAP_SYS_NICE); elsewhere this does nothing.
            "os_threads_nice_value_query": CALCULATION_NICENESS,
            "readonly": 2,
        }
        self._appenders: queue.LifoQueue[Client] = queue.LifoQueue()
        self._second_appender = self._open(APPEND_SETTINGS)
        for appender in (self._appender, self._second_appender):
            self._appenders.put(appender)
        self._measuring = threading.Lock()
        self._meter = chdb.connect(str(folder.resolve()))  # type: ignore[no-untyped-call]
        for name, value in limits.items():
            self._meter.query(f"SET {name} = {value}")
        self._idle: queue.LifoQueue[Client] = queue.LifoQueue()
        self._clients = [self._open(limits) for _ in range(concurrency)]
        for client in self._clients:
            self._idle.put(client)
        self._tending = threading.Lock()
        self._tender = self._open({**TENDING_SETTINGS, "max_memory_usage": memory})
        self._patience = seconds
        self._load_known_ids()
        self._load_latest()

    def close(self) -> None:
        self._meter.close()
        for client in [*self._clients, self._appender, self._second_appender, self._tender]:
            client.close()

    def append(self, interactions: Sequence[Interaction]) -> None:
        """Append a block; when this returns it is on disk and in every query that starts.

        Raises BadBlock if the engine refuses an interaction in it, Unavailable if it fails.
        """
        # Before the append, so that no query sees what lies after the latest that is known.
        self.latest.note(max(interaction.timestamp for interaction in interactions))
        block = arrow_stream(interactions)
        appender = self._appenders.get()
        try:
            summary = appender.raw_insert(INTERACTIONS, COLUMNS.names, block, fmt="ArrowStream")
        except ClickHouseError as error:
            if _code(error) in _BAD_DATA:
                raise BadBlock(str(error)) from error
            raise _translated(error) from error
        finally:
            self._appenders.put(appender)
        if summary.written_rows < len(interactions):
            raise Unavailable(f"The engine stored {summary.written_rows} of {len(interactions)}")

    def run(self, query: Query) -> list[Row]:
        """The rows of a query. Raises QueryTooHeavy or Unavailable."""
        with self._client() as client:
            return [tuple(row) for row in client.query(query.text, query.parameters).result_rows]

    def upkeep(self, statement: Query) -> list[Row]:
        """Change the table, or ask how it is: takes no turn from a calculation or an append.

        Raises QueryTooHeavy or Unavailable.
        """
        with self._tending:
            try:
                result = self._tender.query(statement.text, statement.parameters)
            except ClickHouseError as error:
                raise _translated(error) from error
            return [tuple(row) for row in result.result_rows]

    def columns(self, query: Query, *, most: int = MAX_COLUMN_ROWS) -> pa.Table:
        """The same as `run`, as columns, for answers of many rows. Raises QueryTooHeavy, too, for
        more than `most` of them, or Unavailable."""
        limits = {
            "max_result_rows": most,
            "result_overflow_mode": "throw",
            # Compiling the many expressions of a shared scan takes longer than it saves.
            "compile_expressions": 0,
            "output_format_arrow_low_cardinality_as_dictionary": 1,
            "output_format_arrow_compression_method": "none",
        }
        with self._client() as client:
            return client.query_arrow(query.text, query.parameters, settings=limits)

    def measure(self, query: Query) -> Cost:
        """Run a query for what it costs.

        Through a handle of chDB's own: the driver's summary leaves out what storage read.
        """
        text, parameters = bind_query(query.text, query.parameters)
        bound = {name.removeprefix("param_"): value for name, value in parameters.items()}
        with self._measuring:
            started = time.perf_counter()
            try:
                result = self._meter.query(text, "Null", params=bound)
            except RuntimeError as error:
                raise _translated(error) from error
            elapsed = (time.perf_counter() - started) * 1000
        return Cost(result.storage_rows_read(), result.storage_bytes_read(), elapsed)

    def ready(self) -> None:
        """Raises Unavailable unless the engine answers a query on the table."""
        self.run(Query(f"SELECT interactionNumber FROM {INTERACTIONS} LIMIT 1"))

    def existing(self, ids: Sequence[bytes]) -> set[bytes]:
        """Those of the interaction ids (16 bytes each) that are recorded."""
        query = Query(
            f"SELECT interactionId FROM {INTERACTIONS} WHERE interactionId IN {{ids:Array(UUID)}}",
            {"ids": [str(UUID(bytes=id)) for id in ids]},
        )
        return {row[0].bytes for row in self.run(query)}

    def uses(self, kind: Kind, id: UUID) -> bool:
        """Whether an interaction has this entry of the catalog."""
        text = f"SELECT 1 FROM {INTERACTIONS} WHERE {SCOPE_COLUMNS[kind]} = {{id:UUID}} LIMIT 1"
        return bool(self.run(Query(text, {"id": str(id)})))

    def latest_number(self) -> int:
        """The greatest interaction number in the table, 0 if there is none."""
        return int(self.run(Query(f"SELECT max(interactionNumber) FROM {INTERACTIONS}"))[0][0])

    def drop_before(self, instant: datetime) -> int:
        """Drop the months that lie before an instant as a whole; answers how many."""
        text = (
            "SELECT DISTINCT toUInt32(partition) FROM system.parts WHERE active "
            f"AND table = '{INTERACTIONS}' AND toUInt32(partition) < {{month:UInt32}}"
        )
        months = self.run(Query(text, {"month": instant.year * 100 + instant.month}))
        with self._appending:
            for (month,) in months:
                self._appender.command(f"ALTER TABLE {INTERACTIONS} DROP PARTITION {month:d}")
        return len(months)

    def rows(self) -> int:
        return self._of_parts("rows")

    def bytes_on_disk(self) -> int:
        return self._of_parts("bytes_on_disk")

    def warm_up(self) -> None:
        """What the first append and the first query would have to wait for."""
        arrow_stream([])
        self.learn_field_types()

    def learn_field_types(self) -> None:
        """Read from the table which types its fields have; takes 0.1 s a million interactions."""
        text = (
            f"SELECT distinctJSONPathsAndTypes({PAYLOAD}), groupUniqArrayArray(bigIntegers), "
            f"groupUniqArrayArray(hollowObjects) FROM {INTERACTIONS}"
        )
        with self._client(limited=False) as client:
            types, big, hollow = client.query(text).result_rows[0]
        for spelled, names in types.items():
            path = path_of(spelled)
            self.field_types.note(path, map(type_of, names))
            for depth in range(1, len(path)):
                self.field_types.note(path[:depth], [JsonType.OBJECT])
        for spelling in big:
            self.field_types.note(Field(spelling).path, [JsonType.BIG_INTEGER])
        for spelling in hollow:
            self.field_types.note(Field(spelling).path, [JsonType.OBJECT])
        self.field_types.complete()

    def _amend(self) -> None:
        """Give a table that an earlier version made what it lacks."""
        text = f"SELECT engine_full FROM system.tables WHERE name = '{INTERACTIONS}'"
        if MERGE_CLOSED not in str(self._appender.command(text)):
            self._appender.command(f"ALTER TABLE {INTERACTIONS} MODIFY SETTING {MERGE_CLOSED}")

    def _load_latest(self) -> None:
        """The parts know it: nothing is read."""
        text = f"SELECT count(), toUnixTimestamp64Milli(max(timestamp)) FROM {INTERACTIONS}"
        ((count, latest),) = self.upkeep(Query(text))
        self.latest.note(latest if count else 0)

    def _load_known_ids(self) -> None:
        """A partition at a time, so that memory stays bounded; takes 0.2 s a million ids."""
        partitions = self.run(
            Query(
                "SELECT DISTINCT partition FROM system.parts "
                f"WHERE active AND table = '{INTERACTIONS}'"
            )
        )
        for (partition,) in partitions:
            raw = self._appender.raw_query(
                f"SELECT interactionId FROM {INTERACTIONS} WHERE _partition_id = {{p:String}}",
                parameters={"p": partition},
                fmt="RowBinary",
            )
            self.known_ids.add_halves(np.frombuffer(raw, dtype="<u8").reshape(-1, 2))

    def _of_parts(self, column: str) -> int:
        text = f"SELECT sum({column}) FROM system.parts WHERE active AND table = '{INTERACTIONS}'"
        return int(self.run(Query(text))[0][0])

    def _open(self, settings: dict[str, int]) -> Client:
        try:
            client = clickhouse_connect.get_client(dsn=self._dsn)
        except ClickHouseError as error:
            raise _translated(error) from error
        for name, value in settings.items():
            client.set_client_setting(name, value)
        return client

    @contextmanager
    def _client(self, limited: bool = True) -> Iterator[Client]:
        """A client of the pool; one client runs one statement at a time."""
        if not limited:
            with self._appending:
                yield self._appender
            return
        try:
            client = self._idle.get(timeout=self._patience)
        except queue.Empty:
            raise Unavailable("All calculations that may run at once are running") from None
        try:
            yield client
        except ClickHouseError as error:
            raise _translated(error) from error
        finally:
            self._idle.put(client)


def _translated(error: Exception) -> TocsinError:
    """The error that a caller should see; the engine's own words go to the log."""
    text, code = str(error), _code(error)
    if code in _TOO_HEAVY:
        return QueryTooHeavy()
    if "Cannot lock file" in text or "another process" in text:
        return DataFolderInUse()
    log.error("engine failed", code=code, error=text[:2_000])
    return Unavailable("The engine could not answer; its error is in the log")


def _code(error: Exception) -> int | None:
    """ClickHouse's number of an error, from the driver or from chDB's words."""
    told = re.search(r"Code: (\d+)", str(error))
    return int(told[1]) if told else None

"""ClickHouse in this process: append interactions, run queries, say how it is.

Driver exceptions end here: what comes out is an error of `tocsin.errors`, chained to its cause.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from tocsin.engine.block import COLUMNS, arrow_stream
from tocsin.engine.clients import Clients
from tocsin.engine.contents import EngineContents, contents, mark
from tocsin.engine.detached import DetachedPart, detached_parts
from tocsin.engine.failures import is_of_bad_data, translated
from tocsin.engine.field_types import FieldTypes
from tocsin.engine.known_extent import KnownExtent
from tocsin.engine.known_ids import KnownIds
from tocsin.engine.learning import learn_extent, learn_field_types, learn_ids
from tocsin.engine.location import Location
from tocsin.engine.meter import Cost, Meter
from tocsin.engine.schema import SCHEMA, TIME_CODEC, table_settings
from tocsin.engine.settings import (
    APPEND_SETTINGS,
    CALCULATION,
    COLUMNS_SETTINGS,
    Settings,
    calculation_settings,
    tending_settings,
)
from tocsin.errors import CannotWrite, Stopping, Unavailable
from tocsin.model.catalog import Kind
from tocsin.model.field import Field
from tocsin.model.interaction import Interaction
from tocsin.sql.query import Query
from tocsin.sql.table import INTERACTIONS, SCOPE_COLUMNS, Aspect
from tocsin.write_state import WriteState

Row = tuple[Any, ...]
MAX_COLUMN_ROWS = 400_000


class BadBlock(Exception):
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
        admit: Callable[[EngineContents], None] = lambda _: None,
    ) -> None:
        """Open the engine in a folder, which is created if it is not there.

        `memory` in bytes and `seconds` limit each query; `concurrency` queries run at once.
        `admit` sees what is in the folder before anything is changed, and raises to refuse it.
        """
        self.field_types = FieldTypes()
        self.known_ids = KnownIds()
        self.promoted: Mapping[tuple[Field, Aspect], str] = {}
        self.known_extent = KnownExtent()
        self.write_state = WriteState()
        self._is_stopping = False
        self._cores = os.cpu_count() or 1
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
        # For the committer alone: those who record wait for nothing but their append.
        self._appending = self._kept(Clients(location, APPEND_SETTINGS))
        with self._appending.lend() as client:
            before = contents(client)
            admit(before)
            client.command(SCHEMA)
        self.folder_id = before.folder_id
        # A full disk must not keep what was recorded from being read.
        with suppress(CannotWrite), self._appending.lend() as client:
            _amend(client)
        # For learning and retention, which have to end well however large the table is.
        self._unlimited = self._kept(Clients(location, {}))
        # Has nothing else to do, so that a stop waits for no statement.
        self._stopping = self._kept(Clients(location, {}))
        self._tending = self._kept(Clients(location, tending_settings(memory), is_logging=False))
        settings = calculation_settings(memory, seconds)
        self._calculating = self._kept(Clients(location, settings, concurrency, patience=seconds))
        self._meter = Meter(location, settings)
        self._closing.callback(self._meter.close)
        learn_ids(self._unlimited, self.known_ids)
        learn_extent(self._unlimited, self.known_extent)

    def _kept(self, clients: Clients) -> Clients:
        """The same clients, which are closed with the engine."""
        self._closing.callback(clients.close)
        return clients

    def close(self) -> None:
        self._closing.close()

    def stop_calculating(self) -> None:
        """End the calculations that run, and refuse those that would begin, with Stopping."""
        self._is_stopping = True
        with self._stopping.lend() as client:
            client.command(f"KILL QUERY WHERE Settings['log_comment'] = '{CALCULATION}' ASYNC")

    def append(self, interactions: Sequence[Interaction]) -> None:
        """Append a block; when this returns it is on disk and in every query that starts.

        Raises BadBlock if the engine refuses an interaction in it, Unavailable if it fails.
        """
        timestamps = [interaction.timestamp for interaction in interactions]
        # Before the append, so that no query sees what lies outside of what is known.
        self.known_extent.note(min(timestamps), max(timestamps))
        block = arrow_stream(interactions)
        with self._appending.lend() as client:
            try:
                summary = client.raw_insert(INTERACTIONS, COLUMNS.names, block, fmt="ArrowStream")
            except ClickHouseError as error:
                if is_of_bad_data(error):
                    raise BadBlock(str(error)) from error
                failure = translated(error)
                if isinstance(failure, CannotWrite):
                    self.write_state.fail(failure.reason)
                raise failure from error
        self.write_state.succeed()
        if summary.written_rows < len(interactions):
            raise Unavailable(f"The engine stored {summary.written_rows} of {len(interactions)}")

    def run(self, query: Query) -> list[Row]:
        """The rows of a query. Raises QueryTooHeavy or Unavailable."""
        with self._turn() as client:
            return self._rows_of(client, query)

    def upkeep(self, statement: Query) -> list[Row]:
        """Change the table, or ask how it is: takes no turn from a calculation or an append.

        Raises QueryTooHeavy or Unavailable; the caller logs it.
        """
        with self._tending.lend() as client:
            result = client.query(statement.text, statement.parameters)
            return [tuple(row) for row in result.result_rows]

    def columns(self, query: Query, *, most: int = MAX_COLUMN_ROWS) -> pa.Table:
        """The same as `run`, as columns, for answers of many rows. Raises QueryTooHeavy, too, for
        more than `most` of them, or Unavailable."""
        settings = COLUMNS_SETTINGS | {"max_result_rows": most} | self._share()
        # In the text, for the driver would change and restore each by statements of their own.
        said = ", ".join(f"{name} = {value!r}" for name, value in settings.items())
        with self._turn() as client:
            raw = client.raw_query(
                f"{query.text}\nSETTINGS {said}", query.parameters, fmt="ArrowStream"
            )
        return pa.ipc.open_stream(raw).read_all()

    def measure(self, query: Query) -> Cost:
        """Run a query for what it costs. Raises QueryTooHeavy or Unavailable."""
        if self._is_stopping:
            raise Stopping
        return self._meter.measure(query)

    def ready(self) -> None:
        """Raises Unavailable unless the engine answers a query on the table."""
        self._look_up(Query(f"SELECT interactionNumber FROM {INTERACTIONS} LIMIT 1"))

    def existing(self, ids: Sequence[bytes]) -> set[bytes]:
        """Those of the interaction ids (16 bytes each) that are recorded."""
        query = Query(
            f"SELECT interactionId FROM {INTERACTIONS} WHERE interactionId IN {{ids:Array(UUID)}}",
            {"ids": [str(UUID(bytes=id)) for id in ids]},
        )
        return {row[0].bytes for row in self._look_up(query)}

    def uses(self, kind: Kind, id: UUID) -> bool:
        """Whether an interaction has this entry of the catalog."""
        text = f"SELECT 1 FROM {INTERACTIONS} WHERE {SCOPE_COLUMNS[kind]} = {{id:UUID}} LIMIT 1"
        return bool(self._look_up(Query(text, {"id": str(id)})))

    def latest_number(self) -> int:
        """The greatest interaction number in the table, 0 if there is none."""
        return int(self._look_up(Query(f"SELECT max(interactionNumber) FROM {INTERACTIONS}"))[0][0])

    def drop_before(self, instant: datetime) -> int:
        """Drop the months that lie before an instant as a whole; answers how many."""
        text = (
            "SELECT DISTINCT toUInt32(partition) FROM system.parts WHERE active "
            f"AND table = '{INTERACTIONS}' AND toUInt32(partition) < {{month:UInt32}}"
        )
        months = self._look_up(Query(text, {"month": instant.year * 100 + instant.month}))
        with self._unlimited.lend() as client:
            for (month,) in months:
                client.command(f"ALTER TABLE {INTERACTIONS} DROP PARTITION {month:d}")
        return len(months)

    def rows(self) -> int:
        return self._of_parts("rows")

    def rows_by_month(self) -> dict[str, int]:
        """The interactions of each month that has any; months are spelled `202603`."""
        text = (
            "SELECT partition, sum(rows) FROM system.parts "
            f"WHERE active AND table = '{INTERACTIONS}' GROUP BY partition ORDER BY partition"
        )
        return {str(month): int(rows) for month, rows in self._look_up(Query(text))}

    def detached_parts(self) -> list[DetachedPart]:
        """The parts that the engine does not read; raises Unavailable."""
        with self._unlimited.lend() as client:
            return detached_parts(client)

    def mark(self, folder_id: str) -> None:
        """Keep the id of the data folder with the interactions."""
        with self._unlimited.lend() as client:
            mark(client, folder_id)
        self.folder_id = folder_id

    def bytes_on_disk(self) -> int:
        return self._of_parts("bytes_on_disk")

    def warm_up(self) -> None:
        """What the first append and the first query would have to wait for."""
        arrow_stream([])
        self.learn_field_types()

    def learn_field_types(self) -> None:
        """Read from the table which types its fields have; until then, all are looked for."""
        learn_field_types(self._unlimited, self.field_types)

    @contextmanager
    def _turn(self) -> Iterator[Client]:
        """A client to calculate with."""
        with self._calculating.lend() as client:
            if self._is_stopping:
                raise Stopping
            yield client

    def _look_up(self, query: Query) -> list[Row]:
        """What recording needs to know until its end."""
        with self._calculating.lend() as client:
            return self._rows_of(client, query)

    def _rows_of(self, client: Client, query: Query) -> list[Row]:
        result = client.query(query.text, query.parameters, self._share())
        return [tuple(row) for row in result.result_rows]

    def _share(self) -> Settings:
        """The threads of a query that has a client: as many as cores, or a part of them while
        others run. Together they would be no faster with more, and take more memory."""
        lent = self._calculating.lent
        return {"max_threads": max(self._cores // lent, 1)} if lent > 1 else {}

    def _of_parts(self, column: str) -> int:
        text = f"SELECT sum({column}) FROM system.parts WHERE active AND table = '{INTERACTIONS}'"
        return int(self._look_up(Query(text))[0][0])


def _amend(client: Client) -> None:
    """Give a table what it lacks: a new one, and one that an earlier version made."""
    text = f"SELECT create_table_query FROM system.tables WHERE name = '{INTERACTIONS}'"
    made = str(client.command(text))
    settings = set(re.split(r"[\n,] *|SETTINGS | COMMENT ", made))
    for setting in table_settings():
        if setting not in settings:
            client.command(f"ALTER TABLE {INTERACTIONS} MODIFY SETTING {setting}")
    if TIME_CODEC not in made:
        # Parts get it when they are merged.
        client.command(f"ALTER TABLE {INTERACTIONS} MODIFY COLUMN timestamp {TIME_CODEC}")

"""Runs queries that read the table, with a separate pool of clients for each purpose.

When purposes shared clients, recording and alerts waited for calculations (decision 58).
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from tocsin.clickhouse.client_pool import ClientPool
from tocsin.clickhouse.settings import ARROW_SETTINGS, EngineSettings
from tocsin.clickhouse.sql.query import Query, ResultRow
from tocsin.errors import Stopping
from tocsin.process.deadline import Deadline

MAX_COLUMN_ROWS = 400_000
PATTERN_BLOCK_ROWS = 2_048
"""The engine checks the deadline of a query between blocks, of 65,409 rows by default, and a
pattern can take 45 µs for each byte of a text that was made for it. Smaller blocks take a fifth
longer with usual patterns, and blocks of 256 rows three times as long."""
_CORES = os.cpu_count() or 1


class QueryRunner:
    """Runs queries for one purpose.

    When `stopping` is set, queries raise Stopping; without `stopping`, they run until the engine
    is closed.
    """

    def __init__(
        self, clients: ClientPool, seconds: int, stopping: threading.Event | None = None
    ) -> None:
        self._clients = clients
        self._seconds = seconds
        self._stopping = stopping

    def run(self, query: Query, deadline: Deadline | None = None) -> list[ResultRow]:
        """The rows of a query. Raises QueryTooHeavy or Unavailable."""
        query = self._clients.bindable(query)
        with self._client(deadline) as client:
            settings = self._thread_limit() | self._time_limit(deadline) | _block_limit(query)
            result = client.query(query.text, query.parameters, settings)
            return [tuple(row) for row in result.result_rows]

    def run_arrow(
        self,
        query: Query,
        deadline: Deadline | None = None,
        *,
        most: int = MAX_COLUMN_ROWS,
        settings: EngineSettings | None = None,
    ) -> pa.Table:
        """The result as an Arrow table, which is faster for many rows. Raises Unavailable, or
        QueryTooHeavy, also for more than `most` rows."""
        query = self._clients.bindable(query)
        with self._client(deadline) as client:
            limits = {"max_result_rows": most} | self._thread_limit()
            limits |= self._time_limit(deadline) | _block_limit(query)
            settings = ARROW_SETTINGS | limits | (settings or {})
            # In the text, because the driver would set and reset each with separate statements.
            clause = ", ".join(f"{name} = {value!r}" for name, value in settings.items())
            raw = client.raw_query(
                f"{query.text}\nSETTINGS {clause}", query.parameters, fmt="ArrowStream"
            )
        return pa.ipc.open_stream(raw).read_all()

    @contextmanager
    def _client(self, deadline: Deadline | None) -> Iterator[Client]:
        with self._clients.acquire(deadline.remaining if deadline else None) as client:
            if self._stopping and self._stopping.is_set():
                raise Stopping
            if deadline:
                deadline.check()
            yield client
            # A killed query may end without an error and without its rows (chDB 4.4).
            if self._stopping and self._stopping.is_set():
                raise Stopping

    def _thread_limit(self) -> EngineSettings:
        """The threads of one query: as many as cores, divided by the number of running queries.
        More threads would not make them faster together, and would take more memory."""
        in_use = self._clients.in_use
        return {"max_threads": max(_CORES // in_use, 1)} if in_use > 1 else {}

    def _time_limit(self, deadline: Deadline | None) -> EngineSettings:
        """The time until the deadline, if that is much less than the limit of every query: an
        additional setting costs each query time."""
        if deadline is None or deadline.remaining > self._seconds / 2:
            return {}
        return {"max_execution_time": math.ceil(deadline.remaining)}


def _block_limit(query: Query) -> EngineSettings:
    return {"max_block_size": PATTERN_BLOCK_ROWS} if query.has_patterns else {}

"""Queries that read the table, with clients that each purpose has for itself.

A client runs one statement at a time. Where purposes shared clients, recording and alerts waited
for calculations: decision 58.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from tocsin.clickhouse.client_pool import ClientPool
from tocsin.clickhouse.settings import ARROW_SETTINGS, EngineSettings
from tocsin.clickhouse.sql.query import Query
from tocsin.errors import Stopping
from tocsin.process.deadline import Deadline

ResultRow = tuple[Any, ...]
MAX_COLUMN_ROWS = 400_000
_CORES = os.cpu_count() or 1


class QueryRunner:
    """Runs queries for one purpose.

    `stopping` refuses them when the server stops; without it they run until the engine is closed.
    """

    def __init__(
        self, clients: ClientPool, seconds: int, stopping: threading.Event | None = None
    ) -> None:
        self._clients = clients
        self._seconds = seconds
        self._stopping = stopping

    def run(self, query: Query, deadline: Deadline | None = None) -> list[ResultRow]:
        """The rows of a query. Raises QueryTooHeavy or Unavailable."""
        with self._turn(deadline) as client:
            settings = self._share() | self._limit(deadline)
            result = client.query(query.text, query.parameters, settings)
            return [tuple(row) for row in result.result_rows]

    def run_arrow(
        self, query: Query, deadline: Deadline | None = None, *, most: int = MAX_COLUMN_ROWS
    ) -> pa.Table:
        """The same as columns, for answers of many rows. Raises QueryTooHeavy, too, for more than
        `most` of them, or Unavailable."""
        with self._turn(deadline) as client:
            settings = ARROW_SETTINGS | {"max_result_rows": most}
            settings |= self._share() | self._limit(deadline)
            # In the text, for the driver would change and restore each by statements of their own.
            spelled = ", ".join(f"{name} = {value!r}" for name, value in settings.items())
            raw = client.raw_query(
                f"{query.text}\nSETTINGS {spelled}", query.parameters, fmt="ArrowStream"
            )
        return pa.ipc.open_stream(raw).read_all()

    @contextmanager
    def _turn(self, deadline: Deadline | None) -> Iterator[Client]:
        with self._clients.acquire(deadline.remaining if deadline else None) as client:
            if self._stopping and self._stopping.is_set():
                raise Stopping
            if deadline:
                deadline.check()
            yield client
            # A query that is killed may end without an error, and without its rows (chDB 4.4).
            if self._stopping and self._stopping.is_set():
                raise Stopping

    def _share(self) -> EngineSettings:
        """The threads of a query that has a client: as many as cores, or a part of them while
        others run. Together they would be no faster with more, and take more memory."""
        lent = self._clients.in_use
        return {"max_threads": max(_CORES // lent, 1)} if lent > 1 else {}

    def _limit(self, deadline: Deadline | None) -> EngineSettings:
        """What is left of a deadline, once that is much less than the seconds of a query: a setting
        of its own costs each query time."""
        if deadline is None or deadline.remaining > self._seconds / 2:
            return {}
        return {"max_execution_time": math.ceil(deadline.remaining)}

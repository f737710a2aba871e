"""Measures the cost of a query: the rows and bytes that it reads, and its time."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Protocol

import chdb
from clickhouse_connect.driver.binding import bind_query

from tocsin.clickhouse.errors import to_tocsin_error
from tocsin.clickhouse.path_encoding import Location
from tocsin.clickhouse.settings import EngineSettings
from tocsin.clickhouse.sql.query import Query
from tocsin.errors import Unavailable
from tocsin.process.deadline import Deadline


@dataclass(frozen=True, slots=True)
class QueryCost:
    """The rows and bytes that a query read, and the milliseconds that the engine took."""

    rows_read: int
    bytes_read: int
    elapsed_ms: float


class CostMeter(Protocol):
    """Measures queries, one at a time."""

    def measure(self, query: Query) -> QueryCost:
        """Run a query and discard its result. Raises QueryTooHeavy or Unavailable."""

    def close(self) -> None: ...


class QueryProfiler:
    """Measures queries for several threads, until their deadlines."""

    def __init__(self, meter: CostMeter) -> None:
        self._profiling = threading.Lock()
        self._meter = meter

    def profile(self, query: Query, deadline: Deadline) -> QueryCost:
        """Run a query and discard its result. Raises QueryTooHeavy or Unavailable."""
        if not self._profiling.acquire(timeout=deadline.remaining):
            raise Unavailable("Other queries are being measured; try again in a moment")
        try:
            deadline.check()
            cost = self._meter.measure(query)
            # A killed query may end without an error.
            deadline.check()
        finally:
            self._profiling.release()
        return cost

    def close(self) -> None:
        self._meter.close()


class ChdbMeter:
    """Runs queries on a connection of chDB: the driver's summary omits the reads from storage."""

    def __init__(self, location: Location, settings: EngineSettings) -> None:
        self._handle = chdb.connect(location.spelling)  # type: ignore[no-untyped-call]
        for name, value in settings.items():
            self._handle.query(f"SET {name} = {value!r}")

    def measure(self, query: Query) -> QueryCost:
        text, parameters = bind_query(query.text, query.parameters)
        bound = {name.removeprefix("param_"): value for name, value in parameters.items()}
        started = time.perf_counter()
        try:
            result = self._handle.query(text, "Null", params=bound)
        except RuntimeError as error:
            raise to_tocsin_error(error) from error
        elapsed = (time.perf_counter() - started) * 1000
        return QueryCost(result.storage_rows_read(), result.storage_bytes_read(), elapsed)

    def close(self) -> None:
        self._handle.close()

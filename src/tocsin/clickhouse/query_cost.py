"""What does a query cost to run?"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

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
    """What a query read; milliseconds are those the engine took."""

    rows_read: int
    bytes_read: int
    elapsed_ms: float


class QueryProfiler:
    """A handle of chDB's own: the driver's summary leaves out what storage read."""

    def __init__(self, location: Location, settings: EngineSettings) -> None:
        self._measuring = threading.Lock()
        self._handle = chdb.connect(location.spelling)  # type: ignore[no-untyped-call]
        for name, value in settings.items():
            self._handle.query(f"SET {name} = {value!r}")

    def profile(self, query: Query, deadline: Deadline) -> QueryCost:
        """Run a query. Raises QueryTooHeavy or Unavailable."""
        text, parameters = bind_query(query.text, query.parameters)
        bound = {name.removeprefix("param_"): value for name, value in parameters.items()}
        if not self._measuring.acquire(timeout=deadline.remaining):
            raise Unavailable("Other queries are being measured; try again in a moment")
        try:
            deadline.check()
            started = time.perf_counter()
            try:
                result = self._handle.query(text, "Null", params=bound)
            except RuntimeError as error:
                raise to_tocsin_error(error) from error
            elapsed = (time.perf_counter() - started) * 1000
            # One that was killed may end without an error.
            deadline.check()
        finally:
            self._measuring.release()
        return QueryCost(result.storage_rows_read(), result.storage_bytes_read(), elapsed)

    def close(self) -> None:
        self._handle.close()

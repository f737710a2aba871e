"""A pool of ClickHouse clients; each runs one statement at a time.

The pool translates the driver's exceptions to errors of `tocsin.errors`, chained to them.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from tocsin.clickhouse.errors import to_tocsin_error
from tocsin.clickhouse.path_encoding import Location
from tocsin.clickhouse.settings import EngineSettings
from tocsin.clickhouse.sql.query import Query, ResultRow
from tocsin.errors import Unavailable


class ClientPool:
    """Clients with the same settings; one thread at a time uses each."""

    def __init__(
        self,
        location: Location,
        settings: EngineSettings,
        count: int = 1,
        timeout: float | None = None,
        *,
        is_logging: bool = True,
    ) -> None:
        """Open `count` clients; `timeout` is the longest wait for one in seconds.

        Without `is_logging`, the caller logs failures, because it expects some.
        """
        self._timeout = timeout
        self._is_logging = is_logging
        self._all = [_open(location, settings) for _ in range(count)]
        self._failed: set[Client] = set()
        self._idle: queue.LifoQueue[Client] = queue.LifoQueue()
        for client in self._all:
            self._idle.put(client)

    @contextmanager
    def acquire(self, timeout: float | None = None) -> Iterator[Client]:
        """Use a client. Raises Unavailable if none is free within `timeout` seconds or those of the
        pool, and QueryTooHeavy, Unavailable and the like for failures of the engine meanwhile."""
        limits = [limit for limit in (timeout, self._timeout) if limit is not None]
        try:
            client = self._idle.get(timeout=min(limits, default=None))
        except queue.Empty:
            raise Unavailable("All calculations that may run concurrently are running") from None
        try:
            self._drain(client)
            yield client
        except BaseException as error:
            self._failed.add(client)
            # Immediately, because the rest may be large; if that fails too, before the next use.
            with suppress(ClickHouseError):
                self._drain(client)
            if isinstance(error, ClickHouseError):
                raise to_tocsin_error(error, is_logging=self._is_logging) from error
            raise
        finally:
            self._idle.put(client)

    def _drain(self, client: Client) -> None:
        """Discard the rows that a failed statement had produced: the next statement on the client
        would return them ahead of its own (chDB 4.4). A statement without output discards them."""
        if client in self._failed:
            client.raw_query("SELECT 1", fmt="Null")
            self._failed.discard(client)

    @property
    def in_use(self) -> int:
        """The number of clients in use."""
        return len(self._all) - self._idle.qsize()

    def query(self, query: Query) -> list[ResultRow]:
        """The rows of a query. Raises as `acquire` does."""
        with self.acquire() as client:
            return [tuple(row) for row in client.query(query.text, query.parameters).result_rows]

    def close(self) -> None:
        for client in self._all:
            client.close()


def _open(location: Location, settings: EngineSettings) -> Client:
    try:
        client = clickhouse_connect.get_client(interface="chdb", path=location.spelling)
    except ClickHouseError as error:
        raise to_tocsin_error(error) from error
    for name, value in settings.items():
        client.set_client_setting(name, value)
    return client

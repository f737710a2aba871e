"""A pool of ClickHouse clients; each runs one statement at a time.

The pool translates the driver's exceptions to errors of `tocsin.errors`, chained to them.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from tocsin.clickhouse.connector import ANSWER_SECONDS, Connector
from tocsin.clickhouse.settings import EngineSettings
from tocsin.clickhouse.sql.query import Query, ResultRow
from tocsin.errors import Unavailable


class ClientPool:
    """Clients with the same settings; one thread at a time uses each."""

    def __init__(
        self,
        connector: Connector,
        settings: EngineSettings,
        count: int = 1,
        timeout: float | None = None,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        is_logging: bool = True,
    ) -> None:
        """At most `count` clients; `timeout` is the longest wait for one in seconds, and
        `answer_seconds` that for the answer of a server.

        Clients of a server are opened now, so that a start fails if it does not answer. Those of
        this process are opened when they are needed, or by `open_another`: each takes 10 ms of the
        start, and most are for calculations that run concurrently.

        Without `is_logging`, the caller logs failures, because it expects some.
        """
        self._connector = connector
        self._timeout = timeout
        self._is_logging = is_logging
        self._settings = settings
        self._answer_seconds = answer_seconds
        self._count = count
        self._opened: list[Client] = []
        self._is_closed = False
        self._opening = threading.Lock()
        self._failed: set[Client] = set()
        self._idle: queue.LifoQueue[Client | None] = queue.LifoQueue()
        """None for a client that is not open yet. The last one that was used is used next, so that
        no more are opened than are used concurrently."""
        for _ in range(count):
            self._idle.put(self._open() if connector.is_server else None)

    @contextmanager
    def acquire(self, timeout: float | None = None) -> Iterator[Client]:
        """Use a client. Raises Unavailable if none is free within `timeout` seconds or those of the
        pool, and QueryTooHeavy, Unavailable and the like for failures of the engine meanwhile."""
        limits = [limit for limit in (timeout, self._timeout) if limit is not None]
        try:
            idle = self._idle.get(timeout=min(limits, default=None))
        except queue.Empty:
            raise Unavailable("All calculations that may run concurrently are running") from None
        try:
            client = idle or self._open()
        except BaseException:
            self._idle.put(None)
            raise
        try:
            self._drain(client)
            yield client
        except BaseException as error:
            self._failed.add(client)
            # Immediately, because the rest may be large; if that fails too, before the next use.
            with suppress(ClickHouseError):
                self._drain(client)
            if isinstance(error, ClickHouseError):
                raise self._connector.to_tocsin_error(error, is_logging=self._is_logging) from error
            raise
        finally:
            self._idle.put(client)

    def open_another(self) -> bool:
        """Open a client before it is needed; False if all are open or in use."""
        if not self._take_unopened():
            return False
        opened: Client | None = None
        try:
            opened = self._open()
        finally:
            self._idle.put(opened)
        return True

    def _take_unopened(self) -> bool:
        """Take a client that is not open yet from the idle ones; False if there is none."""
        taken: list[Client] = []
        try:
            while client := self._idle.get_nowait():
                taken.append(client)
        except queue.Empty:
            return False
        finally:
            for client in taken:
                self._idle.put(client)
        return True

    def _open(self) -> Client:
        with self._opening:
            if self._is_closed:
                raise Unavailable("The engine is closed")
            try:
                client = self._connector.open(self._settings, self._answer_seconds)
            except ClickHouseError as error:
                raise self._connector.to_tocsin_error(error) from error
            self._opened.append(client)
            return client

    def _drain(self, client: Client) -> None:
        if client in self._failed:
            self._connector.discard_output(client)
            self._failed.discard(client)

    @property
    def in_use(self) -> int:
        """The number of clients in use."""
        return self._count - self._idle.qsize()

    def query(self, query: Query) -> list[ResultRow]:
        """The rows of a query. Raises as `acquire` does."""
        query = self.bindable(query)
        with self.acquire() as client:
            return [tuple(row) for row in client.query(query.text, query.parameters).result_rows]

    def command(self, query: Query) -> None:
        """Run a statement without rows. Raises as `acquire` does."""
        with self.acquire() as client:
            client.command(query.text, query.parameters)

    def bindable(self, query: Query) -> Query:
        """An equivalent query, whose values are short enough to be bound."""
        return self._connector.bindable(query)

    def close(self) -> None:
        with self._opening:
            self._is_closed = True
        for client in self._opened:
            client.close()

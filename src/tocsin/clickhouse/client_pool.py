"""Whose turn is it? A client of the driver runs one statement at a time.

The driver's exceptions end here: what comes out is an error of `tocsin.errors`, chained to it.
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
from tocsin.errors import Unavailable


class ClientPool:
    """ClientPool with the same settings, each lent to one thread at a time."""

    def __init__(
        self,
        location: Location,
        settings: EngineSettings,
        count: int = 1,
        patience: float | None = None,
        *,
        is_logging: bool = True,
    ) -> None:
        """Open them; `patience` is for how many seconds one who wants a client waits for it.

        Without `is_logging` a failure is logged by the caller, who expects some.
        """
        self._patience = patience
        self._is_logging = is_logging
        self._all = [_open(location, settings) for _ in range(count)]
        self._failed: set[Client] = set()
        self._idle: queue.LifoQueue[Client] = queue.LifoQueue()
        for client in self._all:
            self._idle.put(client)

    @contextmanager
    def acquire(self, patience: float | None = None) -> Iterator[Client]:
        """Raises QueryTooHeavy or Unavailable for what fails meanwhile.

        `patience` is for how many seconds at most this caller waits, if that is less."""
        limits = [limit for limit in (patience, self._patience) if limit is not None]
        try:
            client = self._idle.get(timeout=min(limits, default=None))
        except queue.Empty:
            raise Unavailable("All calculations that may run at once are running") from None
        try:
            self._drain(client)
            yield client
        except BaseException as error:
            self._failed.add(client)
            # At once, for it may be large; if that fails too, before the client is lent again.
            with suppress(ClickHouseError):
                self._drain(client)
            if isinstance(error, ClickHouseError):
                raise to_tocsin_error(error, is_logging=self._is_logging) from error
            raise
        finally:
            self._idle.put(client)

    def _drain(self, client: Client) -> None:
        """What a statement had put out before it failed would be answered to the next one, ahead of
        its own rows (chDB 4.4): a statement that puts out nothing takes it away."""
        if client in self._failed:
            client.raw_query("SELECT 1", fmt="Null")
            self._failed.discard(client)

    @property
    def in_use(self) -> int:
        """How many are in use."""
        return len(self._all) - self._idle.qsize()

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

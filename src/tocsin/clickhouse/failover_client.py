"""A client of several servers: asks another one if a server cannot answer now."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import structlog
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, ProgrammingError

from tocsin.clickhouse.errors import code_of
from tocsin.clickhouse.http_connector import HttpConnector
from tocsin.clickhouse.settings import EngineSettings
from tocsin.errors import Unavailable

log = structlog.get_logger()

T = TypeVar("T")

PATIENCE_SECONDS = 2.0
"""How long other servers are asked after the first failure of a query."""
_PAUSE_SECONDS = 0.05
# A server that did not answer is asked after the others for this time, which doubles each time.
_SUSPECT_SECONDS, _LONGEST_SUSPECT_SECONDS = 5.0, 60.0
# UNKNOWN_TABLE and UNKNOWN_DATABASE (a replica that is being added), socket and network errors,
# NO_ZOOKEEPER, TABLE_IS_READ_ONLY, ALL_CONNECTION_TRIES_FAILED, REPLICA_IS_NOT_IN_QUORUM,
# ALL_REPLICAS_ARE_STALE, KEEPER_EXCEPTION, and Poco's.
_ELSEWHERE = {60, 81, 209, 210, 225, 242, 279, 289, 369, 999, 1000, 1001, 1002}


def may_succeed_elsewhere(error: Exception) -> bool:
    """Whether another server may answer a query that failed so."""
    code = code_of(error)
    if code is None:
        return not isinstance(error, ProgrammingError)
    return code in _ELSEWHERE


class Hosts:
    """The servers of a cluster, and which of them did not answer lately. Any thread may use it."""

    def __init__(
        self,
        connectors: Sequence[HttpConnector],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.connectors = connectors
        self._monotonic = monotonic
        self._suspect_until = [float("-inf")] * len(connectors)
        self._suspect_seconds = [_SUSPECT_SECONDS] * len(connectors)

    def __len__(self) -> int:
        return len(self.connectors)

    def ordered(self, indexes: Sequence[int]) -> list[int]:
        """The servers in the order in which they should be asked."""
        now = self._monotonic()
        return sorted(indexes, key=lambda index: self._suspect_until[index] > now)

    def suspect(self, index: int) -> None:
        now = self._monotonic()
        # Several threads may find the same failure.
        if self._suspect_until[index] < now:
            seconds = self._suspect_seconds[index]
            self._suspect_until[index] = now + seconds
            self._suspect_seconds[index] = min(2 * seconds, _LONGEST_SUSPECT_SECONDS)

    def trust(self, index: int) -> None:
        self._suspect_seconds[index] = _SUSPECT_SECONDS
        self._suspect_until[index] = float("-inf")


class FailoverClient:
    """Has the methods of the driver's client that Tocsin uses; one thread at a time uses it.

    It stays with the server that answered last.
    """

    def __init__(self, hosts: Hosts, settings: EngineSettings, answer_seconds: float) -> None:
        """Connects to a server when it is first asked, because some may be away."""
        self._hosts = hosts
        self._settings = settings
        self._answer_seconds = answer_seconds
        self._clients: dict[int, Client] = {}
        self._first = random.randrange(len(hosts))

    def query(self, *args: Any, **options: Any) -> Any:
        return self._ask(lambda client: client.query(*args, **options))

    def raw_query(self, *args: Any, **options: Any) -> Any:
        return self._ask(lambda client: client.raw_query(*args, **options))

    def raw_stream(self, *args: Any, **options: Any) -> Any:
        """Another server is asked until the stream begins, not if it breaks later."""
        return self._ask(lambda client: client.raw_stream(*args, **options))

    def command(self, *args: Any, **options: Any) -> Any:
        return self._ask(lambda client: client.command(*args, **options))

    def of(self, index: int) -> Client:
        """The client of a server. Raises Unavailable."""
        if index not in self._clients:
            connector = self._hosts.connectors[index]
            self._clients[index] = connector.open(self._settings, self._answer_seconds)
        return self._clients[index]

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def _ask(self, call: Callable[[Client], T]) -> T:
        give_up_at: float | None = None
        count = len(self._hosts)
        while True:
            around = [(self._first + n) % count for n in range(count)]
            for index in self._hosts.ordered(around):
                try:
                    answer = call(self.of(index))
                except (ClickHouseError, Unavailable) as error:
                    if not isinstance(error, Unavailable) and not may_succeed_elsewhere(error):
                        raise
                    self._note(index, error)
                    # From the first failure, which may itself have taken long.
                    give_up_at = give_up_at or time.monotonic() + PATIENCE_SECONDS
                    if count == 1 or time.monotonic() > give_up_at:
                        raise
                else:
                    self._first = index
                    self._hosts.trust(index)
                    return answer
            time.sleep(_PAUSE_SECONDS)

    def _note(self, index: int, error: Exception) -> None:
        if code_of(error) is None:
            self._hosts.suspect(index)
        server = str(self._hosts.connectors[index].address)
        log.info("clickhouse server passed over", server=server, error=str(error)[:300])

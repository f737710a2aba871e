"""Clients of each ClickHouse server, for statements that are about a server or a shard.

A folder and a single server are one shard with one server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import Any, TypeVar

from tocsin.clickhouse.client_pool import ClientPool
from tocsin.clickhouse.connector import ANSWER_SECONDS, Connector
from tocsin.clickhouse.settings import EngineSettings
from tocsin.errors import Unavailable

T = TypeVar("T")


class HostPools:
    """The pools of the servers, by shard."""

    def __init__(self, shards: Sequence[Sequence[ClientPool]]) -> None:
        self._shards = shards

    def each_host(self, run: Callable[[ClientPool], T]) -> list[T]:
        """Run on every server. Raises Unavailable if one is away, after all were tried."""
        results: list[T] = []
        failure: Unavailable | None = None
        for pool in self._hosts:
            try:
                results.append(run(pool))
            except Unavailable as error:
                failure = error
        if failure:
            raise failure
        return results

    def each_reachable_host(self, run: Callable[[ClientPool], T]) -> list[T]:
        """Run on every server that answers."""
        results: list[T] = []
        for pool in self._hosts:
            with suppress(Unavailable):
                results.append(run(pool))
        return results

    def each_shard(self, run: Callable[[ClientPool], T]) -> list[T]:
        """Run on one server of each shard, on the first that answers. Raises Unavailable."""
        return [_first(shard, run) for shard in self._shards]

    def each_shard_that_answers(self, run: Callable[[ClientPool], T]) -> list[T | None]:
        """Run on one server of each shard; None for a shard of which no server answers."""
        results: list[T | None] = []
        for shard in self._shards:
            try:
                results.append(_first(shard, run))
            except Unavailable:
                results.append(None)
        return results

    @property
    def _hosts(self) -> list[ClientPool]:
        return [pool for shard in self._shards for pool in shard]


def _first(shard: Sequence[ClientPool], run: Callable[[ClientPool], T]) -> T:
    *others, last = shard
    for pool in others:
        with suppress(Unavailable):
            return run(pool)
    return run(last)


class PoolFactory:
    """Opens pools of one ClickHouse, which `closing` will close."""

    def __init__(self, connector: Connector, closing: ExitStack) -> None:
        self._connector = connector
        self._closing = closing
        self._opened: list[ClientPool] = []

    def open_another_client(self) -> bool:
        """Open a client of one of the pools before it is needed; False if none is left."""
        return any(pool.open_another() for pool in self._opened)

    def of_hosts(self, settings: EngineSettings, **options: Any) -> HostPools:
        """A pool for each server; the options are those of a pool."""
        return HostPools(
            [
                [PoolFactory(connector, self._closing)(settings, **options) for connector in shard]
                for shard in self._connector.host_connectors()
            ]
        )

    def __call__(
        self,
        settings: EngineSettings,
        count: int = 1,
        *,
        timeout: float | None = None,
        answer_seconds: float = ANSWER_SECONDS,
        is_logging: bool = True,
    ) -> ClientPool:
        """The parameters are those of ClientPool."""
        clients = ClientPool(
            self._connector,
            settings,
            count,
            timeout,
            answer_seconds=answer_seconds,
            is_logging=is_logging,
        )
        self._closing.callback(clients.close)
        self._opened.append(clients)
        return clients

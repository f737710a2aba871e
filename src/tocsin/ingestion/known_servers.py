"""The ClickHouse servers to which nodes may append, and whether this node knows all of them.

`tocsin migrate` stores the names of the servers of a cluster when their tables are ready, and a
node with a server that is not stored does not start. A node that started before servers were added
does not know them, so it cannot end the statements of others there, nor find their parts: it must
not close an append of another node. It may close its own ones, which went to servers that it knows.

The names are read from the store for each append that is to be closed: its node has begun it after
they were stored.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Protocol

from tocsin.errors import InvalidSettings, Unavailable

NAME = "clickhouse servers"
"""The name of the stored value."""


class KeyValues(Protocol):
    def get(self, name: str) -> str | None: ...

    def set(self, name: str, value: str) -> None: ...


class KnownServers:
    """Any thread may use it."""

    def __init__(self, key_values: KeyValues, names: Iterable[str]) -> None:
        """`names` are those of the servers of the cluster that this node knows."""
        self._key_values = key_values
        self._names = frozenset(names)

    def store(self) -> None:
        """From now on, nodes that know these servers may start. Raises Unavailable."""
        self._key_values.set(NAME, json.dumps(sorted(self._names)))

    def require_stored(self) -> None:
        """Raises InvalidSettings if some of these servers were added after the last migration, and
        Unavailable."""
        if new := self._names - self._stored():
            raise InvalidSettings(
                f"The cluster got ClickHouse servers ({', '.join(sorted(new))}) after the last "
                "migration: run `tocsin migrate`"
            )

    def require_all(self) -> None:
        """Raises Unavailable if nodes may append to servers that are not among these."""
        if new := self._stored() - self._names:
            raise Unavailable(
                f"The cluster got servers that this node does not know ({', '.join(sorted(new))}): "
                "restart it with the new TOCSIN_CLICKHOUSE_URL"
            )

    def _stored(self) -> frozenset[str]:
        return frozenset(json.loads(self._key_values.get(NAME) or "[]"))

"""Keeps a node that is no longer the leader from changing what only the leader may change.

A node that was stopped, or lost its network, may continue in the middle of the leader's work after
another node has become the leader. Therefore a transaction of the leader compares its epoch. A
statement to the engine is in no transaction of the store: the epoch is compared immediately before.
"""

from __future__ import annotations

from typing import Protocol

from sqlalchemy import Connection


class Fence(Protocol):
    def check(self, connection: Connection) -> None:
        """Raises Deposed unless this node is the leader; in the transaction of a change."""

    def confirm(self) -> None:
        """Raises Deposed unless this node is the leader, or Unavailable; immediately before a
        statement that changes the engine."""


class NoFence:
    """For the only process that uses a database."""

    def check(self, connection: Connection) -> None:
        pass

    def confirm(self) -> None:
        pass


NO_FENCE = NoFence()

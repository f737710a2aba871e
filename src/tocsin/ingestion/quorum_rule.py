"""Stops a node that appends without a quorum after the shards got a second replica.

A replica answers for what has a quorum. `tocsin migrate` adds the row of the log after which every
append needs one, and a node that has started with the only replica of each shard neither appends
nor calculates after that row.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Protocol

from tocsin.errors import Unavailable
from tocsin.ingestion.append_table import AppendTable
from tocsin.model.interactions.append_rows import AppendKind, AppendState, NewRow

# Longer than others take to set aside an append that does not end.
_OPEN_SECONDS = 30.0
_PAUSE_SECONDS = 0.05


class _Row(Protocol):
    @property
    def kind(self) -> AppendKind: ...


class QuorumRule:
    """Any thread may use it."""

    def __init__(self, *, has_quorum: bool) -> None:
        """`has_quorum` if the appends of this node have one, or there are no replicas at all."""
        self._has_quorum = has_quorum
        self._is_outdated = False

    def observe(self, rows: Iterable[_Row]) -> None:
        """Read rows of the log that are new."""
        if not self._has_quorum and any(row.kind is AppendKind.QUORUM for row in rows):
            self._is_outdated = True

    def check(self) -> None:
        """Raises Unavailable if this node has to be started again."""
        if self._is_outdated:
            raise Unavailable(
                "The ClickHouse cluster got replicas that this node does not know: restart it with "
                "the new TOCSIN_CLICKHOUSE_URL"
            )


def require_quorum(table: AppendTable) -> None:
    """Let no append without a quorum begin from now on, and wait until none is under way. Raises
    Unavailable."""
    with table.locked() as locked:
        tail = locked.tail()
        if tail.last == 0:
            # There was no node yet.
            return
        kind, state = AppendKind.QUORUM, AppendState.ENDED
        locked.insert(NewRow(tail.next_number, tail.last, 1, "", kind, state))
    deadline = time.monotonic() + _OPEN_SECONDS
    while any(
        row.number < tail.next_number and row.state is AppendState.OPEN for row in table.unended()
    ):
        if time.monotonic() > deadline:
            raise Unavailable("Appends of nodes do not end; try again in a moment")
        time.sleep(_PAUSE_SECONDS)

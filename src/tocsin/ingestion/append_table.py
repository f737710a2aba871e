"""The interface of the table in which nodes keep their log.

`store/appends.py` keeps it in PostgreSQL; tests keep it in memory. It has no rules of its own:
those are in `model/interactions/appends.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from tocsin.model.interactions.append_rows import (
    AppendRow,
    AppendState,
    IdRow,
    NewRow,
    Tail,
    Unended,
)


class LockedAppends(Protocol):
    """The log in a transaction under its lock; no node begins an append meanwhile."""

    def tail(self) -> Tail: ...

    def ids_after(self, number: int, unended: Collection[int]) -> Sequence[IdRow]:
        """The rows after one, and those of the `unended` ones that exist, in order; ids for the
        former only."""

    def insert(self, row: NewRow) -> None: ...

    def end(self, number: int, node: str) -> AppendState | None:
        """End a row; returns its state before, None if it had ended and may have been removed."""


class AppendTable(Protocol):
    """Every method may raise Unavailable."""

    def locked(self) -> AbstractContextManager[LockedAppends]:
        """A transaction under the lock of the log; an exception rolls it back."""

    def after(self, passed: int, seen: int) -> Sequence[AppendRow]:
        """The rows after `passed`, in order; news only of those after `seen`."""

    def end_open(self, number: int, node: str) -> bool:
        """End an open row; False if it is not open. The same node may repeat it."""

    def set_aside(self, numbers: Collection[int]) -> Sequence[int]:
        """Set rows aside, if they are open; returns the numbers of those that were."""

    def unended(self) -> Sequence[Unended]:
        """The rows that have not ended, in order."""

    def recent_ids(self, seconds: float) -> Sequence[IdRow]:
        """The rows from the first one on that has not ended, or did within the last seconds, in
        order; at least the last row."""

    def prune(self) -> None:
        """Remove the rows before the first one that has not ended, or did within the last hour, but
        not the last row."""

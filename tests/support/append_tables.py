"""An append log in memory, with the rules of the one in PostgreSQL, and faults on demand."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum

from tocsin.errors import Unavailable
from tocsin.model.interactions.append_rows import (
    AppendRow,
    AppendState,
    IdRow,
    NewRow,
    Tail,
    Unended,
)


class Fault(Enum):
    """The next change fails, without effect or after its effect."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Stored:
    row: NewRow
    ended_by: str = ""


class MemoryAppends:
    """Implements AppendTable and LockedAppends. All rows that are not pruned count as recent."""

    def __init__(self) -> None:
        self.rows: dict[int, Stored] = {}
        self.fault: Fault | None = None
        self.age = 1.0
        self._lock = threading.RLock()

    @contextmanager
    def locked(self) -> Iterator[MemoryAppends]:
        with self._lock:
            before = dict(self.rows)
            try:
                yield self
                if self.rows != before:
                    self._fail(Fault.BEFORE)
            except BaseException:
                self.rows = before
                raise
            if self.rows != before:
                self._fail(Fault.AFTER)

    def tail(self) -> Tail:
        if not self.rows:
            return Tail(0, 1, 0)
        last = self.rows[max(self.rows)].row
        return Tail(last.number, last.number + last.count, 0)

    def ids_after(self, number: int, unended: Collection[int]) -> Sequence[IdRow]:
        return [
            _ids(row) if row.number > number else replace(_ids(row), ids=b"", generated=0)
            for row in self._ordered()
            if row.number > number or row.number in unended
        ]

    def insert(self, row: NewRow) -> None:
        assert row.previous == self.tail().last
        assert row.number >= self.tail().next_number
        self.rows[row.number] = Stored(row)

    def end(self, number: int, node: str) -> AppendState | None:
        before = self._state(number)
        if before in (None, AppendState.ENDED):
            return None
        self._set(number, AppendState.ENDED, node)
        return before

    def after(self, passed: int, seen: int) -> Sequence[AppendRow]:
        with self._lock:
            return [
                AppendRow(
                    row.number,
                    row.previous,
                    row.count,
                    row.node,
                    row.kind,
                    row.state,
                    row.news if row.number > seen else b"",
                )
                for row in self._ordered()
                if row.number > passed
            ]

    def end_open(self, number: int, node: str) -> bool:
        with self._lock:
            self._fail(Fault.BEFORE)
            if self._state(number) is AppendState.OPEN:
                self._set(number, AppendState.ENDED, node)
            self._fail(Fault.AFTER)
            return number in self.rows and self.rows[number].ended_by == node

    def set_aside(self, numbers: Collection[int]) -> Sequence[int]:
        with self._lock:
            self._fail(Fault.BEFORE)
            opened = [n for n in numbers if self._state(n) is AppendState.OPEN]
            for number in opened:
                self._set(number, AppendState.ASIDE)
            self._fail(Fault.AFTER)
            return opened

    def unended(self) -> Sequence[Unended]:
        with self._lock:
            return [
                Unended(r.number, r.count, r.node, r.state, r.staged, r.news, self.age)
                for r in self._ordered()
                if r.state is not AppendState.ENDED
            ]

    def recent_ids(self, seconds: float) -> Sequence[IdRow]:
        assert seconds >= 0
        with self._lock:
            return [_ids(row) for row in self._ordered()]

    def prune(self) -> None:
        """Remove all rows before the first one that has not ended, except for the last one."""
        with self._lock:
            kept = [row.number for row in self._ordered() if row.state is not AppendState.ENDED]
            first = min([*kept, max(self.rows)])
            self.rows = {n: stored for n, stored in self.rows.items() if n >= first}

    def _ordered(self) -> list[NewRow]:
        return [self.rows[number].row for number in sorted(self.rows)]

    def _state(self, number: int) -> AppendState | None:
        """None if the row was removed."""
        return self.rows[number].row.state if number in self.rows else None

    def _set(self, number: int, state: AppendState, node: str = "") -> None:
        self.rows[number] = Stored(replace(self.rows[number].row, state=state), node)

    def _fail(self, at: Fault) -> None:
        if self.fault is at:
            self.fault = None
            raise Unavailable


def _ids(row: NewRow) -> IdRow:
    return IdRow(row.number, row.previous, row.kind, row.state, row.ids, row.seed, row.generated)

"""Closes the appends that their nodes do not end: those of dead nodes, and own ones of unknown
outcome.

On replicas, an own append of unknown outcome is repeated under its token until it is stored: a part
of it may be on a replica that does not answer. On one server, and for dead nodes, its statement is
killed, and the engine is asked for its numbers.

Such an append is set aside first, so that it holds up no other. It is closed some seconds later,
when its statement cannot begin any more: a node sends no block unless it has held its lock within
the last seconds (`NodeLock.is_certain`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Protocol

import structlog

from tocsin.errors import TocsinError
from tocsin.ingestion.append_table import AppendTable
from tocsin.ingestion.shared_append_log import SharedAppendLog, query_id_of
from tocsin.model.interactions.append_rows import AppendState, Unended, split_ids
from tocsin.process.worker import Worker

log = structlog.get_logger()

INTERVAL_SECONDS = 0.2
# An append of a living node that takes longer holds up the others no more.
SLOW_SECONDS = 5.0
# The wait before an append is closed, from the time at which it seems to be abandoned.
OWN_SECONDS, DEAD_SECONDS = 2.0, 4.0
# A node that connects to the database again has no lock for a moment.
MISSED_LOOKS = 3
LEARN_SECONDS, PRUNE_SECONDS = 5.0, 60.0


class AppendedNumbers(Protocol):
    """The part of the engine that ends appends and finds their interactions; see Engine."""

    def unsettled_appends(self) -> set[str]: ...

    def forget_appends(self, query_ids: set[str]) -> None: ...

    def repeat_append(self, query_id: str, check: Callable[[], object]) -> bool: ...

    def kill_append(self, query_id: str) -> None: ...

    def numbers_present(self, first: int, last: int) -> set[int]: ...


class AppendKeeper(Worker):
    """Runs on every node, and keeps its log up to date. `oldest_seconds` is the age of the oldest
    append that has not ended."""

    def __init__(
        self,
        append_log: SharedAppendLog,
        table: AppendTable,
        living_nodes: Callable[[], Collection[str]],
        engine: AppendedNumbers,
        settle: Callable[[Collection[bytes]], object],
        require_all_servers: Callable[[], object],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`settle` decides the staged deliveries of interactions, given by their ids.
        `require_all_servers` raises Unavailable if others may append to a server that this node
        does not know."""
        super().__init__("append keeper")
        self.oldest_seconds = 0.0
        self._log = append_log
        self._table = table
        self._living_nodes = living_nodes
        self._engine = engine
        self._settle = settle
        self._require_all_servers = require_all_servers
        self._monotonic = monotonic
        self._abandoned: dict[int, float] = {}
        self._missed: dict[str, int] = {}
        self._learn_at = self._prune_at = monotonic()

    def run_once(self) -> float:
        self._log.keep_up()
        # In this order: the row of each was there before.
        unsettled = self._log.unsettled.numbers
        unended = self._table.unended()
        self._forget(unsettled - {row.number for row in unended})
        self.oldest_seconds = max((row.age for row in unended), default=0.0)
        self._keep(unended)
        now = self._monotonic()
        if now >= self._learn_at:
            self._log.learn_ids()
            self._learn_at = now + LEARN_SECONDS
        if now >= self._prune_at:
            self._table.prune()
            self._prune_at = now + PRUNE_SECONDS
        return INTERVAL_SECONDS

    def _keep(self, unended: Sequence[Unended]) -> None:
        """Set appends aside, and close the abandoned ones when their time has come."""
        dead = self._dead_nodes({row.node for row in unended if row.node != self._log.node})
        abandoned = [row for row in unended if self._is_abandoned(row, dead)]
        aside = [
            row.number
            for row in unended
            if row.state is AppendState.OPEN and (row in abandoned or row.age > SLOW_SECONDS)
        ]
        # Some may have ended since they were read.
        if aside and (numbers := self._table.set_aside(aside)):
            log.warning("appends set aside", numbers=numbers)
        now = self._monotonic()
        since = {row.number: self._abandoned.get(row.number, now) for row in abandoned}
        self._abandoned = since
        for row in abandoned:
            wait = OWN_SECONDS if row.node == self._log.node else DEAD_SECONDS
            if now - since[row.number] >= wait:
                self._close(row)

    def _forget(self, ended: Collection[int]) -> None:
        """Others have closed these appends of this node."""
        self._log.unsettled.forget(ended)
        self._engine.forget_appends(set(map(query_id_of, ended)))

    def _is_abandoned(self, row: Unended, dead: Collection[str]) -> bool:
        if row.node == self._log.node:
            return not self._log.is_under_way(row.number)
        return row.node in dead

    def _dead_nodes(self, others: Collection[str]) -> set[str]:
        living = self._living_nodes() if others else ()
        self._missed = {n: self._missed.get(n, 0) + 1 for n in others if n not in living}
        return {node for node, missed in self._missed.items() if missed >= MISSED_LOOKS}

    def _close(self, row: Unended) -> None:
        try:
            self._end(row)
            present = self._engine.numbers_present(row.number, row.last)
            if row.staged:
                self._settle(split_ids(row.staged))
            self._log.close_found(row, is_recorded=bool(present))
        except TocsinError as error:
            # The next run tries again.
            log.warning("append not closed", number=row.number, reason=error.detail)
        else:
            log.warning("append closed", number=row.number, of=row.count, recorded=len(present))

    def _end(self, row: Unended) -> None:
        """Let nothing append the block of a row any more. Raises Unavailable if that is not
        certain."""
        if row.node != self._log.node:
            self._require_all_servers()
        query_id = query_id_of(row.number)
        if query_id in self._engine.unsettled_appends():
            if self._log.unsettled.may_repeat(row.number):
                check = partial(self._log.unsettled.check_repeat, row.number)
                if self._engine.repeat_append(query_id, check):
                    return
            self._engine.forget_appends({query_id})
        self._engine.kill_append(query_id)

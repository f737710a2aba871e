"""The log of several nodes, in a table that they share.

The rules are in `model/interactions/appends.py`. A node that dies leaves open rows; the others
close them (`append_keeper.py`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

import structlog

from tocsin.errors import Unavailable
from tocsin.ingestion.append_follower import BEHIND, AppendFollower
from tocsin.ingestion.append_ids import AppendIds
from tocsin.ingestion.append_log import Append, NotBegun
from tocsin.ingestion.append_news import Knowledge, NewBlock, News, encode_news
from tocsin.ingestion.append_table import AppendTable, LockedAppends
from tocsin.ingestion.quorum_rule import QuorumRule
from tocsin.ingestion.unsettled_appends import UnsettledAppends
from tocsin.model.interactions.append_rows import (
    AppendKind,
    AppendState,
    NewRow,
    Tail,
    Unended,
    split_ids,
)
from tocsin.model.interactions.appends import MissedAppends
from tocsin.process.events import Events

log = structlog.get_logger()

# The longest wait for appends with lower numbers. Keepers set aside open appends earlier.
ORDER_SECONDS = 30.0
# Shorter than the time that others wait for the lock of the log.
QUIET_SECONDS = 3.0
_JOIN_SECONDS = 10.0
_QUIET_PAUSE = 0.005


class NodeLease(Protocol):
    @property
    def is_certain(self) -> bool:
        """Whether no other node can regard this one as dead now, nor within a second."""

    @property
    def session(self) -> int:
        """Another number than before means that others may have regarded it as dead meanwhile."""


def query_id_of(number: int) -> str:
    return f"tocsin-append-{number}"


class SharedAppendLog:
    """One thread begins, ends and sets aside; any number of threads follow."""

    def __init__(
        self,
        table: AppendTable,
        node: str,
        lease: NodeLease,
        knowledge: Knowledge,
        events: Events,
        quorum: QuorumRule,
        *,
        first_number: int,
        seconds_open: float,
    ) -> None:
        """Join the log. The first number to assign is at least `first_number`; the knowledge has
        all interactions whose appends ended `seconds_open` seconds ago. Raises Unavailable."""
        self.node = node
        self.known_ids = 0
        self._table = table
        self._lease = lease
        self._knowledge = knowledge
        self._ids = AppendIds(knowledge, quorum)
        self._follower = AppendFollower(table, knowledge, events, node, quorum)
        self._first_number = first_number
        # Guards what follows, and is never taken by a thread that holds the follower's lock.
        self._beginning = threading.Lock()
        self._catalog: int | None = None
        # The rows that this node will end itself.
        self._under_way: dict[int, NewRow] = {}
        self.unsettled = UnsettledAppends(self.check_open)
        self._join(seconds_open)

    @property
    def watermark(self) -> int:
        """The number up to which everything could be read when this node joined."""
        return self._follower.watermark

    @property
    def seconds_behind(self) -> float:
        """The age of this node's last look at the log."""
        return self._follower.seconds_behind

    def begin(self, block: NewBlock) -> Append:
        if self._follower.has_missed:
            raise Unavailable(BEHIND)
        session = self._lease.session
        with self._beginning:
            if block.known_ids != self.known_ids:
                raise NotBegun
            news = News.of(block)
            while True:
                if missing := self._knowledge.missing_entries(block.interactions):
                    raise NotBegun(deleted=missing)
                number = self._begin(block, news)
                if number is not None:
                    break
        for at, interaction in enumerate(block.interactions, number):
            interaction.interaction_number = at
        return Append(number, block.interactions, f"tocsin-{number}", query_id_of(number), session)

    def check_open(self, append: Append) -> None:
        if append.session != self._lease.session or not self._lease.is_certain:
            raise Unavailable("This node has lost its lock in the database; try again in a moment")

    def end(self, append: Append) -> None:
        self._follower.wait_until_passed(self.close(append), ORDER_SECONDS)

    def close(self, append: Append) -> int:
        """End the row of an append, without waiting for others; returns the number of the row that
        makes it known. After a failure, the keeper closes it."""
        row = self._under_way[append.first]
        try:
            return self._close(row)
        except BaseException:
            self._doubt(row)
            raise
        finally:
            del self._under_way[row.number]

    def set_aside(self, append: Append) -> None:
        self.unsettled.add(append)
        row = self._under_way.pop(append.first)
        self._doubt(row)
        # After a failure, the row stays open until the keeper sets it aside.
        with suppress(Unavailable):
            self._table.set_aside([row.number])

    def has_passed(self, number: int) -> bool:
        return self._follower.has_passed(number)

    def check_recorded(self, numbers: dict[bytes, int]) -> None:
        unended = self._table.unended()
        # After that: a row that has ended late was followed by its LATE row.
        self._follower.follow()
        if self._follower.is_late_ahead:
            raise NotBegun(waiting=numbers)
        first_open = min((r.number for r in unended if r.state is AppendState.OPEN), default=None)
        waiting = {id for id, n in numbers.items() if first_open is not None and n >= first_open}
        aside = [row for row in unended if row.state is AppendState.ASIDE]
        in_doubt = {
            id for id, n in numbers.items() if any(row.number <= n <= row.last for row in aside)
        }
        if waiting or in_doubt:
            raise NotBegun(waiting=waiting - in_doubt, in_doubt=in_doubt)

    def staged(self) -> set[bytes]:
        return {id for row in self._table.unended() for id in split_ids(row.staged)}

    def follow(self) -> None:
        self._follower.follow()

    def keep_up(self) -> None:
        """Do the tasks that need no append and no calculation. Raises Unavailable."""
        if self._follower.has_missed:
            self._rejoin()
        self._follower.follow()

    def learn_ids(self) -> None:
        """Learn the ids of other appends, so that a node that appends nothing does not miss rows.
        Raises Unavailable."""
        with self._beginning, self._table.locked() as locked:
            # Questions to the engine that are under way may have missed them.
            self.known_ids += 1
            self._learn(locked, locked.tail(), ())

    def is_under_way(self, number: int) -> bool:
        """Whether this node will end a row of its own."""
        return number in self._under_way

    def close_found(self, row: Unended, *, is_recorded: bool) -> None:
        """End a row that nobody else ends. Nothing appends its block any more, and it is known
        whether some of it is recorded. Raises Unavailable."""
        with self._table.locked() as locked:
            before = locked.end(row.number, self.node)
            if before is AppendState.ASIDE and is_recorded:
                self._insert(locked, AppendKind.LATE, news=row.news)
        self.unsettled.forget([row.number])

    @contextmanager
    def quiet(self) -> Iterator[Callable[[], object]]:
        deadline = time.monotonic() + QUIET_SECONDS
        with self._table.locked() as locked:
            while unended := self._table.unended():
                is_aside = all(row.state is AppendState.ASIDE for row in unended)
                if is_aside or time.monotonic() > deadline:
                    raise Unavailable("Interactions are being recorded; try again in a moment")
                time.sleep(_QUIET_PAUSE)
            yield locked.tail

    def _begin(self, block: NewBlock, news: News) -> int | None:
        """The number of the row, None if the catalog has changed elsewhere."""
        row = None
        try:
            with self._table.locked() as locked:
                tail = locked.tail()
                self._learn(locked, tail, block.given)
                if tail.catalog == self._catalog:
                    sent = self._knowledge.add_types(news)
                    row = self._row_of(block, news, tail)
                    # Before the commit, after which any thread may pass the row.
                    self._under_way[row.number] = row
                    self._follower.expect(row.number, block.interactions)
                    locked.insert(row)
        except BaseException:
            if row:
                # It may be in the log: then the keeper closes it.
                del self._under_way[row.number]
                self._follower.forget(row.number)
            raise
        if row is None:
            self._knowledge.refresh_entries()
            self._catalog = tail.catalog
            return None
        self._knowledge.confirm_types(sent)
        self._ids.skip(row.number)
        return row.number

    def _row_of(self, block: NewBlock, news: News, tail: Tail) -> NewRow:
        return NewRow(
            max(tail.next_number, self._first_number),
            tail.last,
            len(block.interactions),
            self.node,
            AppendKind.BLOCK,
            AppendState.OPEN,
            encode_news(news),
            b"".join(block.given),
            block.seed,
            block.generated,
            b"".join(block.staged),
        )

    def _learn(self, locked: LockedAppends, tail: Tail, given: Collection[bytes]) -> None:
        try:
            self._ids.learn(locked, tail, given)
        except MissedAppends:
            self._follower.has_missed = True
            raise Unavailable(BEHIND) from None

    def _close(self, row: NewRow) -> int:
        if self._table.end_open(row.number, self.node):
            return row.number
        with self._table.locked() as locked:
            before = locked.end(row.number, self.node)
            if before is AppendState.OPEN:
                return row.number
            # Others have passed it, because it took long, or because this node seemed to be dead.
            log.warning("append ended late", number=row.number, state=before)
            return self._insert(locked, AppendKind.LATE, news=row.news)

    def _doubt(self, row: NewRow) -> None:
        """Compare later blocks with the ids of an own append whose outcome is unknown."""
        with self._beginning:
            self._ids.doubt(row.number, row.ids)

    def _insert(self, locked: LockedAppends, kind: AppendKind, *, news: bytes = b"") -> int:
        """Insert a row without interactions, which has ended; returns its number."""
        tail = locked.tail()
        number = max(tail.next_number, self._first_number)
        row = NewRow(number, tail.last, 1, self.node, kind, AppendState.ENDED, news)
        locked.insert(row)
        return number

    def _join(self, seconds: float) -> None:
        """Follow from the oldest append on that has not ended, or did within the last seconds."""
        with self._table.locked() as locked:
            self._insert(locked, AppendKind.JOIN)
        # The row of the join is one of them.
        rows = self._table.recent_ids(seconds + _JOIN_SECONDS)
        self._ids.begin_at(rows)
        self._follower.begin_at(rows[0])

    def _rejoin(self) -> None:
        """Join again after a long absence, in which rows were removed."""
        with self._beginning, self._follower.lock:
            self._join(0.0)
            self._knowledge.relearn()
            self._follower.has_missed = False
            self._follower.publish_missed()

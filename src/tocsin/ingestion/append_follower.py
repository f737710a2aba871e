"""Follows the log of several nodes: learns of appends when they begin, and publishes each when it
and all before it have ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from tocsin.errors import Unavailable
from tocsin.ingestion.append_news import Knowledge, decode_news
from tocsin.ingestion.append_table import AppendTable
from tocsin.ingestion.quorum_rule import QuorumRule
from tocsin.model.interactions.append_rows import AppendKind, AppendRow, AppendState, IdRow
from tocsin.model.interactions.appends import LogPosition, MissedAppends
from tocsin.model.interactions.interaction import Interaction
from tocsin.process.events import Events, InteractionsFollowed, InteractionsRecorded

BEHIND = "This node was away for long, and reads what it missed; try again in a moment"
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.0005, 0.01
_WITHOUT_INTERACTIONS = (AppendKind.JOIN, AppendKind.QUORUM)


class AppendFollower:
    """Any number of threads may follow; the rows are published in order."""

    def __init__(
        self,
        table: AppendTable,
        knowledge: Knowledge,
        events: Events,
        node: str,
        quorum: QuorumRule,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`begin_at` has to be called before anything else."""
        self.lock = threading.RLock()
        """Held while rows are read and published."""
        self.has_missed = False
        """Whether rows were removed unread, so that the node has to join again."""
        self.watermark = 0
        """The number up to which everything could be read when the node joined."""
        self._table = table
        self._knowledge = knowledge
        self._events = events
        self._node = node
        self._quorum = quorum
        self._monotonic = monotonic
        self._looked = float("-inf")
        self._own: dict[int, Sequence[Interaction]] = {}
        self._position = LogPosition(0)
        self._published = 0

    @property
    def seconds_behind(self) -> float:
        """The age of the last look at the log."""
        return self._monotonic() - self._looked

    def begin_at(self, first: IdRow) -> None:
        """Follow from a row on, after the node has joined."""
        self._position = LogPosition(first.previous)
        self.watermark = first.number - 1
        self._own = {n: rows for n, rows in self._own.items() if n >= first.number}
        self._looked = self._monotonic()

    def publish_missed(self) -> None:
        """Everything may have changed between two positions."""
        number = max(self.watermark, self._published)
        self._events.publish(InteractionsFollowed([], [], number, is_late=True))

    def expect(self, number: int, interactions: Sequence[Interaction]) -> None:
        """A row of this node, before it is in the log: publish its interactions themselves."""
        self._own[number] = interactions

    def forget(self, number: int) -> None:
        """The row may not be in the log; otherwise, publish it like those of other nodes."""
        self._own.pop(number, None)

    def follow(self) -> None:
        """Publish the rows that can be passed. Raises Unavailable."""
        if self.has_missed:
            raise Unavailable(BEHIND)
        called = self._monotonic()
        with self.lock:
            # A look that began after the call serves every caller that waited for it.
            if self._looked < called:
                self._look()
        self._quorum.check()

    @property
    def is_late_ahead(self) -> bool:
        """Whether interactions appeared late that nodes cannot count yet."""
        return self._position.is_late_ahead

    def has_passed(self, number: int) -> bool:
        """Whether a row has ended and was published here, and so did all before it."""
        return self._position.passed >= number

    def wait_until_passed(self, number: int, seconds: float) -> None:
        """Follow until a row is passed. Raises Unavailable if others do not end their appends."""
        deadline = self._monotonic() + seconds
        pause = _SHORTEST_PAUSE
        while True:
            self.follow()
            if self.has_passed(number):
                return
            if self._monotonic() > deadline:
                raise Unavailable("Other nodes do not end their appends; try again in a moment")
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _look(self) -> None:
        began = self._monotonic()
        position = self._position
        rows = self._table.after(position.passed, position.seen)
        try:
            new, passed = position.observe(rows)
        except MissedAppends:
            self.has_missed = True
            raise Unavailable(BEHIND) from None
        self._quorum.observe(new)
        for row in new:
            if row.node != self._node:
                self._knowledge.widen(decode_news(row.news))
        for row in passed:
            self._publish(row)
        self._looked = began

    def _publish(self, row: AppendRow) -> None:
        interactions = self._own.pop(row.number, None)
        if row.state is AppendState.ASIDE or row.kind in _WITHOUT_INTERACTIONS:
            return
        # After a node has joined again, it publishes some rows a second time.
        self._published = max(self._published, row.last)
        if interactions is not None:
            self._events.publish(InteractionsRecorded(interactions))
        else:
            is_late = row.kind is AppendKind.LATE
            event = decode_news(row.news).event(self._published, is_late=is_late)
            self._events.publish(event)

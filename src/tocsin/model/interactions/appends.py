"""The protocol by which nodes append to one table, so that "all up to a number" is one integer.

All nodes share a log. An append is a row of it, and goes through these steps:

1. *begin*, under the lock of the log: the node compares the ids of its block with those of other
   appends (`OtherIds`), assigns the next numbers to its interactions, and writes an open row.
2. The node sends the block to the engine.
3. *end*: the row ends, whether the append succeeded or failed. The node answers the senders when it
   has *passed* the row (`LogPosition`): when this row and all rows before it have ended.

Every node passes rows in the order of their numbers, and stops at an open one. So when a sender has
its answer, no node counts "all up to N" without its interactions, if it follows the log first.

        begin               end
    ---------->  OPEN  -------------->  ENDED
                  |                       ^
       set aside  |                       |  close: nothing appends it any more, and it is known
                  +------>  ASIDE  -------+  what was recorded. Then a LATE row follows.

An append is *set aside* if its outcome is unknown, if its node is dead, or if it is very slow: the
others pass it, and do not know whether its interactions are recorded. Later it is *closed*: any
node kills its statement, asks the engine for its numbers, and ends the row. If something was
recorded, numbers that were passed have appeared: a LATE row makes all nodes discard what they have
derived from the interactions. A node that finds its own append set aside or closed when it ends it
writes a LATE row, too, and answers when it has passed that.

Interactions with an id of an append that is open wait; those with an id of one that is aside are
refused until it is closed. A repeat of an interaction that is recorded is answered when every node
can count it: when no row is open up to its own, or up to the LATE row that made it known. A node
that may be dead to others must not send a block: it sends only
while it knows that it holds its lock (`ingestion/append_keeper.py`).

Everything here is free of I/O; `ingestion/shared_append_log.py` adds the database.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from tocsin.model.interactions.append_rows import (
    AppendKind,
    AppendRow,
    AppendState,
    IdRow,
    split_ids,
)


class MissedAppends(Exception):
    """Rows were removed from the log before this node read them."""


class LogPosition:
    """The rows that a node has seen, and those of them that it has passed."""

    def __init__(self, previous: int) -> None:
        """`previous` is the number of the row before the first one to observe, 0 for none."""
        self._seen = previous
        self._passed = previous
        self._ahead: dict[int, AppendRow] = {}

    @property
    def is_late_ahead(self) -> bool:
        """Whether interactions have appeared that are not counted yet, because a row before the
        LATE row is open."""
        return any(row.kind is AppendKind.LATE for row in self._ahead.values())

    @property
    def seen(self) -> int:
        """The number of the last row that was observed."""
        return self._seen

    @property
    def passed(self) -> int:
        """The number of the last row up to which none is open."""
        return self._passed

    def observe(self, rows: Sequence[AppendRow]) -> tuple[list[AppendRow], list[AppendRow]]:
        """The rows that are new, and the rows that are passed now, in order.

        `rows` are all rows after the last one passed, in order; those that were seen before need no
        news. Raises MissedAppends.
        """
        if rows and rows[0].previous != self._passed:
            raise MissedAppends
        new = [row for row in rows if row.number > self._seen]
        for row in new:
            if row.previous != self._seen:
                raise MissedAppends
            self._seen = row.number
            self._ahead[row.number] = row
        passed = []
        for row in rows:
            if row.state is AppendState.OPEN:
                break
            self._passed = row.number
            passed.append(replace(row, news=self._ahead.pop(row.number).news))
        return new, passed


@dataclass(frozen=True, slots=True)
class SharedIds:
    """The ids of a block that other appends have, too."""

    recorded: frozenset[bytes] = frozenset()
    """In an append that has ended since the engine was asked, which must be asked again."""
    waiting: frozenset[bytes] = frozenset()
    """In an open append."""
    in_doubt: frozenset[bytes] = frozenset()
    """In an append that was set aside."""

    def __bool__(self) -> bool:
        return bool(self.recorded or self.waiting or self.in_doubt)


@dataclass(slots=True)
class OtherIds:
    """The ids that a question to the engine may have missed.

    A node learns the ids of all other appends, and asks the engine for those of a block that it has
    learnt. The engine may not have an id yet whose append had not ended when it was learnt, and is
    not asked for an id that is learnt after the question. Such ids are compared exactly.
    """

    learnt: int
    """The number of the last row whose ids are known."""
    unended: dict[int, bytes] = field(default_factory=dict)
    """The ids of the rows that had not ended, by number."""

    def learn(self, rows: Iterable[IdRow], given: Collection[bytes]) -> tuple[SharedIds, bytes]:
        """Those of the ids `given` that the rows have, and all ids that are new.

        The rows are those after `learnt` and those in `unended`, in order; the former have all
        their ids in `ids`. Raises MissedAppends, after which the object is of no more use."""
        by_state: dict[AppendState, set[bytes]] = {state: set() for state in AppendState}
        new = []
        sought = set(given)
        before, self.unended = self.unended, {}
        rows = list(rows)
        if not before.keys() <= {row.number for row in rows}:
            raise MissedAppends
        for row in rows:
            ids = before.get(row.number, row.ids)
            if row.number > self.learnt:
                if row.previous != self.learnt:
                    raise MissedAppends
                self.learnt = row.number
                new.append(row.ids)
            if row.state is not AppendState.ENDED:
                self.unended[row.number] = ids
            if sought and ids:
                by_state[row.state] |= sought.intersection(split_ids(ids))
        shared = SharedIds(
            frozenset(by_state[AppendState.ENDED]),
            frozenset(by_state[AppendState.OPEN]),
            frozenset(by_state[AppendState.ASIDE]),
        )
        return shared, b"".join(new)

"""Assigns the numbers of interactions, and publishes each append in the order of the numbers.

Every append begins and ends in a log. With one process the log is a counter in memory; several
nodes share one in their database, so that each knows the appends of the others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from tocsin.ingestion.append_news import NewBlock
from tocsin.model.interactions.interaction import Interaction
from tocsin.process.events import Events, InteractionsRecorded


@dataclass(frozen=True, slots=True)
class Append:
    """A block between its `begin` and its `end`; its interactions have consecutive numbers, from
    `first` on."""

    first: int
    interactions: Sequence[Interaction]
    token: str | None = None
    """By which a server stores the block once, even if a proxy sends it twice."""
    query_id: str | None = None
    """Marks the statement of the append on a server, so that any node can end it."""
    session: int = 0
    """The session of the node's lock before the append began."""


class NotBegun(Exception):
    """Some interactions of a block cannot be appended now; nothing was written. Without any ids,
    the engine has to be asked again for those of the block."""

    def __init__(
        self,
        *,
        recorded: Collection[bytes] = (),
        waiting: Collection[bytes] = (),
        in_doubt: Collection[bytes] = (),
        deleted: Collection[bytes] = (),
    ) -> None:
        """Ids of interactions that another append has, too: it has ended since the engine was
        asked, has not ended, or has an unknown outcome. `deleted` are ids of catalog entries."""
        self.recorded = frozenset(recorded)
        self.waiting = frozenset(waiting)
        self.in_doubt = frozenset(in_doubt)
        self.deleted = frozenset(deleted)
        super().__init__()


class AppendLog(Protocol):
    """The committer begins and ends; whatever calculates follows."""

    known_ids: int
    """Changes whenever ids of other nodes were added to the id filter outside of `begin`: a block
    needs its value from before the filter was asked."""

    @property
    def watermark(self) -> int:
        """The number up to which everything could be read when this log was opened."""

    def begin(self, block: NewBlock) -> Append:
        """Number the interactions of a block, of which there is at least one, and announce their
        append. Raises NotBegun or Unavailable."""

    def check_open(self, append: Append) -> None:
        """Called immediately before the block is sent to the engine. Raises Unavailable if other
        nodes may have regarded this one as dead since the append began, or soon may, so that they
        close it."""

    def end(self, append: Append) -> None:
        """The append has succeeded or failed. Returns after every append with lower numbers has
        ended and was published, and so was this one. Raises Unavailable."""

    def set_aside(self, append: Append) -> None:
        """The outcome of the append is unknown: it ends later, and holds up no other."""

    def check_recorded(self, numbers: dict[bytes, int]) -> None:
        """Raises NotBegun for those of the recorded interactions, given by id with their numbers,
        that not every node can read yet. Raises Unavailable."""

    def staged(self) -> Collection[bytes]:
        """The ids of interactions with deliveries whose append another node has not ended. Raises
        Unavailable."""

    def follow(self) -> None:
        """Publish the appends of other nodes that have ended by now. Raises Unavailable."""

    def quiet(self) -> AbstractContextManager[Callable[[], object]]:
        """While it is held, no append is under way on any node, and none begins. The function
        raises Unavailable if it is no longer held, as entering does if it cannot be held."""


class LocalAppendLog:
    """The log of the only process: it begins one append after the end of the one before."""

    known_ids = 0

    def __init__(self, first_number: int, events: Events) -> None:
        self.watermark = first_number - 1
        self._next_number = first_number
        self._events = events
        self._appending = threading.Lock()

    def begin(self, block: NewBlock) -> Append:
        self._appending.acquire()
        first = number = self._next_number
        for interaction in block.interactions:
            interaction.interaction_number = number
            number += 1
        self._next_number = number
        return Append(first, block.interactions)

    def check_open(self, append: Append) -> None:
        """Nobody else closes appends."""

    def end(self, append: Append) -> None:
        try:
            self._events.publish(InteractionsRecorded(append.interactions))
        finally:
            self._appending.release()

    def set_aside(self, append: Append) -> None:
        """The engine answers when nothing is being written any more."""
        self.end(append)

    def check_recorded(self, numbers: dict[bytes, int]) -> None:
        """Everything recorded can be read."""

    def staged(self) -> Collection[bytes]:
        return ()

    def follow(self) -> None:
        """Nobody else appends."""

    @contextmanager
    def quiet(self) -> Iterator[Callable[[], object]]:
        with self._appending:
            yield lambda: None

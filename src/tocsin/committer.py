"""The one thread that appends: whatever waits goes to the engine as one block.

While the engine writes a block, the next ones gather; no timer is needed. Every caller gets its
own outcomes, and only after the engine has the block on disk.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from enum import Enum
from typing import NamedTuple, Protocol

import structlog

from tocsin.engine.engine import BadBlock, Engine
from tocsin.errors import TocsinError, Unavailable
from tocsin.ids import new_ids
from tocsin.model.interaction import Interaction

log = structlog.get_logger()

GROUP_ROWS = 10_000
GROUP_BYTES = 32 * 1024 * 1024
PATIENCE_SECONDS = 0.010


class Outcome(Enum):
    RECORDED = "recorded"
    DUPLICATE = "duplicate"


class Refused(NamedTuple):
    """The engine cannot keep this interaction."""

    reason: str


Outcomes = list[Outcome | Refused]


class _Submitted(NamedTuple):
    """Interactions that are answered together, and how many callers sent them."""

    interactions: Sequence[Interaction]
    callers: int
    future: Future[Outcomes]


class Outbox(Protocol):
    """Whoever has to be told of what is recorded."""

    def staged(
        self, interactions: Sequence[Interaction]
    ) -> AbstractContextManager[dict[bytes, Refused]]:
        """Around an append: what was refused is put into the dict, by its id."""


class Committer:
    """Gives each interaction its number, and its id where the sender gave none (b"")."""

    def __init__(
        self,
        engine: Engine,
        first_number: int,
        on_disk: Callable[[Sequence[Interaction]], None],
        outbox: Outbox,
    ) -> None:
        self._engine = engine
        self._on_disk = on_disk
        self._outbox = outbox
        self._next_number = first_number
        self._arrived = threading.Condition()
        self._waiting: deque[_Submitted] = deque()
        self._expected = 0
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="committer", daemon=True)
        self._thread.start()

    def submit(self, interactions: Sequence[Interaction], callers: int = 1) -> Future[Outcomes]:
        """A future of one outcome for each interaction, in their order."""
        future: Future[Outcomes] = Future()
        with self._arrived:
            if self._is_closed:
                raise Unavailable("The server is stopping")
            self._waiting.append(_Submitted(interactions, callers, future))
            self._arrived.notify()
        return future

    def close(self) -> None:
        """Append what waits, then stop the thread."""
        with self._arrived:
            self._is_closed = True
            self._arrived.notify()
        self._thread.join()

    def _work(self) -> None:
        while (group := self._next_group()) is not None:
            interactions = [one for submitted in group for one in submitted.interactions]
            try:
                outcomes = self._commit(interactions)
            except TocsinError as error:
                for submitted in group:
                    submitted.future.set_exception(error)
                continue
            except Exception as error:
                log.exception("append failed")
                for submitted in group:
                    submitted.future.set_exception(Unavailable(f"Appending failed: {error}"))
                continue
            start = 0
            for submitted in group:
                end = start + len(submitted.interactions)
                submitted.future.set_result(outcomes[start:end])
                start = end

    def _next_group(self) -> list[_Submitted] | None:
        """What waits, up to the size of a group; None when closed and nothing is left."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._waiting or self._is_closed)
            if not self._waiting:
                return None
            # Those who were answered together mostly come back together: an append costs the same
            # for one as for all of them.
            self._arrived.wait_for(self._has_enough, PATIENCE_SECONDS)
            group: list[_Submitted] = []
            rows = size = 0
            while self._waiting:
                submitted = self._waiting[0]
                rows += len(submitted.interactions)
                size += sum(len(interaction.payload) for interaction in submitted.interactions)
                if group and (rows > GROUP_ROWS or size > GROUP_BYTES):
                    break
                self._waiting.popleft()
                if submitted.future.set_running_or_notify_cancel():
                    group.append(submitted)
            self._expected = _callers(group) + _callers(self._waiting)
            return group

    def _has_enough(self) -> bool:
        if self._is_closed or _callers(self._waiting) >= self._expected:
            return True
        return sum(len(submitted.interactions) for submitted in self._waiting) >= GROUP_ROWS

    def _commit(self, interactions: Sequence[Interaction]) -> Outcomes:
        """Append what is new; the repeats of an interaction share its refusal."""
        recorded = self._recorded_before(interactions)
        first: dict[bytes, Interaction] = {}
        ids = iter(new_ids(sum(not interaction.interaction_id for interaction in interactions)))
        for interaction in interactions:
            if not interaction.interaction_id:
                interaction.interaction_id = next(ids)
            elif interaction.interaction_id in recorded:
                continue
            first.setdefault(interaction.interaction_id, interaction)
        for interaction in first.values():
            interaction.interaction_number = self._next_number
            self._next_number += 1
        new = list(first.values())
        with self._outbox.staged(new) as refused:
            refused.update(self._append(new))
        if not refused and len(new) == len(interactions):
            return [Outcome.RECORDED] * len(new)
        return [
            refused.get(interaction.interaction_id)
            or (
                Outcome.RECORDED
                if first.get(interaction.interaction_id) is interaction
                else Outcome.DUPLICATE
            )
            for interaction in interactions
        ]

    def _recorded_before(self, interactions: Sequence[Interaction]) -> set[bytes]:
        given = [i.interaction_id for i in interactions if i.interaction_id]
        perhaps = self._engine.known_ids.perhaps(given)
        return self._engine.existing(perhaps) if perhaps else set()

    def _append(self, interactions: list[Interaction]) -> dict[bytes, Refused]:
        if not interactions:
            return {}
        # Before the append: if it fails half-way, the sender's second try must be checked.
        self._engine.known_ids.add([i.interaction_id for i in interactions])
        try:
            return self._append_block(interactions)
        finally:
            # Even if it failed, some of it may be there; before anybody is answered.
            self._on_disk(interactions)

    def _append_block(self, block: list[Interaction]) -> dict[bytes, Refused]:
        """Append a block; one that is refused is halved until the bad interaction is alone."""
        try:
            self._engine.append(block)
        except BadBlock as error:
            if len(block) == 1:
                log.warning("interaction refused by the engine", error=str(error)[:500])
                return {block[0].interaction_id: Refused(f"cannot be stored: {error}"[:500])}
            middle = len(block) // 2
            return self._append_block(block[:middle]) | self._append_block(block[middle:])
        return {}


def _callers(submitted: Iterable[_Submitted]) -> int:
    return sum(each.callers for each in submitted)

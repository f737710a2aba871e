"""The one thread that appends: whatever waits goes to the engine as one block.

While the engine writes a block, the next ones gather; no timer is needed. Every caller gets its
own outcomes, and only after the engine has the block on disk.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from enum import Enum
from typing import NamedTuple, Protocol

import structlog

from tocsin.clickhouse.engine import BlockRejected, Engine
from tocsin.clickhouse.months import month_count
from tocsin.errors import TocsinError, Unavailable
from tocsin.ingestion.duplicates import is_same
from tocsin.ingestion.ids import new_ids
from tocsin.ingestion.month_limit import AppendedMonths, MonthLimit, split_by_months
from tocsin.model.ceilings import APPENDED_MONTHS
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.recorded import Recorded
from tocsin.process.events import Events, InteractionsRecorded
from tocsin.process.worker import Worker

log = structlog.get_logger()

GROUP_ROWS = 10_000
GROUP_BYTES = 32 * 1024 * 1024
GROUP_WAIT_SECONDS = 0.010


class Outcome(Enum):
    RECORDED = "recorded"
    DUPLICATE = "duplicate"
    # Other content was recorded under the same id.
    CONFLICT = "conflict"


class Rejected(NamedTuple):
    """This interaction cannot be kept; `field` is the member that is to blame."""

    reason: str
    field: str = "interaction"


Outcomes = list[Outcome | Rejected]


class _Submitted(NamedTuple):
    """Interactions that are answered together, and how many callers sent them."""

    interactions: Sequence[Interaction]
    callers: int
    future: Future[Outcomes]
    first: int
    last: int


class Outbox(Protocol):
    """Whoever has to be told of what is recorded."""

    def staged(
        self, interactions: Sequence[Interaction]
    ) -> AbstractContextManager[dict[bytes, Rejected]]:
        """Around an append: what was refused is put into the dict, by its id."""


class Committer(Worker):
    """Gives each interaction its number, and its id where the sender gave none (b"")."""

    def __init__(
        self,
        engine: Engine,
        first_number: int,
        events: Events,
        outbox: Outbox,
        months: MonthLimit,
    ) -> None:
        super().__init__("committer")
        self._engine = engine
        self._months = months
        self._events = events
        self._outbox = outbox
        self._next_number = first_number
        self._arrived = threading.Condition()
        self._waiting: deque[_Submitted] = deque()
        self._expected = 0
        self._is_closed = False

    def submit(self, interactions: Sequence[Interaction], callers: int = 1) -> Future[Outcomes]:
        """A future of one outcome for each interaction, in their order.

        Where they lie in more months than an append may have, others take turns in between.
        """
        timestamps = [interaction.timestamp for interaction in interactions]
        first, last = min(timestamps), max(timestamps)
        if month_count(first, last) <= APPENDED_MONTHS:
            return self._enqueue(interactions, callers, first, last)
        whole: Future[Outcomes] = Future()
        self._submit_portions(interactions, split_by_months(interactions), callers, whole, {})
        return whole

    def _enqueue(
        self, interactions: Sequence[Interaction], callers: int, first: int, last: int
    ) -> Future[Outcomes]:
        future: Future[Outcomes] = Future()
        with self._arrived:
            if self._is_closed:
                raise Unavailable("The server is stopping")
            self._waiting.append(_Submitted(interactions, callers, future, first, last))
            self._arrived.notify()
        self.wake()
        return future

    def _submit_portions(
        self,
        interactions: Sequence[Interaction],
        waiting: Sequence[list[int]],
        callers: int,
        whole: Future[Outcomes],
        outcomes: dict[int, Outcome | Rejected],
    ) -> None:
        """Submit the first portion, and the next ones each when the one before it is on disk."""
        indexes = waiting[0]
        portion = [interactions[index] for index in indexes]
        timestamps = [interaction.timestamp for interaction in portion]

        def go_on(done: Future[Outcomes]) -> None:
            try:
                outcomes.update(zip(indexes, done.result(), strict=True))
                if waiting[1:]:
                    self._submit_portions(interactions, waiting[1:], callers, whole, outcomes)
                else:
                    whole.set_result([outcomes[index] for index in range(len(interactions))])
            except Exception as error:
                whole.set_exception(error)

        enqueued = self._enqueue(portion, callers, min(timestamps), max(timestamps))
        enqueued.add_done_callback(go_on)

    def stop(self) -> None:
        """Append everything that was submitted, then end the thread; later submissions raise
        Unavailable."""
        with self._arrived:
            self._is_closed = True
            self._arrived.notify()
        super().stop()
        while self._waiting:
            self.run_once()

    def run_once(self) -> float | None:
        """Append one group of submissions and resolve their futures."""
        if group := self._next_group():
            self._commit_group(group)
        return 0.0 if self._waiting else None

    def _commit_group(self, group: Sequence[_Submitted]) -> None:
        interactions = [one for submitted in group for one in submitted.interactions]
        try:
            first = min(submitted.first for submitted in group)
            last = max(submitted.last for submitted in group)
            outcomes = self._commit(interactions, first, last)
        except TocsinError as error:
            for submitted in group:
                submitted.future.set_exception(error)
            return
        except Exception as error:
            log.exception("append failed")
            for submitted in group:
                submitted.future.set_exception(Unavailable(f"Appending failed: {error}"))
            return
        start = 0
        for submitted in group:
            end = start + len(submitted.interactions)
            submitted.future.set_result(outcomes[start:end])
            start = end

    def _next_group(self) -> list[_Submitted]:
        """The oldest submissions, up to the size of a group."""
        with self._arrived:
            if not self._waiting:
                return []
            # Those who were answered together mostly come back together: an append costs the same
            # for one as for all of them.
            self._arrived.wait_for(self._has_enough, GROUP_WAIT_SECONDS)
            group: list[_Submitted] = []
            rows = size = 0
            months = AppendedMonths()
            while self._waiting:
                submitted = self._waiting[0]
                rows += len(submitted.interactions)
                size += sum(len(interaction.payload) for interaction in submitted.interactions)
                is_long = rows > GROUP_ROWS or size > GROUP_BYTES
                fits = months.take(submitted.interactions, submitted.first, submitted.last)
                if group and (is_long or not fits):
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

    def _commit(self, interactions: Sequence[Interaction], earliest: int, latest: int) -> Outcomes:
        """Append what is new; the repeats of an interaction share its refusal.

        All timestamps lie between `earliest` and `latest`.
        """
        recorded = self._recorded_before(interactions)
        first: dict[bytes, Interaction] = {}
        ids = iter(new_ids(sum(not interaction.interaction_id for interaction in interactions)))
        for interaction in interactions:
            if not interaction.interaction_id:
                interaction.interaction_id = next(ids)
            elif interaction.interaction_id in recorded:
                continue
            first.setdefault(interaction.interaction_id, interaction)
        new = list(first.values())
        surplus: dict[bytes, Rejected] = {}
        if new and not self._months.has_all(earliest, latest):
            surplus = self._in_surplus_months(new)
            new = [one for one in new if one.interaction_id not in surplus]
        for interaction in new:
            interaction.interaction_number = self._next_number
            self._next_number += 1
        with self._outbox.staged(new) as refused:
            refused.update(self._append(new))
        if not refused and len(new) == len(interactions):
            return [Outcome.RECORDED] * len(new)
        refused.update(surplus)
        return [self._outcome(one, first, recorded, refused) for one in interactions]

    def _outcome(
        self,
        interaction: Interaction,
        first: Mapping[bytes, Interaction],
        recorded: Mapping[bytes, Recorded],
        refused: Mapping[bytes, Rejected],
    ) -> Outcome | Rejected:
        id = interaction.interaction_id
        known = first.get(id) or recorded[id]
        if known is interaction:
            return refused.get(id) or Outcome.RECORDED
        if not is_same(interaction, known):
            return Outcome.CONFLICT
        interaction.interaction_number = known.interaction_number
        return refused.get(id) or Outcome.DUPLICATE

    def _in_surplus_months(self, new: Sequence[Interaction]) -> dict[bytes, Rejected]:
        surplus = self._months.admit(new)
        return {one.interaction_id: Rejected(self._months.reason, "timestamp") for one in surplus}

    def _recorded_before(self, interactions: Sequence[Interaction]) -> dict[bytes, Recorded]:
        given = [i.interaction_id for i in interactions if i.interaction_id]
        perhaps = self._engine.id_filter.might_contain(given)
        return self._engine.recorded(perhaps) if perhaps else {}

    def _append(self, interactions: list[Interaction]) -> dict[bytes, Rejected]:
        if not interactions:
            return {}
        # Before the append: if it fails half-way, the sender's second try must be checked.
        self._engine.id_filter.add([i.interaction_id for i in interactions])
        try:
            return self._append_block(interactions)
        finally:
            # Even if it failed, some of it may be there; before anybody is answered.
            self._events.publish(InteractionsRecorded(interactions))

    def _append_block(self, block: list[Interaction]) -> dict[bytes, Rejected]:
        """Append a block; one that is refused is halved until the bad interaction is alone."""
        try:
            self._engine.append(block)
        except BlockRejected as error:
            if len(block) == 1:
                log.warning("interaction refused by the engine", error=str(error)[:500])
                return {block[0].interaction_id: Rejected(f"cannot be stored: {error}"[:500])}
            middle = len(block) // 2
            return self._append_block(block[:middle]) | self._append_block(block[middle:])
        return {}


def _callers(submitted: Iterable[_Submitted]) -> int:
    return sum(each.callers for each in submitted)

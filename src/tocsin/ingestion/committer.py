"""Commits interactions in groups, on one thread: all waiting submissions become one block.

While the engine writes a block, new submissions accumulate, so that no timer is needed. Each caller
gets the outcomes of its interactions, after their block is on disk.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from functools import partial
from typing import Protocol

import structlog

from tocsin.clickhouse.engine import BlockRejected, Engine
from tocsin.clickhouse.months import month_count
from tocsin.errors import EntryDeleted, TocsinError, Unavailable, UnknownOutcome
from tocsin.ingestion.append_log import Append, AppendLog, NotBegun
from tocsin.ingestion.append_news import NewBlock
from tocsin.ingestion.erased_ids import ErasedLookup, NothingErased
from tocsin.ingestion.ids import generated_ids, new_seed
from tocsin.ingestion.month_limit import AppendedMonths, MonthLimit, split_by_months
from tocsin.ingestion.outcomes import Outcome, Outcomes, Rejected
from tocsin.ingestion.redacted_repeats import without_conflicts_of_redaction
from tocsin.ingestion.submissions import Submission, callers_of, outcome_of, separate
from tocsin.model.ceilings import APPENDED_MONTHS
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.recorded import Recorded
from tocsin.process.worker import Worker

log = structlog.get_logger()

GROUP_ROWS = 10_000
GROUP_BYTES = 32 * 1024 * 1024
GROUP_WAIT_SECONDS = 0.010
POSTPONED_SECONDS = 0.005
"""The pause before submissions that wait for another node are tried again."""


class DeliveryStaging(Protocol):
    """Stages the deliveries of interactions before they are appended."""

    def with_subscribers(self, interactions: Iterable[Interaction]) -> Sequence[Interaction]:
        """The interactions that have deliveries."""

    def staged(
        self, with_subscribers: Sequence[Interaction]
    ) -> AbstractContextManager[dict[bytes, Rejected]]:
        """A context for the append; the committer adds rejected interactions to its dict, by id."""


class Committer(Worker):
    """Assigns ids to interactions without one (b""); finds duplicates; appends."""

    def __init__(
        self,
        engine: Engine,
        append_log: AppendLog,
        outbox: DeliveryStaging,
        months: MonthLimit,
        erased: ErasedLookup | None = None,
    ) -> None:
        super().__init__("committer")
        self._engine = engine
        self._append_log = append_log
        self._months = months
        self._outbox = outbox
        self._erased = erased or NothingErased()
        self._arrived = threading.Condition()
        self._waiting: deque[Submission] = deque()
        self._postponed: list[Submission] = []
        self._expected = 0
        self._is_closed = False

    def submit(self, interactions: Sequence[Interaction], callers: int = 1) -> Future[Outcomes]:
        """A future of one outcome for each interaction, in their order.

        Interactions in more months than one append may have are appended in portions, between
        which other submissions take turns.
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
            self._waiting.append(Submission(interactions, callers, future, first, last))
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
        """Submit the first portion, and each further one when its predecessor is on disk."""
        indexes = waiting[0]
        portion = [interactions[index] for index in indexes]
        timestamps = [interaction.timestamp for interaction in portion]

        def submit_next(done: Future[Outcomes]) -> None:
            try:
                outcomes.update(zip(indexes, done.result(), strict=True))
                if waiting[1:]:
                    self._submit_portions(interactions, waiting[1:], callers, whole, outcomes)
                else:
                    whole.set_result([outcomes[index] for index in range(len(interactions))])
            except EntryDeleted as error:
                # The earlier portions are recorded, and must not be submitted again without ids.
                whole.set_exception(Unavailable(error.detail) if outcomes else error)
            except Exception as error:
                whole.set_exception(error)

        enqueued = self._enqueue(portion, callers, min(timestamps), max(timestamps))
        enqueued.add_done_callback(submit_next)

    def stop(self) -> None:
        """Append all submissions, then end the thread; later submissions raise Unavailable."""
        with self._arrived:
            self._is_closed = True
            self._arrived.notify()
        super().stop()
        while self._waiting:
            self.run_once()
        _fail(self._postponed, Unavailable("The server is stopping"))

    def run_once(self) -> float | None:
        """Append one group of submissions and resolve their futures."""
        postponed, self._postponed = self._postponed, []
        if postponed:
            self._commit_group(postponed)
        if group := self._next_group():
            self._commit_group(group)
        if self._waiting:
            return 0.0
        return POSTPONED_SECONDS if self._postponed else None

    def _commit_group(self, group: Sequence[Submission]) -> None:
        """Append a group; submissions with interactions that another node appends are postponed."""
        while group:
            try:
                outcomes = self._commit_all(group)
            except NotBegun as reason:
                separated = separate(group, reason)
                self._postponed += separated.waiting
                group = separated.acceptable
            except TocsinError as error:
                _fail(group, error)
                return
            except Exception as error:
                log.exception("append failed")
                _fail(group, Unavailable(f"Appending failed: {error}"))
                return
            else:
                _resolve(group, outcomes)
                return

    def _commit_all(self, group: Sequence[Submission]) -> Outcomes:
        interactions = [each for submitted in group for each in submitted.interactions]
        first = min(submitted.first for submitted in group)
        last = max(submitted.last for submitted in group)
        return self._commit(interactions, first, last)

    def _next_group(self) -> list[Submission]:
        """The oldest submissions, up to the size of a group."""
        with self._arrived:
            if not self._waiting:
                return []
            # Callers that were answered together mostly send again together, and one append for all
            # of them costs as much as an append for one.
            self._arrived.wait_for(self._has_enough, GROUP_WAIT_SECONDS)
            group: list[Submission] = []
            rows = size = 0
            months = AppendedMonths()
            while self._waiting:
                submitted = self._waiting[0]
                rows += len(submitted.interactions)
                size += sum(len(interaction.payload) for interaction in submitted.interactions)
                is_long = rows > GROUP_ROWS or size > GROUP_BYTES
                fits = months.try_add(submitted.interactions, submitted.first, submitted.last)
                if group and (is_long or not fits):
                    break
                self._waiting.popleft()
                if submitted.future.set_running_or_notify_cancel():
                    group.append(submitted)
            self._expected = callers_of(group) + callers_of(self._waiting)
            return group

    def _has_enough(self) -> bool:
        if self._is_closed or callers_of(self._waiting) >= self._expected:
            return True
        return sum(len(submitted.interactions) for submitted in self._waiting) >= GROUP_ROWS

    def _commit(self, interactions: Sequence[Interaction], earliest: int, latest: int) -> Outcomes:
        """Append the new interactions; duplicates of a rejected one are rejected, too.

        All timestamps are between `earliest` and `latest`.
        """
        known_ids = self._append_log.known_ids
        given = [i.interaction_id for i in interactions if i.interaction_id]
        recorded, erased = self._recorded_before(given)
        first: dict[bytes, Interaction] = {}
        seed, generated = new_seed(), len(interactions) - len(given)
        ids = iter(generated_ids(seed, generated))
        for interaction in interactions:
            if not interaction.interaction_id:
                interaction.interaction_id = next(ids)
            elif interaction.interaction_id in recorded or interaction.interaction_id in erased:
                continue
            first.setdefault(interaction.interaction_id, interaction)
        new = list(first.values())
        surplus: dict[bytes, Rejected] = {}
        if new and not self._months.has_all(earliest, latest):
            surplus = self._in_surplus_months(new)
            new = [kept for kept in new if kept.interaction_id not in surplus]
        rejected: dict[bytes, Rejected] = {}
        if new:
            if recorded or erased:
                given = [id for id in given if id not in recorded and id not in erased]
            rejected = self._append(NewBlock(new, given, seed, generated, known_ids))
        if not rejected and len(new) == len(interactions):
            return [Outcome.RECORDED] * len(new)
        rejected.update(surplus)
        outcomes = [
            Outcome.DUPLICATE
            if sent.interaction_id in erased
            else outcome_of(sent, first, recorded, rejected)
            for sent in interactions
        ]
        return without_conflicts_of_redaction(self._engine, interactions, outcomes, recorded)

    def _in_surplus_months(self, new: Sequence[Interaction]) -> dict[bytes, Rejected]:
        surplus = self._months.admit(new)
        rejection = Rejected(self._months.reason, "timestamp")
        return {interaction.interaction_id: rejection for interaction in surplus}

    def _recorded_before(self, given: Sequence[bytes]) -> tuple[dict[bytes, Recorded], set[bytes]]:
        """The recorded interactions with the ids, and the ids of erased ones."""
        recorded = self._engine.ids.find(given)
        if recorded:
            self._append_log.check_recorded(
                {id: original.interaction_number for id, original in recorded.items()}
            )
        return recorded, self._erased.among(given)

    def _append(self, block: NewBlock) -> dict[bytes, Rejected]:
        subscribed = self._outbox.with_subscribers(block.interactions)
        block.staged = [interaction.interaction_id for interaction in subscribed]
        append = self._append_log.begin(block)
        try:
            with self._outbox.staged(subscribed) as rejected:
                # Before the append: if it fails half-way, the sender's retry must be checked.
                self._engine.ids.add([i.interaction_id for i in append.interactions])
                rejected.update(self._append_block(append.interactions, append))
        except BaseException as error:
            # Also if deliveries are staged: they are decided when it is closed.
            if block.staged or isinstance(error, UnknownOutcome):
                self._append_log.set_aside(append)
            else:
                self._append_log.end(append)
            raise
        # Before any caller is answered.
        self._append_log.end(append)
        return rejected

    def _append_block(self, block: Sequence[Interaction], append: Append) -> dict[bytes, Rejected]:
        """Append a block; a rejected one is halved until the bad interaction is alone."""
        self._append_log.check_open(append)
        try:
            check = partial(self._append_log.check_open, append)
            self._engine.append(block, token=append.token, query_id=append.query_id, check=check)
        except BlockRejected as error:
            if len(block) == 1:
                log.warning("interaction rejected by the engine", error=str(error)[:500])
                return {block[0].interaction_id: Rejected(f"cannot be stored: {error}"[:500])}
            middle = len(block) // 2
            first, second = block[:middle], block[middle:]
            return self._append_block(first, append) | self._append_block(second, append)
        return {}


def _resolve(group: Iterable[Submission], outcomes: Outcomes) -> None:
    start = 0
    for submitted in group:
        end = start + len(submitted.interactions)
        submitted.future.set_result(outcomes[start:end])
        start = end


def _fail(group: Iterable[Submission], error: TocsinError) -> None:
    for submitted in group:
        submitted.future.set_exception(error)

"""Many questions answered from partial results that outlast a calculation.

A window is made of cells that are kept and of two edges that are read anew each time, so it slides
exactly. Questions with the same basis share a rollup, whatever their windows.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from typing import NamedTuple
from weakref import WeakValueDictionary

import structlog

from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.sql.plan import mnemonics_used_by
from tocsin.clickhouse.sql.table import Table
from tocsin.metrics.calculation_pool import Lane, Turn
from tocsin.metrics.rollups.admission import MetricAdmission, RollupAdmission
from tocsin.metrics.rollups.dirty import Seen, Touched
from tocsin.metrics.rollups.finalize import answer
from tocsin.metrics.rollups.group_dictionary import Groups
from tocsin.metrics.rollups.hash_dictionary import Numbering
from tocsin.metrics.rollups.keys import metric_key, rollup_key, window_length
from tocsin.metrics.rollups.refresher import Scanner
from tocsin.metrics.rollups.rollup import Rollup
from tocsin.metrics.rollups.view import Use
from tocsin.model.instant import to_milliseconds
from tocsin.model.metrics.metric import Answer, Question
from tocsin.process.deadline import held

log = structlog.get_logger()

MAX_BYTES = 256 * 1024 * 1024
MAX_ROLLUP_BYTES = MAX_BYTES // 2
LATELY_SECONDS, MAX_TOGETHER = 1.0, 50
"""What was asked for by itself so lately gets what is new together; at most so many rollups."""


class _Request(NamedTuple):
    """One question of a calculation."""

    question: Question
    key: Hashable
    is_first: bool
    is_rejected: bool


class Rollups:
    """Any number of threads may use the object."""

    def __init__(self, engine: Engine, latest_number: int) -> None:
        """`latest_number` is that of the last interaction recorded."""
        self.touched = Touched(latest_number)
        self._epoch = self.touched.epoch
        self._engine = engine
        self._rollups: dict[Hashable, Rollup] = {}
        self._groups: WeakValueDictionary[Hashable, Groups] = WeakValueDictionary()
        self._numberings: WeakValueDictionary[Hashable, Numbering] = WeakValueDictionary()
        self._metric_admission = MetricAdmission()
        self._rollup_admission = RollupAdmission()
        self._changing = threading.Lock()
        self._catching_up = threading.Lock()
        self._making = threading.Lock()
        self._adding_up = threading.BoundedSemaphore(os.cpu_count() or 1)
        self._in_the_making: frozenset[Hashable] = frozenset()

    @contextmanager
    def timing(self, question: Question) -> Iterator[None]:
        """Takes note of how long a question takes that is read from the interactions."""
        started = time.perf_counter()
        yield
        self._metric_admission.observe_query(metric_key(question), time.perf_counter() - started)

    def are_worth_it(self, question: Question) -> bool:
        """Whether the question is slow to read, asked again, and answered sooner from partial
        results."""
        return self._metric_admission.should_cache(metric_key(question))

    def answer_one(
        self, question: Question, at: datetime, limit: int, table: Table, turn: Turn
    ) -> Answer | None:
        """The answer to a question that is asked by itself, or None as `answer` has it.

        Whoever comes first after something was recorded fetches what is new of all that was asked
        for lately; those who come meanwhile wait for it and need not read."""
        started = time.perf_counter()
        must_see = self.touched.now
        basis = rollup_key(question, table)
        rollup = self._rollups.get(basis)
        if rollup:
            rollup.asked[window_length(question)] = time.monotonic()
            if turn.lane.is_patient and rollup.used < must_see:
                with held(self._catching_up, turn.deadline):
                    if rollup.used < must_see:
                        self._catch_up(at, table, turn.lane)
        answer = self.answer([question], at, limit, table, turn, must_see)[0]
        seconds = time.perf_counter() - started
        if answer and rollup:
            self._reject_if_slower(question, basis, seconds)
        return answer

    def _reject_if_slower(self, question: Question, basis: Hashable, seconds: float) -> None:
        admission, key = self._metric_admission, metric_key(question)
        admission.observe_cached(key, seconds)
        if admission.is_slower_cached(key):
            admission.reject(key)
            log.info("rollup dropped", reason="slower than a query", seconds=seconds)
            with self._changing:
                self._rollups.pop(basis, None)

    def answer(
        self,
        questions: Sequence[Question],
        at: datetime,
        limit: int,
        table: Table,
        turn: Turn,
        must_see: int | None = None,
    ) -> list[Answer | None]:
        """Each question's answer, as of now or of a moment that may be as early as `must_see`;
        None for those that must be calculated by themselves: they have too many groups, or the
        scan that they share failed."""
        epoch = self._current_epoch()
        requests = self._requests(questions, table)
        uses = self._uses(requests, at, table)
        if turn.lane.is_patient and self._lacking(uses) & self._in_the_making:
            with held(self._making, turn.deadline):
                uses = self._uses(requests, at, table)
        moment = self.touched.now
        if must_see is not None:
            # Not before anything was made that is at hand: it would be fetched and added again.
            moment = max([must_see, *(use.rollup.used for use in uses.values())])
        scanner = Scanner(self._engine, turn.lane, Seen(self.touched, moment), table)
        with self._one_making(uses):
            scanner.complete([use for use in uses.values() if not use.is_alone])
            self._keep(uses, moment, epoch)
        if epoch != self.touched.epoch:
            return [None for _ in questions]
        of_each = [uses.get(request.key) for request in requests]
        return [
            self._answer_of(question, at, use, limit, turn) if use and not use.is_alone else None
            for question, use in zip(questions, of_each, strict=True)
        ]

    def _answer_of(
        self, question: Question, at: datetime, use: Use, limit: int, turn: Turn
    ) -> Answer | None:
        """Adding up the cells of many groups takes a core: no more do so at once than there are,
        but for alerts, which wait for nobody."""
        with held(self._adding_up, turn.deadline) if turn.lane.is_patient else nullcontext():
            turn.deadline.check()
            return answer(
                question, at, use.parts(window_length(question)), use.rollup.groups, limit
            )

    def _catch_up(self, at: datetime, table: Table, lane: Lane) -> None:
        """Add what is new to the rollups that were asked for by themselves lately."""
        epoch = self._current_epoch()
        uses = self._asked_lately(at, table)
        moment = self.touched.now
        scanner = Scanner(self._engine, lane, Seen(self.touched, moment), table)
        scanner.catch_up(list(uses.values()))
        self._keep(uses, moment, epoch)

    def _asked_lately(self, at: datetime, table: Table) -> dict[Hashable, Use]:
        """The windows that were asked for by themselves lately, and so will be again."""
        with self._changing:
            kept = [(basis, rollup) for basis, rollup in self._rollups.items() if rollup.asked]
        kept.sort(key=lambda found: max(list(found[1].asked.values())), reverse=True)
        since = time.monotonic() - LATELY_SECONDS
        uses = {}
        for basis, rollup in kept[:MAX_TOGETHER]:
            lately = [length for length, when in list(rollup.asked.items()) if when > since]
            # Where the mnemonics that it is grouped by have changed, it is not asked for again.
            if lately and basis == rollup_key(rollup.question, table):
                use = uses[basis] = _use(rollup, at, is_new=False)
                for length in lately:
                    use.cover(length)
        return uses

    @contextmanager
    def _one_making(self, uses: Mapping[Hashable, Use]) -> Iterator[None]:
        """Rollups are made by one calculation at a time: what takes much memory and time once
        would otherwise do so for each who asks. Who asks for the same ones waits for them; the
        others keep nothing this time."""
        lacking = self._lacking(uses)
        is_mine = bool(lacking) and self._making.acquire(blocking=False)
        if not is_mine:
            for basis in lacking:
                uses[basis].is_new, uses[basis].is_alone = True, len(uses) == 1
            yield
            return
        self._in_the_making = lacking
        try:
            yield
        finally:
            self._in_the_making = frozenset()
            self._making.release()

    def _lacking(self, uses: Mapping[Hashable, Use]) -> frozenset[Hashable]:
        """Those of which a rollup is to be made."""
        return frozenset(
            basis for basis, use in uses.items() if not use.is_new and basis not in self._rollups
        )

    def _requests(self, questions: Sequence[Question], table: Table) -> list[_Request]:
        """Each question with its rollup key, and whether the cache serves it. Records the requests,
        so a calculation must call this only once."""
        admission = self._rollup_admission
        keys = [rollup_key(question, table) for question in questions]
        requests = [
            _Request(
                question,
                key,
                is_first=not admission.was_requested(key),
                is_rejected=admission.is_rejected(key),
            )
            for question, key in zip(questions, keys, strict=True)
        ]
        admission.observe_requests(set(keys))
        return requests

    def _uses(
        self, requests: Sequence[_Request], at: datetime, table: Table
    ) -> dict[Hashable, Use]:
        """By rollup key, without rejected ones."""
        uses: dict[Hashable, Use] = {}
        for request in requests:
            if request.is_rejected:
                continue
            use = uses.get(request.key)
            if use is None:
                cached = self._rollups.get(request.key)
                rollup = cached or self._new(request.question, table)
                is_new = request.is_first and not cached
                use = uses[request.key] = _use(rollup, at, is_new)
            use.cover(window_length(request.question))
        return uses

    def _new(self, question: Question, table: Table) -> Rollup:
        """A rollup without a cell. Those that are grouped alike number their groups alike, and
        those that tell the texts of the same field apart their texts."""
        grouped = question.group_by, mnemonics_used_by(question.group_by, table)
        told = question.field, mnemonics_used_by([question.field] if question.field else [], table)
        with self._changing:
            groups = self._groups.setdefault(grouped, Groups())
            numbering = self._numberings.setdefault(told, Numbering())
        return Rollup(question, groups, numbering)

    def _current_epoch(self) -> int:
        """What was made in another one does not hold."""
        with self._changing:
            if self._epoch != self.touched.epoch:
                self._epoch = self.touched.epoch
                self._rollups.clear()
            return self._epoch

    def _keep(self, uses: dict[Hashable, Use], moment: int, epoch: int) -> None:
        """Keep what this calculation has made. What another one made meanwhile may be lost by
        that, never what is right: every state is whole in itself."""
        with self._changing:
            if epoch != self._epoch:
                return
            for basis, use in uses.items():
                rollup = use.rollup
                # First: whoever has the new levels in hand must not take them for older ones.
                rollup.used = max(rollup.used, moment)
                rollup.levels, rollup.minutes = use.levels, use.minutes
                size = rollup.bytes + rollup.numbering.bytes
                if use.is_too_wide or size > MAX_ROLLUP_BYTES:
                    self._rollup_admission.reject(basis)
                    self._rollups.pop(basis, None)
                elif not use.is_alone and not use.is_new:
                    self._rollups[basis] = rollup
            self._evict()

    def _evict(self) -> None:
        """Drop the rollups that were asked least lately until the rest fit."""
        users = Counter(rollup.numbering for rollup in self._rollups.values())
        size = sum(rollup.bytes for rollup in self._rollups.values())
        size += sum(numbering.bytes for numbering in users)
        for basis, rollup in sorted(self._rollups.items(), key=lambda item: item[1].used):
            if size <= MAX_BYTES:
                return
            users[rollup.numbering] -= 1
            size -= rollup.bytes + (0 if users[rollup.numbering] else rollup.numbering.bytes)
            del self._rollups[basis]


def _use(rollup: Rollup, at: datetime, is_new: bool) -> Use:
    return Use(rollup, rollup.levels, rollup.minutes, to_milliseconds(at), is_new)

"""A cache of partial aggregates by time bucket, shared by metrics that differ only in their window.

A window consists of cached buckets and of edges shorter than a minute, so it slides exactly.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime

import structlog

from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.sql.table import Table
from tocsin.metrics.calculation_pool import CalculationContext, CalculationPool
from tocsin.metrics.retained_time import RetainedTime
from tocsin.metrics.rollups import cost
from tocsin.metrics.rollups.admission import MetricAdmission, RollupAdmission
from tocsin.metrics.rollups.dirty import DirtyBuckets, ReadView
from tocsin.metrics.rollups.finalize import finalize, finalize_joined
from tocsin.metrics.rollups.keys import interval_at, is_cacheable, metric_key, rollup_key
from tocsin.metrics.rollups.refresher import Refresher
from tocsin.metrics.rollups.rollup import Rollup, RollupView
from tocsin.metrics.rollups.rollup_store import RollupStore
from tocsin.model.metrics.answer import Answer
from tocsin.model.metrics.question import Question
from tocsin.process.deadline import held

log = structlog.get_logger()

Views = Mapping[Hashable, RollupView]
"""The views of one calculation, by rollup key."""


@dataclass(frozen=True, slots=True)
class _Request:
    """One question of a calculation."""

    question: Question
    key: Hashable
    is_first: bool
    is_rejected: bool


def _is_stale(rollups: Iterable[Rollup], watermark: int) -> bool:
    return any(rollup.watermark < watermark for rollup in rollups)


class RollupCache:
    """Answers questions from rollups and refreshes them. Any number of threads may use the
    object."""

    def __init__(self, engine: Engine, latest_number: int, retained: RetainedTime) -> None:
        """`latest_number` is that of the last interaction recorded."""
        self.retained = retained
        self.dirty = DirtyBuckets(latest_number)
        self.store = RollupStore(self.dirty)
        self.build_lock = threading.Lock()
        """Held by the calculation that builds rollups."""
        self._building: frozenset[Hashable] = frozenset()
        self._engine = engine
        self._metric_admission = MetricAdmission()
        self._rollup_admission = RollupAdmission()
        self._catch_up_lock = threading.Lock()
        self._finalizing = threading.BoundedSemaphore(os.cpu_count() or 1)

    @contextmanager
    def observe(self, question: Question) -> Iterator[None]:
        """Measure the duration of a query that reads the interactions of one question."""
        if not is_cacheable(question):
            yield
            return
        started = time.perf_counter()
        yield
        self._metric_admission.observe_query(metric_key(question), time.perf_counter() - started)

    def should_cache(self, question: Question) -> bool:
        """Whether `answer_one` is to be used: the question is slow to query, was requested before,
        and is faster from the cache."""
        admission = self._metric_admission
        return is_cacheable(question) and admission.should_cache(metric_key(question))

    def answer_one(
        self,
        question: Question,
        at: datetime,
        limit: int,
        table: Table,
        context: CalculationContext,
    ) -> Answer | None:
        """The answer to a question that is requested by itself; None as in `answer`.

        The first calculation after interactions were recorded adds them to all recently requested
        rollups; concurrent ones wait for it and need not read."""
        least_watermark = self.dirty.watermark
        keys = [rollup_key(part, table) for part in question.parts]
        rollups = []
        for part, key in zip(question.parts, keys, strict=True):
            if rollup := self.store.get(key):
                rollup.requests[part.time_window] = time.monotonic()
                rollups.append(rollup)
        if context.pool.is_patient and _is_stale(rollups, least_watermark):
            with held(self._catch_up_lock, context.deadline):
                if _is_stale(rollups, least_watermark):
                    self._catch_up(at, table, context.pool)
        # Only the work of this thread counts: catching up and the load of the machine slow queries
        # down, too, and a rollup that is dropped because of them costs a hundred queries.
        started = time.thread_time()
        answer = self.answer([question], at, limit, table, context, least_watermark)[0]
        if answer and len(rollups) == len(keys):
            self._reject_if_slower(question, keys, time.thread_time() - started)
        return answer

    def answer(
        self,
        questions: Sequence[Question],
        at: datetime,
        limit: int,
        table: Table,
        context: CalculationContext,
        least_watermark: int | None = None,
    ) -> list[Answer | None]:
        """Each question's answer; None for those that must be queried one by one, because they have
        too many groups, a query is cheaper, their scan failed, or they are a PERCENTILE.

        The answers include all interactions recorded by now or, if given, those up to a watermark
        of at least `least_watermark`."""
        generation = self.store.generation()
        cached = list(filter(is_cacheable, questions))
        requests = self._requests([part for q in cached for part in q.parts], table)
        views = self._views(requests, at, table)
        if context.pool.is_patient and self._unbuilt(views) & self._building:
            with held(self.build_lock, context.deadline):
                views = self._views(requests, at, table)
        watermark = self._watermark(views, least_watermark)
        with self._one_builder(views):
            read_view = ReadView(self.dirty, watermark)
            refresher = Refresher(self._engine, context.pool, read_view, table)
            refresher.refresh([view for view in views.values() if not view.bypass])
            self._store(views, watermark, generation)
        if generation != self.dirty.generation:
            return [None for _ in questions]
        each = iter(requests)
        return [
            self._finalized(
                question, at, [views.get(next(each).key) for _ in question.parts], limit, context
            )
            if is_cacheable(question)
            else None
            for question in questions
        ]

    def _watermark(self, views: Views, least_watermark: int | None) -> int:
        if least_watermark is None:
            return self.dirty.watermark
        # Never older than that of a cached bucket: its rows would be added twice.
        return max([least_watermark, *(view.rollup.watermark for view in views.values())])

    def _finalized(
        self,
        question: Question,
        at: datetime,
        views: Sequence[RollupView | None],
        limit: int,
        context: CalculationContext,
    ) -> Answer | None:
        """Totalling the buckets of many groups takes a core, so no more threads do so than there
        are cores; alerts do not wait."""
        usable = [view for view in views if view is not None and not view.bypass]
        if len(usable) < len(views):
            return None
        groups = usable[0].rollup.groups
        if any(view.rollup.groups is not groups for view in usable):
            # Parts are joined by the numbers of their groups.
            return None
        with held(self._finalizing, context.deadline) if context.pool.is_patient else nullcontext():
            context.deadline.check()
            rows = [
                view.rows_of(interval_at(part.time_window, at))
                for part, view in zip(question.parts, usable, strict=True)
            ]
            if not question.is_joined:
                return finalize(question, at, rows[0], groups, limit)
            has_base = self.retained.has_base(question, [at])
            return finalize_joined(question, at, rows, groups, limit, has_base=has_base)

    def _reject_if_slower(
        self, question: Question, keys: Iterable[Hashable], seconds: float
    ) -> None:
        admission, metric = self._metric_admission, metric_key(question)
        admission.observe_cached(metric, seconds)
        if admission.is_slower_cached(metric):
            admission.reject(metric)
            log.info("rollup dropped", reason="slower than a query", seconds=seconds)
            for key in keys:
                self.store.drop(key)

    def _catch_up(self, at: datetime, table: Table, pool: CalculationPool) -> None:
        """Add new interactions to the rollups that were requested by themselves recently."""
        generation = self.store.generation()
        views = self._recent_views(at, table)
        watermark = self.dirty.watermark
        read_view = ReadView(self.dirty, watermark)
        Refresher(self._engine, pool, read_view, table).add_new(views.values())
        self._store(views, watermark, generation)

    def _recent_views(self, at: datetime, table: Table) -> Views:
        """Views of the windows that were requested by themselves recently and are likely to be
        requested again."""
        since = time.monotonic() - cost.MODEL.recent_seconds
        views = {}
        for key, rollup in self.store.recently_requested(cost.MODEL.recent_rollups):
            windows = [window for window, when in list(rollup.requests.items()) if when > since]
            # With other names in the catalog, the key of the same question is another one.
            if windows and key == rollup_key(rollup.question, table):
                view = views[key] = RollupView.of(rollup, is_transient=False)
                for window in windows:
                    view.add_window(interval_at(window, at))
        return views

    @contextmanager
    def _one_builder(self, views: Views) -> Iterator[None]:
        """One calculation at a time builds rollups, because building takes much memory and time.

        Calculations that need the same rollups wait for it; the others keep nothing this time."""
        unbuilt = self._unbuilt(views)
        is_builder = bool(unbuilt) and self.build_lock.acquire(blocking=False)
        if not is_builder:
            for key in unbuilt:
                views[key].is_transient, views[key].bypass = True, len(views) == 1
            yield
            return
        self._building = unbuilt
        try:
            yield
        finally:
            self._building = frozenset()
            self.build_lock.release()

    def _unbuilt(self, views: Views) -> frozenset[Hashable]:
        """The rollups that the views would build."""
        return frozenset(
            key for key, view in views.items() if not view.is_transient and key not in self.store
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

    def _views(self, requests: Iterable[_Request], at: datetime, table: Table) -> Views:
        """The views of the requests that are not rejected."""
        views: dict[Hashable, RollupView] = {}
        for request in requests:
            if request.is_rejected:
                continue
            view = views.get(request.key)
            if view is None:
                cached = self.store.get(request.key)
                rollup = cached or self.store.new(request.question, table)
                is_transient = request.is_first and not cached
                view = RollupView.of(rollup, is_transient=is_transient)
                views[request.key] = view
            view.add_window(interval_at(request.question.time_window, at))
        return views

    def _store(self, views: Views, watermark: int, generation: int) -> None:
        for key in self.store.keep(views, watermark, generation):
            self._rollup_admission.reject(key)

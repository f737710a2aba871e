"""The calculators of a server. They share a cache; each has clients and threads of its own, so no
calculation waits for those of another purpose."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from tocsin.clickhouse.engine import ALERT_CLIENTS, PAGE_CLIENTS, Engine
from tocsin.clickhouse.query_runner import QueryRunner
from tocsin.metrics.calculation_pool import CalculationPool
from tocsin.metrics.calculator import Calculator
from tocsin.metrics.retained_time import RetainedTime
from tocsin.metrics.rollups.cache import RollupCache
from tocsin.model.instant import to_milliseconds
from tocsin.process.events import (
    InteractionsDropped,
    InteractionsFollowed,
    InteractionsRecorded,
)
from tocsin.store.catalog import Catalog


class Calculators:
    """`questions` serves requests, `alerts` scheduled evaluations, and `pages` the results that all
    viewers of the pages share."""

    def __init__(
        self,
        engine: Engine,
        catalog: Catalog,
        latest_number: int,
        retained: RetainedTime,
        *,
        concurrency: int,
    ) -> None:
        """`latest_number` is that of the last interaction recorded."""
        self._closing = ExitStack()
        self._engine = engine
        self._catalog = catalog
        self._cache = RollupCache(engine, latest_number, retained)
        self.questions = self._calculator(engine.calculation_queries, concurrency, is_patient=True)
        self.alerts = self._calculator(engine.alert_queries, ALERT_CLIENTS)
        self.pages = self._calculator(engine.page_queries, PAGE_CLIENTS)

    def on_interactions_recorded(self, event: InteractionsRecorded) -> None:
        """Mark the buckets of the rollups that are stale now."""
        timestamps = [interaction.timestamp for interaction in event.interactions]
        latest = event.interactions[-1].interaction_number
        self._cache.dirty.mark(timestamps, latest)

    def on_interactions_followed(self, event: InteractionsFollowed) -> None:
        """Mark the buckets that an append of another node has changed."""
        if event.is_late:
            # They may have lower numbers than those that rollups include already.
            self._cache.dirty.reset()
        self._cache.dirty.mark(event.timestamps, event.number)

    def on_interactions_dropped(self, event: InteractionsDropped) -> None:
        if event.before is None:
            self._cache.dirty.reset()
        else:
            self._cache.dirty.drop_before(to_milliseconds(event.before))

    def close(self) -> None:
        self._closing.close()

    def _calculator(
        self, queries: QueryRunner, threads: int, *, is_patient: bool = False
    ) -> Calculator:
        executor = ThreadPoolExecutor(threads, thread_name_prefix="calculate")
        self._closing.callback(executor.shutdown, cancel_futures=True)
        pool = CalculationPool(queries, executor, is_patient)
        return Calculator(self._engine, self._catalog, self._cache, pool)

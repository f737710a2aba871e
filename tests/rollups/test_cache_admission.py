"""The cache keeps partial aggregates only of metrics that were requested before."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import pyarrow as pa
import pytest

from support.deployments import counts_queries, settings_in
from tocsin.clickhouse.query_runner import QueryRunner
from tocsin.clickhouse.sql.query import Query, ResultRow
from tocsin.ingestion.request_context import RequestContext
from tocsin.metrics.calculation_pool import CalculationPool
from tocsin.metrics.calculator import Calculator
from tocsin.model.interactions.catalog import Kind
from tocsin.model.metrics.question import Question
from tocsin.runtime import Runtime

AT = datetime(2026, 3, 20, 14, 30, 20, tzinfo=UTC)
REQUESTED_TWICE, REQUESTED_FIRST = (
    Question.model_validate({"metricType": "DISTINCT_COUNT", "field": field})
    for field in ("resourceId", "userId")
)


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    """A runtime that holds one interaction."""
    opened = Runtime(settings_in(tmp_path))
    record_one(opened)
    yield opened
    opened.close()


def record_one(runtime: Runtime) -> None:
    interaction = {
        "resourceType": "A",
        "resourceId": "1",
        "action": "B",
        "origin": "C",
        "userId": "u",
        "timestamp": "2026-03-20T14:00:00Z",
    }
    line = json.dumps(interaction).encode()
    assert runtime.recorder.record_batch([line], RequestContext(received=0)).accepted == 1


class DelayedQueries:
    """Runs queries after a delay: one question takes 10 ms, reading for rollups 100 ms."""

    def __init__(self, queries: QueryRunner) -> None:
        self._queries = queries

    def run_arrow(self, *arguments: Any, **options: Any) -> pa.Table:
        time.sleep(0.1)
        return self._queries.run_arrow(*arguments, **options)

    def run(self, *arguments: Any, **options: Any) -> list[ResultRow]:
        time.sleep(0.01)
        return self._queries.run(*arguments, **options)


class HeldQueries:
    """Runs queries once `released` is set; `reached` is set by the first one."""

    def __init__(self, queries: QueryRunner) -> None:
        self._queries = queries
        self.reached, self.released = Event(), Event()

    def run_arrow(self, *arguments: Any, **options: Any) -> pa.Table:
        self._wait()
        return self._queries.run_arrow(*arguments, **options)

    def run(self, *arguments: Any, **options: Any) -> list[ResultRow]:
        self._wait()
        return self._queries.run(*arguments, **options)

    def _wait(self) -> None:
        self.reached.set()
        assert self.released.wait(60)


class WatchedCatalog:
    """The catalog of a runtime; `read` is set when a calculation begins to read it."""

    def __init__(self, runtime: Runtime) -> None:
        self._catalog = runtime.catalog
        self.read = Event()

    def mnemonics(self, kind: Kind) -> Any:
        self.read.set()
        return self._catalog.mnemonics(kind)


def queries(runtime: Runtime) -> int:
    """The number of queries that the engine has started, this one included."""
    text = "SELECT value FROM system.events WHERE event = 'SelectQuery'"
    return int(runtime.engine.run(Query(text))[0][0])


@counts_queries
def test_a_metric_requested_for_the_first_time_is_not_cached_while_another_rollup_is_built(
    runtime: Runtime,
) -> None:
    calculator = runtime.calculator
    queried = runtime.engine.calculation_queries
    calculator.calculate_all([REQUESTED_TWICE, REQUESTED_TWICE], AT)
    held, catalog = HeldQueries(queried), WatchedCatalog(runtime)
    with ThreadPoolExecutor(4) as threads:
        building_pool = CalculationPool(held, threads)  # type: ignore[arg-type]  # the two methods it calls
        building = Calculator(runtime.engine, catalog, calculator.cache, building_pool)
        waiting = Calculator(
            runtime.engine, catalog, calculator.cache, CalculationPool(queried, threads)
        )
        first = threads.submit(building.calculate_all, [REQUESTED_TWICE] * 2, AT)
        assert held.reached.wait(60)
        catalog.read.clear()
        second = threads.submit(waiting.calculate_all, [REQUESTED_TWICE, REQUESTED_FIRST], AT)
        assert catalog.read.wait(60)
        assert not second.done()
        held.released.set()
        first.result()
        second.result()
    before = queries(runtime)
    calculator.calculate_all([REQUESTED_FIRST] * 2, AT)
    assert queries(runtime) > before + 1, "a rollup existed already"
    before = queries(runtime)
    calculator.calculate_all([REQUESTED_FIRST] * 2, AT)
    assert queries(runtime) == before + 1, "the second request built no rollup"


def test_a_metric_stays_cached_while_catching_up_takes_longer_than_a_query(
    runtime: Runtime,
) -> None:
    delayed = DelayedQueries(runtime.engine.calculation_queries)
    with ThreadPoolExecutor(2) as threads:
        pool = CalculationPool(delayed, threads)  # type: ignore[arg-type]  # the two methods it calls
        calculator = Calculator(runtime.engine, runtime.catalog, runtime.calculator.cache, pool)
        for _ in range(8):
            record_one(runtime)
            calculator.calculate(REQUESTED_TWICE, AT)
    assert calculator.cache.should_cache(REQUESTED_TWICE)

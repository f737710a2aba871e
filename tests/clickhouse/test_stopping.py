"""Calculations end when the service stops; recording continues."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.deployments import settings_in
from support.engines import statements_running
from tocsin.clickhouse.sql.query import Query
from tocsin.errors import Stopping, TocsinError
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.metrics.draft import read_metric
from tocsin.runtime import Runtime

LONG = Query("SELECT sum(cityHash64(number)) FROM numbers(1000000000000)")
SENT = {
    "interactionId": "7f1f4b1c-6f0c-4e29-8f7a-0c4d7e1a9b11",
    **{"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"},
}


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Runtime]:
    runtime = Runtime(settings_in(tmp_path))
    yield runtime
    runtime.close()


def begin(runtime: Runtime, ended: list[TocsinError]) -> threading.Thread:
    """A calculation that would take an hour, once it runs."""

    def calculate() -> None:
        try:
            runtime.engine.run(LONG)
        except TocsinError as error:
            ended.append(error)

    thread = threading.Thread(target=calculate)
    thread.start()
    deadline = time.monotonic() + 10
    while not statements_running(runtime.engine, "SELECT sum(cityHash64"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return thread


def test_running_calculations_end_and_new_ones_are_rejected(opened: Runtime) -> None:
    ended: list[TocsinError] = []
    thread = begin(opened, ended)
    opened.engine.stop_calculating()
    thread.join(5)
    assert [type(error) for error in ended] == [Stopping]
    _, question = read_metric({"name": "All", "metricType": "COUNT"}, opened.catalog)
    with pytest.raises(Stopping):
        opened.calculator.calculate(question, opened.now())
    with pytest.raises(Stopping):
        opened.calculator.explain(question, opened.now())


def test_a_killed_query_is_never_an_answer(opened: Runtime) -> None:
    """The engine may end a killed query without an error, and without its rows."""
    count = 20_000_000
    groups = Query(f"SELECT number % 2 AS n, count() FROM numbers({count}) GROUP BY n ORDER BY n")

    def calculate() -> None:
        while opened.engine.run(groups) == [(0, count // 2), (1, count // 2)]:
            pass
        raise AssertionError("a part of the rows was answered")

    with ThreadPoolExecutor(8) as threads:
        calculating = [threads.submit(calculate) for _ in range(8)]
        time.sleep(0.5)
        opened.stop_calculating()
        assert {type(future.exception()) for future in calculating} == {Stopping}


def test_interactions_that_arrive_during_the_stop_are_recorded_once(opened: Runtime) -> None:
    opened.engine.stop_calculating()
    for accepted, duplicates in ((1, 0), (0, 1)):
        batch = opened.recorder.record_batch(
            [json.dumps(SENT).encode()], RequestContext(received=0)
        )
        assert (batch.accepted, batch.duplicates) == (accepted, duplicates)
    assert opened.engine.rows() == 1


def test_closing_does_not_wait_for_a_calculation(tmp_path: Path) -> None:
    runtime = Runtime(settings_in(tmp_path))
    ended: list[TocsinError] = []
    thread = begin(runtime, ended)
    began = time.monotonic()
    runtime.close()
    assert time.monotonic() - began < 5
    thread.join(5)
    assert [type(error) for error in ended] == [Stopping]

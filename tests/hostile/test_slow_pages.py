"""Slow calculations of pages delay neither other pages nor recording, and a full queue says so."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2 as httpx
import pytest
from fastapi.testclient import TestClient

from support.deployments import settings_in
from support.engines import statements_running
from support.installation import ADMIN_KEY, ONE
from tocsin.api.app import create_app
from tocsin.clickhouse.sql.query import Query
from tocsin.errors import TocsinError
from tocsin.model.ceilings import PAGE_QUESTION_QUEUE, QUEUE_FOR_EACH_THREAD
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.draft import MetricDraft
from tocsin.model.metrics.question import Question
from tocsin.process import pools
from tocsin.process.pools import PAGE_QUESTION_THREADS, Pool
from tocsin.runtime import Runtime
from tocsin.web.app import add_pages

ADMITTED = PAGE_QUESTION_THREADS + PAGE_QUESTION_QUEUE
REFUSED = 5
# More than the framework has threads.
VIEWERS = 50
CONCURRENCY = 2
PATIENCE = 250
# Holds a client of the engine for longer than any test takes, without computing.
SLEEPING = Query(
    "SELECT count() FROM numbers(1000000) WHERE sleepEachRow(0.01) = 0 SETTINGS max_block_size = 1"
)


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """Nothing that waits gives up while a slow machine runs a test."""
    monkeypatch.setattr(pools, "QUEUE_SECONDS", PATIENCE)
    settings = settings_in(
        tmp_path,
        admin_key=ADMIN_KEY,
        query_concurrency=CONCURRENCY,
        query_seconds=PATIENCE,
    )
    runtime = Runtime(settings)
    runtime.key_service.adopt(runtime.settings.admin_key)
    yield runtime
    runtime.close()


@pytest.fixture
def viewer(opened: Runtime) -> Iterator[TestClient]:
    """A browser that is signed in, on one event loop for all its requests."""
    app = create_app(opened)
    add_pages(app, opened)
    headers = {"sec-fetch-site": "same-origin", "x-api-key": ADMIN_KEY}
    with TestClient(app, headers=headers, follow_redirects=False) as client:
        assert sign_in(client).status_code == 303
        yield client


def sign_in(client: TestClient) -> httpx.Response:
    answer: httpx.Response = client.post("/web/sign-in", data={"key": ADMIN_KEY})
    return answer


def until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def clients_of_pages_held(runtime: Runtime) -> Iterator[None]:
    """Queries that sleep hold every client that pages share, until the calculations are ended."""

    def sleep() -> None:
        with suppress(TocsinError):
            runtime.engine.page_queries.run(SLEEPING)

    sleepers = [threading.Thread(target=sleep) for _ in range(PAGE_QUESTION_THREADS)]
    for sleeper in sleepers:
        sleeper.start()
    try:
        beginning = "SELECT count() FROM numbers"
        until(lambda: statements_running(runtime.engine, beginning) >= PAGE_QUESTION_THREADS)
        yield
    finally:
        runtime.stop_calculating()
        for sleeper in sleepers:
            sleeper.join()


@contextmanager
def threads_held(pool: Pool, count: int) -> Iterator[None]:
    """Calls that wait for a gate hold `count` places of a pool."""
    gate, held = threading.Event(), threading.Event()

    async def hold() -> None:
        calls = [asyncio.create_task(pool.run(gate.wait)) for _ in range(count)]
        await asyncio.sleep(0)
        held.set()
        await asyncio.gather(*calls)

    holding = threading.Thread(target=lambda: asyncio.run(hold()))
    holding.start()
    try:
        assert held.wait(PATIENCE)
        yield
    finally:
        gate.set()
        holding.join()


def trends(runtime: Runtime, count: int) -> list[str]:
    """The addresses of the trends of new metrics."""
    question = Question(aggregation=Aggregation.COUNT)
    ids = [
        runtime.metrics.create(MetricDraft(name=f"m{n}"), question, runtime.now()).metric_id
        for n in range(count)
    ]
    return [f"/web/metrics/{id}/trend.svg" for id in ids]


def waiting(requests: list[Future[httpx.Response]]) -> int:
    return sum(not request.done() for request in requests)


def test_all_else_is_answered_while_calculations_of_pages_are_not(
    opened: Runtime, viewer: TestClient
) -> None:
    addresses = trends(opened, ADMITTED + REFUSED)
    with ThreadPoolExecutor(len(addresses) + VIEWERS) as viewers:
        with clients_of_pages_held(opened):
            requests = [viewers.submit(viewer.get, address) for address in addresses]
            until(lambda: waiting(requests) <= ADMITTED)
            _all_else_is_answered(viewer)
            assert waiting(requests) == ADMITTED
        answers = [request.result(PATIENCE) for request in requests]
    assert {answer.status_code for answer in answers} == {503}
    assert all("retry-after" in answer.headers for answer in answers)
    busy = [answer for answer in answers if "the queue is full" in answer.text]
    assert len(busy) == REFUSED


def _all_else_is_answered(client: TestClient) -> None:
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200
    assert client.post("/api/interactions", json=ONE).status_code == 201
    assert client.post("/api/interactions/batch", json=[ONE]).status_code == 201
    assert client.post("/api/interaction-metrics/preview", json={"metricType": "COUNT"}).is_success
    assert sign_in(client).status_code == 303
    for path in ("alerts", "catalog", "interactions", "keys", "metrics/new", "deliveries"):
        assert client.get(f"/web/{path}").status_code == 200, path


def test_viewers_who_wait_for_the_same_calculation_take_one_place(
    opened: Runtime, viewer: TestClient
) -> None:
    pool = opened.pools.page_questions
    with ThreadPoolExecutor(VIEWERS) as viewers:
        with threads_held(pool, ADMITTED - 1):
            requests = [viewers.submit(viewer.get, "/") for _ in range(VIEWERS)]
            _all_else_is_answered(viewer)
            assert waiting(requests) == VIEWERS
        assert {request.result(PATIENCE).status_code for request in requests} == {200}


@pytest.mark.parametrize("path", ["/", "/web/metrics"])
def test_a_page_that_finds_no_place_says_that_the_server_is_busy(
    opened: Runtime, viewer: TestClient, path: str
) -> None:
    with threads_held(opened.pools.page_questions, ADMITTED):
        page = viewer.get(path, headers={"accept": "text/html"})
        assert (page.status_code, page.headers["retry-after"]) == (503, "5")
        assert page.headers["content-type"].startswith("text/html")
        assert "the queue is full" in page.text
    assert viewer.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/web/metrics/preview", "/web/alerts/preview"])
def test_a_preview_that_finds_no_place_is_a_fragment_that_says_so(
    opened: Runtime, viewer: TestClient, path: str
) -> None:
    form = {"metricType": "COUNT", "operator": "gt", "threshold": "1"}
    with threads_held(opened.pools.questions, CONCURRENCY * (1 + QUEUE_FOR_EACH_THREAD)):
        preview = viewer.post(path, data=form)
    assert preview.status_code == 503
    assert preview.headers["retry-after"] == "5"
    assert "the queue is full" in preview.text
    assert "<nav" not in preview.text

"""Slow questions of a reader delay neither recording, nor health, pages, alerts or a stop."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from uuid import uuid4

import httpx2 as httpx
import pytest

from support.questions import (
    NAMED,
    Answers,
    asked_for_ever,
    backtest,
    calculation,
    metric,
    read_key,
    record_groups,
)
from support.serving import Server

CONCURRENCY = 2
CALLERS = 40
# Running calculations, and sixteen waiting ones for each of them.
ADMITTED = CONCURRENCY * 17
MIB_IN_KIB = 1024
PATIENCE = 60


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Server]:
    """A server with 10,000 groups, of which a backtest takes half a minute."""
    server = Server(tmp_path / "data", {"TOCSIN_QUERY_CONCURRENCY": str(CONCURRENCY)})
    server.start()
    with server.client() as client:
        record_groups(client, 10_000)
    yield server
    if server.process and server.process.poll() is None:
        server.kill()


def until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_all_else_is_answered_while_slow_questions_are_not(started: Server) -> None:
    with started.client() as admin:
        many = metric(admin, "many", groupBy=["interaction.many"])
        ask, key = backtest(many), read_key(admin)
        alert = _alert(admin, metric(admin, "all", timeWindow="1h"), above=10_000)
        with ThreadPoolExecutor(CALLERS) as callers:

            def asked() -> httpx.Response:
                headers = {"x-api-key": key}
                with httpx.Client(base_url=started.url, headers=headers, timeout=300) as client:
                    return ask(client)

            questions = [callers.submit(asked) for _ in range(CALLERS)]
            until(lambda: sum(question.done() for question in questions) >= CALLERS - ADMITTED)
            _all_else_is_answered(admin)
            # The interactions that were just recorded make it fire, between two slots.
            transitions = f"/api/interaction-alerts/{alert}/transitions"
            until(lambda: bool(admin.get(transitions).json()["transitions"]))
            refused = {question for question in questions if question.done()}
            # On a slow machine those that waited too long may have been refused by now, too.
            assert len(questions) - len(refused) >= CONCURRENCY
            assert started.stop() == 0
            answered = set(wait(questions).done)
    answers = Answers()
    for question in answered:
        answers.add(question.result())
    assert answers.statuses == {503: CALLERS}
    assert not answers.wrong
    busy = [question.result() for question in refused]
    assert all("the queue is full" in answer.json()["detail"] for answer in busy)


def _alert(admin: httpx.Client, metric_id: str, above: int) -> str:
    body = {
        **{"title": "watched", "metricId": metric_id, "operator": "gt", "threshold": above},
        **{"alertAction": "fired", "recoveryAction": "recovered", "interval": "10s"},
    }
    answer = admin.post("/api/interaction-alerts", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["alertId"])


def _all_else_is_answered(admin: httpx.Client) -> None:
    interaction = {**NAMED, "interactionId": str(uuid4())}
    assert admin.post("/api/interactions", json=interaction).status_code == 201
    # A repeat is looked up in the engine, once to find it and once to show it.
    assert admin.post("/api/interactions", json=interaction).status_code == 200
    batch = admin.post("/api/interactions/batch", json=[interaction, NAMED]).json()
    assert (batch["accepted"], batch["duplicates"]) == (1, 1)
    signed_in = {"sec-fetch-site": "same-origin"}
    page = admin.post("/web/sign-in", data={"key": admin.headers["x-api-key"]}, headers=signed_in)
    assert page.status_code == 303
    for path in (
        *("/healthz", "/readyz", "/metrics", "/api/interactions?limit=1", "/api/keys"),
        *("/", "/web/metrics", "/web/alerts", "/web/catalog", "/web/interactions"),
    ):
        assert admin.get(path).status_code == 200, path


@pytest.mark.long
def test_recording_health_and_alerts_under_eighty_slow_callers_and_a_stop(tmp_path: Path) -> None:
    """The figures of issue 13; they hold on two cores without other load."""
    server = Server(tmp_path / "data")
    server.start()
    with server.client() as admin:
        record_groups(admin, 300_000)
        wide = metric(admin, "wide", groupBy=["interaction.wide"])
        many = metric(admin, "many", groupBy=["interaction.many"])
        _alert(admin, metric(admin, "all", timeWindow="5m"), above=0)
        asks = [*[backtest(many)] * CALLERS, *[calculation(wide)] * CALLERS]
        with asked_for_ever(server, read_key(admin), asks) as answers:
            figures = _measured(server, seconds=60)
            counted = admin.get("/metrics").text
            peak = _peak_memory(server)
            began = time.monotonic()
            assert server.stop(patience=60) == 0
            stopped_after = time.monotonic() - began
    assert answers.statuses.keys() <= {200, 422, 503}
    assert answers.statuses[200]
    assert not answers.wrong
    assert "tocsin_alert_slots_missed_total 0.0" in counted
    assert figures["record"] < 0.150, figures
    assert figures["repeat"] < 0.150, figures
    assert figures["healthz"] < 0.050, figures
    assert peak < 2048 * MIB_IN_KIB
    assert stopped_after < 8


def _measured(server: Server, seconds: float) -> dict[str, float]:
    """The median seconds of each of some requests that are made all the time."""
    repeated = {**NAMED, "interactionId": str(uuid4())}
    requests: dict[str, Callable[[httpx.Client], httpx.Response]] = {
        "healthz": lambda client: client.get("/healthz"),
        "record": lambda client: client.post("/api/interactions", json=NAMED),
        "repeat": lambda client: client.post("/api/interactions", json=repeated),
    }
    taken: dict[str, list[float]] = {name: [] for name in requests}
    is_over = threading.Event()

    def measure(name: str) -> None:
        with server.client() as client:
            while not is_over.wait(0.05):
                began = time.monotonic()
                assert requests[name](client).is_success
                taken[name].append(time.monotonic() - began)

    with ThreadPoolExecutor(len(requests)) as threads:
        measuring = [threads.submit(measure, name) for name in requests]
        is_over.wait(seconds)
        is_over.set()
        for future in measuring:
            future.result()
    return {name: statistics.median(times) for name, times in taken.items()}


def _peak_memory(server: Server) -> int:
    """KiB resident at most since the process started."""
    assert server.process
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])

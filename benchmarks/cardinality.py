"""Measures a metric with a million groups, and its effect on other metrics."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event

from benchmarks.compare import Timing
from benchmarks.connection import Connection
from benchmarks.tocsin_server import Server, instant

GROUPS = 1_000_000
CALLS, OTHER_CALLS, CROWD = 5, 200, 50
HEAVY = {
    "name": "Interactions by number",
    "metricType": "COUNT",
    "filters": [{"field": "interaction.number", "operator": "lt", "value": GROUPS}],
    "groupBy": ["interaction.number"],
}
LIGHT = {
    "name": "Logins, 1h",
    "metricType": "COUNT",
    "resourceType": "user",
    "action": "login",
    "timeWindow": "1h",
}


@dataclass(frozen=True, slots=True)
class Cardinality:
    """Bytes are peaks of resident memory; `crowd` has the statuses of fifty concurrent calls."""

    rows_answered: int
    is_truncated: bool
    group_count: int | None
    heavy: Timing
    resident_before: int
    peak: int
    light_alone: Timing
    light_beside: Timing
    crowd: dict[str, int]
    crowd_seconds: float
    crowd_peak: int


def measure(server: Server, heavy_id: str, light_id: str, until: datetime) -> Cardinality:
    """The light metric alone, the heavy one alone, both, and fifty concurrent heavy ones."""
    light_alone = _light(server.connection, light_id, until)
    before = server.memory().resident
    server.forget_peak()
    heavy, answer = _heavy(server, heavy_id, until)
    with _without_pause(server, heavy_id, until):
        light_beside = _light(server.connection, light_id, until)
    peak = server.memory().peak
    server.forget_peak()
    began = time.monotonic()
    crowd = _crowd(server, heavy_id, until)
    seconds = time.monotonic() - began
    return Cardinality(
        len(answer["results"]), answer.get("truncated", False), answer.get("groupCount"), heavy,
        before, peak, light_alone, light_beside, crowd, seconds, server.memory().peak,
    )  # fmt: skip


def _heavy(server: Server, metric_id: str, until: datetime) -> tuple[Timing, dict]:  # type: ignore[type-arg]
    runs = []
    for n in range(CALLS):
        began = time.perf_counter()
        content = server.calculate(metric_id, until - timedelta(milliseconds=n))
        runs.append(time.perf_counter() - began)
    return Timing(runs), json.loads(content)


def _light(connection: Connection, metric_id: str, until: datetime) -> Timing:
    runs = []
    for n in range(OTHER_CALLS):
        began = time.perf_counter()
        _ask(connection, metric_id, until - timedelta(milliseconds=n))
        runs.append(time.perf_counter() - began)
    return Timing(runs)


@contextmanager
def _without_pause(server: Server, metric_id: str, until: datetime) -> Iterator[None]:
    """Meanwhile another client asks again and again."""
    done = Event()

    def ask() -> None:
        with server.connect() as connection:
            while not done.is_set():
                _ask(connection, metric_id, until)

    with ThreadPoolExecutor(1) as threads:
        asking = threads.submit(ask)
        try:
            yield
        finally:
            done.set()
        asking.result()


def _crowd(server: Server, metric_id: str, until: datetime) -> dict[str, int]:
    def ask(n: int) -> int:
        with server.connect() as connection:
            return _ask(connection, metric_id, until - timedelta(milliseconds=n))

    with ThreadPoolExecutor(CROWD) as threads:
        return {str(status): n for status, n in Counter(threads.map(ask, range(CROWD))).items()}


def _ask(connection: Connection, metric_id: str, at: datetime) -> int:
    path = f"/api/interaction-metrics/{metric_id}/calculate?at={instant(at)}"
    return connection.request("POST", path)[0]

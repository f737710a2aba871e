"""Measures calculations and ingestion at the same time, and each of them alone.

Interactions of ten new minutes arrive over four connections while four clients calculate without
pause: every question of the benchmark, each client in its own order. Both are also measured alone
on the same server; calculations before and after, because the table grows meanwhile.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from statistics import geometric_mean, median
from threading import Event

import numpy as np

from benchmarks import data
from benchmarks.compare import Timing
from benchmarks.load import Ingestion, Plan, ingest
from benchmarks.tocsin_server import Server, instant, wait_until_quiet

CLIENTS, CONNECTIONS, BATCH = 4, 4, 5_000
IDLE_SECONDS = 12.0
ROWS, SPAN = 300_000, timedelta(minutes=10)
Call = tuple[str, float, float]
"""Which question, when it was asked, and how long it took."""


@dataclass(frozen=True, slots=True)
class Mixed:
    """Ingestion and calculations alone, and beside each other."""

    ingestion_alone: Ingestion
    ingestion_beside: Ingestion
    idle: dict[str, Timing]
    beside: dict[str, Timing]
    peak: int

    @property
    def ingestion_kept(self) -> float:
        return self.ingestion_beside.per_second / self.ingestion_alone.per_second

    @property
    def slower(self) -> dict[str, float]:
        """By question, how many times its idle time it takes in the middle."""
        return {name: t.median / self.idle[name].median for name, t in self.beside.items()}

    @property
    def slower_on_average(self) -> float:
        return geometric_mean(self.slower.values())


def measure(
    server: Server, folder: Path, metrics: Mapping[str, str], seed: int, until: datetime, rows: int
) -> Mixed:
    """`metrics` has the id of each question."""
    file, end = folder / "live.ndjson", until + SPAN
    ends = np.concatenate(list(data.write_ndjson(file, data.live(rows, seed, until, SPAN))))
    half = rows // 2
    server.forget_peak()
    alone = ingest(server.address, server.key, file, ends, _plan(range(half)))
    wait_until_quiet(server.process.pid)
    idle = _idle(server, metrics, end)
    with _calculating(server, metrics, end) as calls:
        beside = ingest(server.address, server.key, file, ends, _plan(range(half, rows)))
        ended = time.monotonic()
    wait_until_quiet(server.process.pid)
    idle += _idle(server, metrics, end)
    during = [call for call in calls if ended - beside.seconds <= call[1] <= ended]
    return Mixed(alone, beside, _timings(idle), _timings(during), server.memory().peak)


def _plan(rows: range) -> Plan:
    return Plan(BATCH, CONNECTIONS, rows)


def _idle(server: Server, metrics: Mapping[str, str], at: datetime) -> list[Call]:
    with _calculating(server, metrics, at) as calls:
        time.sleep(IDLE_SECONDS)
    return calls[len(calls) // 10 :]  # what is kept between calculations is made at first


@contextmanager
def _calculating(server: Server, metrics: Mapping[str, str], at: datetime) -> Iterator[list[Call]]:
    """Four clients calculate without pause until the block ends."""
    done, calls, moments = Event(), list[Call](), count()
    with ThreadPoolExecutor(CLIENTS) as threads:
        clients = [
            threads.submit(_client, server, metrics, at, number, moments, done, calls)
            for number in range(CLIENTS)
        ]
        try:
            yield calls
        finally:
            done.set()
        for client in clients:
            client.result()


def _client(
    server: Server,
    metrics: Mapping[str, str],
    at: datetime,
    number: int,
    moments: Iterator[int],
    done: Event,
    calls: list[Call],
) -> None:
    order = list(metrics.items())
    random.Random(number).shuffle(order)
    with server.connect() as connection:
        while True:
            for name, metric_id in order:
                if done.is_set():
                    return
                moment = instant(at + timedelta(milliseconds=next(moments)))
                path = f"/api/interaction-metrics/{metric_id}/calculate?at={moment}"
                began = time.monotonic()
                status, answer = connection.request("POST", path)
                calls.append((name, began, time.monotonic() - began))
                if status != 200:
                    raise RuntimeError(f"{name} answered {status}: {answer.decode()}")


def _timings(calls: list[Call]) -> dict[str, Timing]:
    runs: defaultdict[str, list[float]] = defaultdict(list)
    for name, _, seconds in calls:
        runs[name].append(seconds)
    return {name: Timing(seconds) for name, seconds in sorted(runs.items())}


def middle(timings: Mapping[str, Timing]) -> float:
    """The middle of all calculations, whatever was asked."""
    return median(seconds for timing in timings.values() for seconds in timing.runs)

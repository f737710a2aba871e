"""Measures how fast a server records new interactions of `years`, and what it needs meanwhile."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import metric_set
from benchmarks.connection import NDJSON
from benchmarks.defining import define
from benchmarks.load import Plan, ingest
from benchmarks.sizes import years
from benchmarks.sizes.timing import processor_seconds
from benchmarks.tocsin_server import Server

SEED = 20
MIB = 1 << 20
SPAN = timedelta(hours=1)
METRICS, WARMING = 100, 5
STEADY, BESIDE = 150_000, 1_000_000
SAMPLED_EVERY = 0.5  # seconds
BATCH = "/api/interactions/batch"


def measure(
    server: Server, data_dir: Path, until: datetime, batches: int, singles: int
) -> dict[str, Any]:
    """Interactions in batches, then others one by one."""
    file = data_dir.parent / "interactions.ndjson"
    ends = _write(file, until, batches + singles)
    plans = {
        "batches of 5,000": Plan(5_000, 4, range(batches)),
        "single interactions": Plan(1, 64, range(batches, batches + singles)),
    }
    figures: dict[str, Any] = {}
    before = _parts_and_bytes(data_dir)
    for name, plan in plans.items():
        used = processor_seconds(server)
        with _sampling(data_dir) as samples:
            sent = ingest(server.address, server.key, file, ends, plan)
        microseconds = 1e6 * (processor_seconds(server) - used) / len(plan.rows)
        figures[f"{name}, a second"] = sent.per_second
        figures[f"{name}, µs of the server's processor time"] = microseconds
        more = max(parts for parts, _ in samples) - before[0]
        figures[f"{name}: parts that were added at most, merged ones included"] = more
        written = max(size for _, size in samples) - before[1]
        figures[f"{name}: MiB that were added on disk at most"] = written / MIB
    figures["resident at most while recording, MiB"] = server.memory().peak / MIB
    return figures


def measure_memory(server: Server, data_dir: Path, until: datetime) -> dict[str, Any]:
    """All metrics are calculated every second while interactions arrive, first 5,000 a second, then
    a million as fast as possible, after their fields have become columns."""
    file = data_dir.parent / "interactions.ndjson"
    ends = _write(file, until, STEADY + BESIDE)
    began = time.monotonic()
    define(server, [metric.definition for metric in metric_set.metrics(METRICS, SEED)], until)
    promoted = time.monotonic() - began
    for turn in range(WARMING):
        server.calculate_all(until + turn * timedelta(seconds=7))
    warm = server.memory()
    steady = _record_steadily(server, file, ends, until)
    steady_peak = server.memory().peak
    resident: list[int] = []
    with (
        _calculating(server, until) as calculated,
        _repeating(lambda: resident.append(server.memory().resident), SAMPLED_EVERY),
    ):
        plan = Plan(5_000, 4, range(STEADY, STEADY + BESIDE))
        sent = ingest(server.address, server.key, file, ends, plan)
    return {
        "100 metrics defined, and their fields materialized, s": promoted,
        "resident with 100 warm metrics, MiB": warm.resident / MIB,
        "resident while these are calculated and 5,000 arrive every second, MiB, median": (
            float(np.median(steady)) / MIB
        ),
        "resident while these are calculated and 5,000 arrive every second, MiB, at most": (
            steady_peak / MIB
        ),
        "resident while these are calculated and a million arrives, MiB, median": (
            float(np.median(resident)) / MIB
        ),
        "resident while these are calculated and a million arrives, MiB, at most": (
            server.memory().peak / MIB
        ),
        "batches of 5,000 beside calculations, a second": sent.per_second,
        "calculations of all 100 beside batches, ms": 1000 * float(np.median(calculated)),
    }


def _record_steadily(
    server: Server, file: Path, ends: NDArray[np.int64], until: datetime
) -> list[int]:
    """The resident bytes after each second, in which 5,000 arrive and all metrics are
    calculated."""
    resident = []
    with file.open("rb") as content, server.connect() as connection:
        for begin, end in Plan(5_000, 1, range(STEADY)).bodies(ends):
            began = time.monotonic()
            body = content.read(end - begin)
            status, answer = connection.request("POST", BATCH, body, NDJSON)
            if status != 201:
                raise RuntimeError(f"{BATCH} answered {status}: {answer.decode()}")
            server.calculate_all(until + SPAN)
            resident.append(server.memory().resident)
            time.sleep(max(1 - (time.monotonic() - began), 0))
    return resident


def _write(file: Path, until: datetime, rows: int) -> NDArray[np.int64]:
    """Write interactions as senders do; where in the file each line ends."""
    sizes = []
    with file.open("wb") as content:
        for block in years.live(SEED, until, SPAN, rows):
            for line in block.lines():
                content.write(line)
                sizes.append(len(line))
    return np.cumsum(sizes)


@contextmanager
def _sampling(data_dir: Path) -> Iterator[list[tuple[int, int]]]:
    """Parts and bytes from time to time."""
    samples = [_parts_and_bytes(data_dir)]
    with _repeating(lambda: samples.append(_parts_and_bytes(data_dir)), SAMPLED_EVERY):
        yield samples


@contextmanager
def _calculating(server: Server, until: datetime) -> Iterator[list[float]]:
    """The seconds of calculations of all metrics, one each second."""
    seconds: list[float] = []

    def calculate() -> None:
        began = time.perf_counter()
        server.calculate_all(until + SPAN)
        seconds.append(time.perf_counter() - began)

    with _repeating(calculate, 1.0):
        yield seconds


@contextmanager
def _repeating(do: Callable[[], object], pause: float) -> Iterator[None]:
    done = Event()

    def repeat() -> None:
        while not done.wait(pause):
            do()

    thread = Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _parts_and_bytes(data_dir: Path) -> tuple[int, int]:
    """The parts that have a folder, and the bytes in use on the file system: other programs should
    not write meanwhile. To add up the files of each part would take a core."""
    parts = sum(1 for _ in (data_dir / "engine" / "store").glob("*/*/[0-9]*"))
    return parts, shutil.disk_usage(data_dir).used

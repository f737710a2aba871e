"""Times repeated requests: the median, the least, and the processor time of the server."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.tocsin_server import Server


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds; `processor` is that of the server for one request, on average."""

    first: float
    median: float
    least: float
    processor: float
    count: int


def timed(server: Server, request: Callable[[int], object], count: int) -> Timing:
    """Make a request `count` times and once before; `request` gets the number of the turn."""
    first = _milliseconds(partial(request, 0))
    used = processor_seconds(server)
    times = [_milliseconds(partial(request, turn)) for turn in range(1, count + 1)]
    processor = 1000 * (processor_seconds(server) - used) / count
    return Timing(first, median(times), min(times), processor, count)


def _milliseconds(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return 1000 * (time.perf_counter() - began)


def processor_seconds(server: Server) -> float:
    """The processor time of all threads that live, which is more precise than that of `stat`."""
    total = 0
    for task in Path(f"/proc/{server.process.pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except FileNotFoundError:
            continue
    return total / 1e9

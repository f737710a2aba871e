"""Measures many metrics calculated together, one after the other, and by PostgreSQL.

Each trial begins with a new server process, because the effect of its cache is measured: the first
trial calculates the metrics one by one and then together; the second calculation of all stores
partial aggregates, and later ones read them. The instant advances by some seconds each time, as in
real use.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count, islice
from statistics import median
from typing import TypeVar

from benchmarks.askers import read_answer
from benchmarks.combined import Times
from benchmarks.compare import Answer, check_equal
from benchmarks.defining import define, wait_until_promoted
from benchmarks.metric_set import Asked
from benchmarks.tocsin_server import Server

WARM_CALLS = 20
BEGINS_BEFORE, MOVES_BY = timedelta(minutes=10), timedelta(seconds=7)
T = TypeVar("T")
Serving = Callable[[], AbstractContextManager[Server]]


@dataclass
class Many:
    """Seconds of each trial; those of PostgreSQL by spelling, None for what took too long."""

    metrics: int
    one_by_one: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    second: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    peak: int = 0
    promoted_after: float = 0.0
    postgres: Times = field(default_factory=dict)

    @property
    def first_seconds(self) -> float:
        return median(self.first)

    @property
    def warm_seconds(self) -> float:
        return median(self.warm)

    @property
    def first_ratio(self) -> float:
        return self.first_seconds / median(self.one_by_one)

    @property
    def warm_ratio(self) -> float:
        return self.warm_seconds / median(self.one_by_one)


def measure(serving: Serving, questions: Sequence[Asked], until: datetime, trials: int) -> Many:
    """Tocsin's part. Raises RuntimeError if the values together differ from those one by one."""
    many = Many(len(questions))
    with serving() as server:
        began = time.monotonic()
        definitions = [metric.definition for metric in questions]
        ids = define(server, definitions, until)
        many.promoted_after = time.monotonic() - began
    for _ in range(trials):
        with serving() as server:
            wait_until_promoted(server, definitions, ids, until)
            _trial(server, questions, ids, _instants(until), many)
            many.peak = max(many.peak, server.memory().peak)
    return many


def _trial(
    server: Server,
    questions: Sequence[Asked],
    ids: Sequence[str],
    at: Iterator[datetime],
    many: Many,
) -> None:
    first = next(at)
    seconds, singles = _timed(lambda: [server.calculate(metric_id, first) for metric_id in ids])
    many.one_by_one.append(seconds)
    seconds, together = _timed(lambda: server.calculate_all(first))
    many.first.append(seconds)
    _check(questions, singles, together)
    second = next(at)
    many.second.append(_timed(lambda: server.calculate_all(second))[0])
    for later in islice(at, WARM_CALLS):
        seconds, together = _timed(partial(server.calculate_all, later))
        many.warm.append(seconds)
    singles = [server.calculate(metric_id, later) for metric_id in ids]
    _check(questions, singles, together)


def answers_of(questions: Sequence[Asked], content: bytes) -> dict[str, Answer]:
    """The values of calculate-all, by the name of the metric."""
    by_name = {metric.name: metric.definition for metric in questions}
    results = json.loads(content)["results"]
    return {each["metricName"]: read_answer(by_name[each["metricName"]], each) for each in results}


def _check(questions: Sequence[Asked], singles: Sequence[bytes], together: bytes) -> None:
    values = answers_of(questions, together)
    for metric, content in zip(questions, singles, strict=True):
        alone = read_answer(metric.definition, json.loads(content))
        check_equal(metric.name, {"calculate": alone, "calculate-all": values[metric.name]})


def _instants(until: datetime) -> Iterator[datetime]:
    return (until - BEGINS_BEFORE + n * MOVES_BY for n in count())


def _timed(do: Callable[[], T]) -> tuple[float, T]:
    began = time.perf_counter()
    answer = do()
    return time.perf_counter() - began, answer

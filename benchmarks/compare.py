"""How long does each system take for the same question, once it has given the same answer?

The systems take turns within a round, in changing order, so that a disturbance hits all of them.
Each round asks as of another millisecond: nobody answers from a cache of the question itself, as
nobody would in real use, where `at` is always now.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from statistics import median
from typing import Any

import psycopg

from benchmarks.data import CODES
from benchmarks.queries import Case
from benchmarks.tocsin_server import Server

TOCSIN, BY_HAND, POSTGRES = "Tocsin over HTTP", "ClickHouse by hand", "PostgreSQL by hand"
TOLERANCE = 1e-9
TRIALS = 3
WARM_ROUNDS = 2
LEAST_RUNS, MOST_RUNS = 7, 40
CASE_SECONDS = 30.0

Answer = dict[tuple[str | None, ...], float | None]


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Asker:
    """One question to one system: `ask` is timed, what is before and after it is not."""

    ask: Callable[[datetime], Any]
    read: Callable[[Any], Answer]
    spelling: str
    before: Callable[[], None] = _nothing


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of each run."""

    runs: list[float]

    @property
    def median(self) -> float:
        return median(self.runs)

    @property
    def p95(self) -> float:
        return percentile(self.runs, 95)


@dataclass(frozen=True, slots=True)
class Result:
    """A question, the rows of its answer, and by system what was asked and how long it took."""

    name: str
    is_scoped_window: bool
    answer_rows: int
    spellings: dict[str, str]
    timings: dict[str, Timing]


def tocsin(server: Server, case: Case) -> Asker:
    metric_id = server.create({"name": case.name, **case.metric})
    keys = [_dimension_key(group) for group in case.metric.get("groupBy", ())]

    def read(content: bytes) -> Answer:
        rows = json.loads(content)["results"]
        return {tuple(row["dimensions"][key] for key in keys): row["value"] for row in rows}

    return Asker(partial(server.calculate, metric_id), read, json.dumps(case.metric))


def by_hand(client: Any, ids: Mapping[str, str], at: datetime, case: Case) -> Asker:
    def ask(text: str, at: datetime) -> Any:
        instant = at.strftime("%Y-%m-%d %H:%M:%S.") + f"{at.microsecond // 1000:03d}"
        return client.query(text, parameters={**ids, "at": instant}).result_rows

    return _fastest([Asker(partial(ask, text), _read_rows, text) for text in case.clickhouse], at)


def by_postgres(connection: psycopg.Connection[Any], at: datetime, case: Case) -> Asker:
    """Each way to write it with JIT compilation off and on: the fastest of all."""

    def ask(text: str, at: datetime) -> Any:
        return connection.execute(text, {**CODES, "at": at}, prepare=True).fetchall()

    def set_jit(jit: str) -> None:
        connection.execute(f"SET jit = {jit}")

    candidates = [
        Asker(partial(ask, text), _read_rows, f"{text} -- jit {jit}", partial(set_jit, jit))
        for text in case.postgres
        for jit in ("off", "on")
    ]
    return _fastest(candidates, at)


def _fastest(candidates: Sequence[Asker], at: datetime) -> Asker:
    """The one whose best of a few trials is best."""
    trials = {
        number: min(_ask_once(candidate, at)[0] for _ in range(TRIALS))
        for number, candidate in enumerate(candidates)
    }
    return candidates[min(trials, key=lambda number: trials[number])]


def compare(case: Case, askers: Mapping[str, Asker], until: datetime) -> Result:
    """Ask all, in turns; RuntimeError as soon as two answers to one question differ."""
    runs: dict[str, list[float]] = {name: [] for name in askers}
    order = list(askers)
    answers: dict[str, Answer] = {}
    began = time.monotonic()
    for round_number in range(-WARM_ROUNDS, MOST_RUNS):
        if round_number >= LEAST_RUNS and time.monotonic() - began > CASE_SECONDS:
            break
        at = until - timedelta(milliseconds=round_number + WARM_ROUNDS)
        for name in order:
            seconds, answers[name] = _ask_once(askers[name], at)
            if round_number >= 0:
                runs[name].append(seconds)
        _check_equal(case.name, at, answers)
        order.append(order.pop(0))
    timings = {name: Timing(seconds) for name, seconds in runs.items()}
    spellings = {name: asker.spelling for name, asker in askers.items()}
    return Result(case.name, case.is_scoped_window, len(answers[order[0]]), spellings, timings)


def percentile(values: Sequence[float], percent: float) -> float:
    """The least value that so many of a hundred do not pass (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * percent / 100) - 1, 0)]


def _ask_once(asker: Asker, at: datetime) -> tuple[float, Answer]:
    asker.before()
    began = time.perf_counter()
    content = asker.ask(at)
    seconds = time.perf_counter() - began
    return seconds, asker.read(content)


def _check_equal(name: str, at: datetime, answers: Mapping[str, Answer]) -> None:
    (first, expected), *others = answers.items()
    for second, answer in others:
        if answer.keys() != expected.keys() or not all(
            _is_close(value, answer[key]) for key, value in expected.items()
        ):
            raise RuntimeError(
                f"{name} as of {at}: {first} answers {expected}, {second} answers {answer}."
            )


def _is_close(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=TOLERANCE)


def _read_rows(rows: Sequence[Sequence[Any]]) -> Answer:
    return {tuple(dimensions): value for value, *dimensions in rows}


def _dimension_key(field_name: str) -> str:
    """As "Grouping" in semantics.md has it, for the plain names used here."""
    return field_name.replace(".", "_")

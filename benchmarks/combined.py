"""The fastest way to calculate many metrics in PostgreSQL: every spelling is timed.

A group whose value is null or 0 may be present or absent: an aggregate that decides it would slow
PostgreSQL down for each metric.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg

from benchmarks.combined_sql import Spelling, one_by_one, spellings
from benchmarks.compare import Answer, check_equal
from benchmarks.metric_set import Asked

BOUND = 180.0  # seconds that a way may take at most
HOPELESS = 1.3  # times the best so far, and a way is given up
AGAIN = 2
ONE_BY_ONE = "one by one"
Connection = psycopg.Connection[Any]
Times = dict[str, float | None]
"""Seconds by the way it is written; None for a way that took too long."""


def measure(
    connection: Connection, questions: Sequence[Asked], at: datetime, expected: Mapping[str, Answer]
) -> Times:
    """RuntimeError if PostgreSQL answers anything else than expected."""
    times: Times = {}
    ways = {spelling.name: spelling for spelling in spellings(questions)}
    for jit in ("off", "on"):
        connection.execute(f"SET jit = {jit}")
        for name, spelling in ways.items():
            bound = HOPELESS * (best_of(times) or BOUND)
            times[f"{name}, jit {jit}"] = _run(connection, spelling, at, bound, expected)
    best = best_of(times)
    name = next(name for name, seconds in times.items() if seconds == best)
    spelling, jit = ways[name.rpartition(", jit ")[0]], name.rpartition(" ")[2]
    connection.execute(f"SET jit = {jit}")
    runs = [_run(connection, spelling, at, BOUND, expected) for _ in range(AGAIN)]
    times[name] = min(seconds for seconds in (best, *runs) if seconds)
    connection.execute("SET jit = off")
    times[ONE_BY_ONE] = _run(connection, one_by_one(questions), at, BOUND, expected)
    return times


def best_of(times: Times) -> float | None:
    """The time of the best way to write more than one metric in a statement."""
    return min((t for name, t in times.items() if t and name != ONE_BY_ONE), default=None)


def _run(
    connection: Connection,
    spelling: Spelling,
    at: datetime,
    bound: float,
    expected: Mapping[str, Answer],
) -> float | None:
    """Seconds for all statements; None if they take longer than `bound`."""
    rows = []
    began = time.perf_counter()
    try:
        for statement in spelling.statements:
            left = bound - (time.perf_counter() - began)
            connection.execute(f"SET statement_timeout = {max(int(left * 1000), 1)}")
            rows.append(connection.execute(statement.text, {"at": at}).fetchall())
    except psycopg.errors.QueryCanceled:
        return None
    finally:
        connection.execute("SET statement_timeout = 0")
    seconds = time.perf_counter() - began
    for statement, fetched in zip(spelling.statements, rows, strict=True):
        for name, answer in statement.read(fetched).items():
            both = {"Tocsin": _something(expected[name]), spelling.name: _something(answer)}
            check_equal(name, both)
    return seconds


def _something(answer: Answer) -> Answer:
    """Without the groups that come to nothing."""
    return {key: float(value) for key, value in answer.items() if value}

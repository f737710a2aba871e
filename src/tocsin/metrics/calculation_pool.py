"""Lanes: the clients and threads reserved for the calculations of one purpose."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass

from tocsin.clickhouse.query_runner import QueryRunner
from tocsin.process.deadline import Deadline


@dataclass(frozen=True, slots=True)
class Lane:
    """The clients of the engine and the threads that a calculation uses.

    A calculation whose lane is not patient never waits for one of another lane: it reads itself
    what the other one is about to cache.
    """

    queries: QueryRunner
    threads: Executor
    is_patient: bool = True


@dataclass(frozen=True, slots=True)
class Turn:
    """One calculation: its lane and its deadline."""

    lane: Lane
    deadline: Deadline

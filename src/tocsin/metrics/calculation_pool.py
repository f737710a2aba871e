"""The engine clients and threads that are reserved for the calculations of one purpose."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass

from tocsin.clickhouse.query_runner import QueryRunner
from tocsin.process.deadline import Deadline


@dataclass(frozen=True, slots=True)
class CalculationPool:
    """The clients of the engine and the threads that a calculation uses.

    A calculation of a pool that is not patient never waits for one of another pool. It reads the
    rows itself, even if the other one is about to cache them.
    """

    queries: QueryRunner
    threads: Executor
    is_patient: bool = True


@dataclass(frozen=True, slots=True)
class CalculationContext:
    """The pool and the deadline of one calculation."""

    pool: CalculationPool
    deadline: Deadline

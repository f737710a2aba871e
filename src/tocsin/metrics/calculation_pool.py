"""Lanes: the clients and threads that calculations of one purpose have for themselves."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass

from tocsin.clickhouse.query_runner import QueryRunner
from tocsin.process.deadline import Deadline


@dataclass(frozen=True, slots=True)
class Lane:
    """What a calculation uses of the engine and of this process.

    Without `is_patient` it waits for no calculation of another lane: what somebody else is just
    making it reads for itself.
    """

    queries: QueryRunner
    threads: Executor
    is_patient: bool = True


@dataclass(frozen=True, slots=True)
class Turn:
    """One calculation: its lane, and when it must end."""

    lane: Lane
    deadline: Deadline

"""Bounds the time of one answer, in the engine and in this process together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tocsin.errors import QueryTooHeavy, Stopping


class Deadline:
    """Carried through an answer: the engine bounds its queries by it, and loops in Python check it
    for each group or chunk."""

    def __init__(self, seconds: float, is_stopping: Callable[[], bool]) -> None:
        self._end = time.monotonic() + seconds
        self._is_stopping = is_stopping

    @property
    def remaining(self) -> float:
        """Seconds until the deadline, 0 after it."""
        return max(self._end - time.monotonic(), 0)

    def check(self) -> None:
        """Raise Stopping when the server stops, QueryTooHeavy past the deadline."""
        if self._is_stopping():
            raise Stopping
        if time.monotonic() >= self._end:
            raise QueryTooHeavy


@contextmanager
def held(lock: threading.Lock | threading.Semaphore, deadline: Deadline) -> Iterator[None]:
    """Hold a lock; raises Stopping or QueryTooHeavy if the deadline comes first."""
    if not lock.acquire(timeout=min(deadline.remaining, threading.TIMEOUT_MAX)):
        deadline.check()
        raise QueryTooHeavy
    try:
        yield
    finally:
        lock.release()

"""Bounds the time of one answer, in the engine and in this process together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

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


class held:  # noqa: N801 - used as a function; a generator takes longer, a thousand times in a call
    """Hold a lock; raises Stopping or QueryTooHeavy if the deadline comes first."""

    __slots__ = ("_deadline", "_lock")

    def __init__(self, lock: threading.Lock | threading.Semaphore, deadline: Deadline) -> None:
        self._lock = lock
        self._deadline = deadline

    def __enter__(self) -> None:
        if self._lock.acquire(blocking=False):
            return
        if not self._lock.acquire(timeout=min(self._deadline.remaining, threading.TIMEOUT_MAX)):
            self._deadline.check()
            raise QueryTooHeavy

    def __exit__(self, *_: object) -> None:
        self._lock.release()

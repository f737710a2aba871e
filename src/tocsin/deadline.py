"""The time that one answer may take, in the engine and in this process together."""

from __future__ import annotations

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

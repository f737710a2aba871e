"""What is everything worth right now? Asked once for all who look.

The first one who finds the answer too old asks anew; whoever looks meanwhile gets the one there
is. An hour with nobody looking costs nothing, and a hundred viewers cost what one does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

Answer = TypeVar("Answer")
Asked = TypeVar("Asked", bound=Hashable)

# An answer that took long is kept longer: asking takes a tenth of the engine's time at most.
_REST = 10
_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class _Made(Generic[Answer]):
    answer: Answer
    until: float


class Shared(Generic[Asked, Answer]):
    """Answers that are the same for all who ask, kept for some seconds."""

    def __init__(self, make: Callable[[Asked], Answer], seconds: float) -> None:
        self._make = make
        self._seconds = seconds
        self._made: dict[Asked, _Made[Answer]] = {}
        self._making: dict[Asked, threading.Lock] = {}
        self._changing = threading.Lock()

    def get(self, asked: Asked) -> Answer:
        """The answer, at most so old as the seconds say or a moment older; raises what asking
        raises."""
        made = self._made.get(asked)
        if made and time.monotonic() < made.until:
            return made.answer
        lock = self._lock(asked)
        # Who has an old answer does not wait for the new one.
        if not lock.acquire(blocking=made is None):
            assert made
            return made.answer
        try:
            again = self._made.get(asked)
            # Somebody else may have asked while this one waited.
            return self._renew(asked) if again is None or again is made else again.answer
        finally:
            lock.release()

    def forget(self) -> None:
        """Ask anew at the next time: something was changed."""
        with self._changing:
            self._made = {}

    def _renew(self, asked: Asked) -> Answer:
        started = time.monotonic()
        answer = self._make(asked)
        now = time.monotonic()
        until = now + max(self._seconds, (now - started) * _REST)
        with self._changing:
            if len(self._made) >= _KEPT:
                self._made = {}
            self._made[asked] = _Made(answer, until)
        return answer

    def _lock(self, asked: Asked) -> threading.Lock:
        with self._changing:
            if len(self._making) >= _KEPT:
                self._making = {}
            return self._making.setdefault(asked, threading.Lock())

"""Counts the requests that are being recorded, so that a deletion can wait for them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class InFlightRequests:
    """Counts requests by the generation in which they entered.

    Requests enter and leave on the event loop and never wait; only `wait_for_earlier` does.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._generation = 0
        self._inside: Counter[int] = Counter()

    @contextmanager
    def entered(self) -> Iterator[None]:
        with self._changed:
            generation = self._generation
            self._inside[generation] += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside[generation] -= 1
                if not self._inside[generation]:
                    del self._inside[generation]
                    self._changed.notify_all()

    def wait_for_earlier(self) -> None:
        """Block until every request that has entered by now has left."""
        with self._changed:
            last = self._generation
            self._generation += 1
            self._changed.wait_for(lambda: all(inside > last for inside in self._inside))

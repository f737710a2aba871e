"""Bounds the memory of all request bodies in flight."""

from __future__ import annotations

import threading

from tocsin.errors import NoRoomForBody
from tocsin.model.ceilings import SMALL_BODY_BYTES


class BodyBudget:
    """Counts the decompressed bytes of the bodies in flight, without small bodies.

    So a sender that uses the whole budget with slow bodies does not prevent others from recording
    single interactions.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._changing = threading.Lock()

    def change(self, by: int) -> None:
        """Take `by` bytes, or return them if negative; raises NoRoomForBody if the budget has
        fewer."""
        with self._changing:
            if by > 0 and self.used + by > self.limit:
                raise NoRoomForBody
            self.used += by


class HeldBytes:
    """The bytes of the budget that one request holds."""

    def __init__(self, budget: BodyBudget) -> None:
        self._budget = budget
        self._held = 0

    def grow_to(self, size: int) -> None:
        """Hold at least `size` bytes, unless the body is small; raises NoRoomForBody."""
        if size > max(self._held, SMALL_BODY_BYTES):
            self._budget.change(size - self._held)
            self._held = size

    def release(self) -> None:
        self._budget.change(-self._held)
        self._held = 0

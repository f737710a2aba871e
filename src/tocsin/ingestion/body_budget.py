"""Bounds the memory of all request bodies that are under way together."""

from __future__ import annotations

import threading

from tocsin.errors import NoRoomForBody
from tocsin.model.ceilings import SMALL_BODY_BYTES


class BodyBudget:
    """Counts the unpacked bytes of the bodies under way; small ones are not counted.

    A sender that holds all of it with slow bodies then keeps nobody from recording single
    interactions.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._changing = threading.Lock()

    def change(self, by: int) -> None:
        """Take bytes, or give them back; raises NoRoomForBody where there are not so many."""
        with self._changing:
            if by > 0 and self.used + by > self.limit:
                raise NoRoomForBody
            self.used += by


class HeldBytes:
    """What one request holds of the budget."""

    def __init__(self, budget: BodyBudget) -> None:
        self._budget = budget
        self._held = 0

    def grow_to(self, size: int) -> None:
        """Hold as much as a body of so many bytes needs; raises NoRoomForBody."""
        if size > max(self._held, SMALL_BODY_BYTES):
            self._budget.change(size - self._held)
            self._held = size

    def release(self) -> None:
        self._budget.change(-self._held)
        self._held = 0

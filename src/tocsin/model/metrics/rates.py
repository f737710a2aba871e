"""The time unit of a RATE ("RATE" in docs/reference/semantics.md)."""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction

from tocsin.model.duration import LENGTHS
from tocsin.model.metrics.window import Window


class RateUnit(StrEnum):
    SECOND = "s"
    MINUTE = "m"
    HOUR = "h"
    DAY = "d"

    @property
    def label(self) -> str:
        """`per minute`."""
        return f"per {self.name.lower()}"


def rate_factor(window: Window, unit: RateUnit | None) -> Fraction:
    """The exact factor of a count, so that equal windows of different spelling have one rate.

    Without `unit`, the rate is in the window's own unit.
    """
    second = LENGTHS["s"]
    return Fraction(LENGTHS[unit or window.unit] // second, window.length // second)

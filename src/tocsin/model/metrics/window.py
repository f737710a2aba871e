"""The window of a metric ("Windows" in docs/reference/semantics.md)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.model.duration import Duration


@dataclass(frozen=True, slots=True)
class Period:
    """The time later than `after` and up to `upto`."""

    after: datetime
    upto: datetime


@dataclass(frozen=True, slots=True)
class Window(Duration):
    """A sliding window: `5m`, `24h`, `7d`."""

    offset: timedelta = timedelta()
    """The time from the window's end to the instant of the calculation; only the base of a
    comparison has one, and definitions have none."""

    _WORD = "time window"
    _UNITS = "m, h or d"
    _EXAMPLES = ("5m", "24h", "7d")
    _PATTERN = "([1-9][0-9]{0,8})([mhd])"

    def period(self, at: datetime) -> Period:
        """The time that the window holds as of `at`."""
        upto = at - self.offset
        return Period(upto - self.length, upto)

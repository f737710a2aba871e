"""Clocks that a test sets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass
class FixedClock:
    """A clock at `instant`, until a test sets another one."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant

"""A clock that a test sets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass
class SetClock:
    at: datetime = datetime(2026, 3, 20, 14, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

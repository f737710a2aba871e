"""Decides whether expired data may be dropped on the word of the clock.

A clock that is wrong at one start (an empty battery, a snapshot restored without NTP) must not
cost what was recorded. Little may be dropped at once; for more, the clock must have been seen
running for a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import structlog

from tocsin.errors import Unavailable
from tocsin.store.key_value import KeyValueStore

log = structlog.get_logger()

# Nothing is dropped so soon after the start: the clock may still be set, and an operator may see
# the log.
SETTLING = timedelta(minutes=10)
TRUSTED_AFTER = timedelta(days=1)
# A stop, or a set clock, of more than this begins the day anew.
MAX_GAP = timedelta(days=1)

_FACT = "how long the clock was seen running"


class _Seen(msgspec.Struct):
    at: datetime
    seconds: float


class ObservedClock:
    """Compares the clock with the time that really passed, over restarts.

    The time while the process is down is not counted, but keeps what was counted before, so that a
    server that is restarted every hour trusts its clock after a day of work.
    """

    def __init__(self, key_values: KeyValueStore) -> None:
        self._key_values = key_values
        stored = key_values.get(_FACT)
        self._seen = msgspec.json.decode(stored, type=_Seen) if stored else None
        self._running: timedelta | None = None

    @property
    def is_trusted(self) -> bool:
        return self._seen is not None and self._seen.seconds >= TRUSTED_AFTER.total_seconds()

    def observe(self, at: datetime, running: timedelta) -> None:
        """Note what the clock says after the process ran for `running`, by the monotonic clock."""
        passed = timedelta() if self._running is None else running - self._running
        seconds = 0.0
        if self._seen and abs(at - self._seen.at - passed) <= MAX_GAP:
            seconds = self._seen.seconds + passed.total_seconds()
        self._seen, self._running = _Seen(at, seconds), running
        try:
            self._key_values.set(_FACT, msgspec.json.encode(self._seen).decode())
        except Unavailable as error:
            # A disk that is full must not keep retention from making room.
            log.warning("clock not remembered", reason=error.detail)


@dataclass(frozen=True, slots=True)
class Expired:
    """Rows by month, spelled `202603`, and which months lie before the retention as a whole."""

    rows: Mapping[str, int]
    months: frozenset[str]

    @classmethod
    def before(cls, instant: datetime, rows: Mapping[str, int]) -> Expired:
        first_kept = f"{instant:%Y%m}"
        return cls(rows, frozenset(month for month in rows if month < first_kept))

    @property
    def doubt(self) -> str | None:
        """Why these are not dropped on the word of a clock that is not trusted."""
        if not self.months:
            return None
        if max(self.rows) in self.months:
            return "the newest month would be dropped"
        if 3 * sum(self.rows[month] for month in self.months) > sum(self.rows.values()):
            return "more than a third of all interactions would be dropped"
        return None


class Retention:
    """Says whether expired interactions may be dropped, and logs what is held back."""

    def __init__(self) -> None:
        self._held_back: Expired | None = None

    def allows(self, expired: Expired, clock: ObservedClock, at: datetime) -> bool:
        doubt = None if clock.is_trusted else expired.doubt
        if doubt is None:
            self._held_back = None
            return True
        # Once for each change, not every ten minutes.
        if self._held_back is None or self._held_back.months != expired.months:
            log.warning(
                "expired interactions held back",
                reason=doubt,
                months=sorted(expired.months),
                interactions=sum(expired.rows[month] for month in expired.months),
                clock=at.isoformat(timespec="seconds"),
                advice="check the clock; they are dropped once it was seen running for a day",
            )
        self._held_back = expired
        return False

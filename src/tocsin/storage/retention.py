"""Decides whether expired data may be dropped, depending on how far the clock is trusted.

A clock that is wrong at one start (an empty battery, a snapshot restored without NTP) must not
cause the loss of recorded data. A small part may be dropped immediately; for more, the clock must
have been observed for a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import structlog

from tocsin.errors import Unavailable
from tocsin.store.fencing import NO_FENCE, Fence
from tocsin.store.key_value import KeyValueStore

log = structlog.get_logger()

# Nothing is dropped earlier after the start: the clock may still be set, and an operator may read
# the log.
SETTLING = timedelta(minutes=10)
TRUSTED_AFTER = timedelta(days=1)
# A stop, or a change of the clock, of more than this restarts the day.
MAX_GAP = timedelta(days=1)

_FACT = "how long the clock was seen running"


class _Observation(msgspec.Struct):
    at: datetime
    seconds: float


class ObservedClock:
    """Compares the clock with the time that has passed, across restarts.

    Time while the process is down does not count, but preserves the time before, so that a server
    that is restarted every hour trusts its clock after a day of running.
    """

    def __init__(self, key_values: KeyValueStore, fence: Fence = NO_FENCE) -> None:
        self._key_values = key_values
        self._fence = fence
        stored = key_values.get(_FACT)
        self._last = msgspec.json.decode(stored, type=_Observation) if stored else None
        self._running: timedelta | None = None

    @property
    def is_trusted(self) -> bool:
        return self._last is not None and self._last.seconds >= TRUSTED_AFTER.total_seconds()

    def observe(self, at: datetime, running: timedelta) -> None:
        """Observe the clock at `at`, after the process has run for `running` by the monotonic
        clock."""
        passed = timedelta() if self._running is None else running - self._running
        seconds = 0.0
        if self._last and abs(at - self._last.at - passed) <= MAX_GAP:
            seconds = self._last.seconds + passed.total_seconds()
        self._last, self._running = _Observation(at, seconds), running
        try:
            text = msgspec.json.encode(self._last).decode()
            self._key_values.set(_FACT, text, self._fence)
        except Unavailable as error:
            # A full disk must not prevent retention from freeing space.
            log.warning("clock observation not stored", reason=error.detail)


@dataclass(frozen=True, slots=True)
class Expired:
    """Rows by month, spelled `202603`, and the months that have expired as a whole."""

    rows: Mapping[str, int]
    months: frozenset[str]

    @classmethod
    def before(cls, instant: datetime, rows: Mapping[str, int]) -> Expired:
        first_kept = f"{instant:%Y%m}"
        return cls(rows, frozenset(month for month in rows if month < first_kept))

    @property
    def doubt(self) -> str | None:
        """The reason not to drop these months while the clock is not trusted."""
        if not self.months:
            return None
        if max(self.rows) in self.months:
            return "the newest month would be dropped"
        if 3 * sum(self.rows[month] for month in self.months) > sum(self.rows.values()):
            return "more than a third of all interactions would be dropped"
        return None


class Retention:
    """Decides whether expired interactions may be dropped, and logs those that are held back."""

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
                advice="check the clock; they are dropped after it was observed for a day",
            )
        self._held_back = expired
        return False

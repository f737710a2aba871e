"""The bounds of an interaction's timestamp: close enough to now, and not expired."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from tocsin.model.duration import Duration
from tocsin.model.instant import format_milliseconds, from_milliseconds, to_milliseconds

_DAY = 86_400_000
_NEVER = 2**62


class TimeBounds(NamedTuple):
    """The bounds of one type of request, relative to the time of its arrival.

    `past` and `future` are in milliseconds. `violation` is called only for a timestamp beyond them.
    """

    past: int = _NEVER
    future: int = _NEVER
    oldest_days: int | None = None
    latest_days: int | None = None
    retention: Duration | None = None
    advice: str = ""

    @classmethod
    def of(
        cls,
        oldest_days: int | None,
        latest_days: int | None,
        retention: Duration | None,
        advice: str = "",
    ) -> TimeBounds:
        """Bounds in days; None leaves only the years 1970 to 2299. `advice` says how to record
        older interactions."""
        past = oldest_days * _DAY if oldest_days is not None else _NEVER
        if retention:
            past = min(past, int(retention.length.total_seconds() * 1_000))
        future = latest_days * _DAY if latest_days is not None else _NEVER
        return cls(past, future, oldest_days, latest_days, retention, advice)

    def violation(self, timestamp: int, received: int) -> str:
        """The reason why a timestamp is rejected; empty if it is accepted."""
        if timestamp > received + self.future:
            latest = format_milliseconds(received + self.future)
            return f"is later than {latest}: TOCSIN_LATEST_DAYS is {self.latest_days}"
        if self.oldest_days is not None and timestamp < received - self.oldest_days * _DAY:
            oldest = format_milliseconds(received - self.oldest_days * _DAY)
            rule = f"TOCSIN_OLDEST_DAYS is {self.oldest_days}"
            return f"is earlier than {oldest}: {rule}{self.advice}"
        if self.retention is None:
            return ""
        cutoff = to_milliseconds(retention_cutoff(self.retention, from_milliseconds(received)))
        if timestamp < cutoff:
            return (
                f"is earlier than {format_milliseconds(cutoff)} and so has expired: "
                f"TOCSIN_RETENTION is {self.retention}"
            )
        return ""


class RequestTimes(NamedTuple):
    """The bounds of each type of request: a recorded interaction, a batch with history=true, and
    an import."""

    live: TimeBounds
    history: TimeBounds
    imports: TimeBounds

    @classmethod
    def of(
        cls, oldest_days: int | None, latest_days: int | None, retention: Duration | None
    ) -> RequestTimes:
        advice = "; a batch with ?history=true takes older ones"
        return cls(
            TimeBounds.of(oldest_days, latest_days, retention, advice),
            TimeBounds.of(None, latest_days, retention),
            TimeBounds.of(None, None, retention),
        )


def retention_cutoff(retention: Duration, at: datetime) -> datetime:
    """The start of the month in which the retention ends: months expire as a whole."""
    horizon = at - retention.length
    return datetime(horizon.year, horizon.month, 1, tzinfo=UTC)


ANY_TIME = TimeBounds()

"""The calendar windows of metrics ("Windows" in docs/reference/semantics.md).

Instants have whole milliseconds, so a period that includes its start is the one that is later than
the millisecond before it. Queries and rollups therefore treat calendar and sliding windows alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Self
from zoneinfo import ZoneInfo

from tocsin.model.instant import MILLISECOND, from_milliseconds, to_milliseconds
from tocsin.model.metrics.window import Period
from tocsin.model.zones import zone

_DAY = timedelta(days=1)
_WEEK = timedelta(weeks=1)


class CalendarPeriod(StrEnum):
    TODAY = "today"
    YESTERDAY = "yesterday"
    THIS_WEEK = "thisWeek"
    LAST_WEEK = "lastWeek"
    THIS_MONTH = "thisMonth"
    LAST_MONTH = "lastMonth"

    @property
    def is_over(self) -> bool:
        """Whether the period has ended at the instant of a calculation."""
        return self in _OVER

    @property
    def shortest(self) -> timedelta:
        """The least number of days, of 24 hours, that such a period has."""
        return _SHORTEST[self]

    def first_day(self, day: date) -> date:
        """The first day of the day, week or month that holds a day."""
        if self in (CalendarPeriod.TODAY, CalendarPeriod.YESTERDAY):
            return day
        if self in (CalendarPeriod.THIS_WEEK, CalendarPeriod.LAST_WEEK):
            return day - timedelta(days=day.weekday())
        return day.replace(day=1)

    def following(self, first: date) -> date:
        """The first day of the next day, week or month."""
        if self in (CalendarPeriod.THIS_MONTH, CalendarPeriod.LAST_MONTH):
            return (first + timedelta(days=31)).replace(day=1)
        return first + self.shortest


_OVER = {CalendarPeriod.YESTERDAY, CalendarPeriod.LAST_WEEK, CalendarPeriod.LAST_MONTH}
_SHORTEST = {
    CalendarPeriod.TODAY: _DAY,
    CalendarPeriod.YESTERDAY: _DAY,
    CalendarPeriod.THIS_WEEK: _WEEK,
    CalendarPeriod.LAST_WEEK: _WEEK,
    CalendarPeriod.THIS_MONTH: timedelta(days=28),
    CalendarPeriod.LAST_MONTH: timedelta(days=28),
}


@dataclass(frozen=True, slots=True)
class CalendarWindow:
    """A day, week or month of a time zone, relative to the instant of a calculation."""

    name: CalendarPeriod
    timezone: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """The window of a text that `str` returned."""
        name, _, timezone = text.partition(" ")
        return cls(CalendarPeriod(name), timezone)

    def period(self, at: datetime) -> Period:
        """The time that the window holds as of `at`."""
        bounds = self._bounds(at)
        if self.name.is_over:
            return Period(bounds.previous - MILLISECOND, bounds.start - MILLISECOND)
        return Period(bounds.start - MILLISECOND, at)

    def next_start(self, at: datetime) -> datetime:
        """The instant after `at` at which the window begins to hold another period."""
        return self._bounds(at).end

    def _bounds(self, at: datetime) -> _Bounds:
        of_zone = zone(self.timezone)
        return _bounds(self.name, of_zone, self.name.first_day(local_day(of_zone, at)))

    def __str__(self) -> str:
        return f"{self.name} {self.timezone}"


@dataclass(frozen=True, slots=True)
class _Bounds:
    """The start of a period, and the starts of the one before and the one after it."""

    previous: datetime
    start: datetime
    end: datetime


@lru_cache(maxsize=4_096)
def _bounds(name: CalendarPeriod, of_zone: ZoneInfo, first: date) -> _Bounds:
    start = midnight(of_zone, first)
    before = first
    while True:
        before = name.first_day(before - _DAY)
        previous = midnight(of_zone, before)
        # A date that the zone skipped has no instants, so it is not a day.
        if previous < start:
            return _Bounds(previous, start, midnight(of_zone, name.following(first)))


def local_day(of_zone: ZoneInfo, at: datetime) -> date:
    """The last local day that has begun.

    Where clocks are set back past midnight, that is not always the local date of `at`."""
    day = at.astimezone(of_zone).date()
    following = day + _DAY
    return following if midnight(of_zone, following) <= at else day


@lru_cache(maxsize=16_384)
def midnight(of_zone: ZoneInfo, day: date) -> datetime:
    """The first instant whose local date is `day`, or a later one if the zone skipped the date."""
    return datetime.combine(day, time(), tzinfo=of_zone).astimezone(UTC)


@lru_cache(maxsize=16_384)
def first_reading(of_zone: ZoneInfo, clock: datetime) -> datetime:
    """The first instant at which a clock of the zone shows `clock`, a time without a zone. Where
    the clock is set forward past it, the instant of that."""
    early, late = _readings(of_zone, clock)
    return early if early <= late else _set_forward(of_zone, late, early)


@lru_cache(maxsize=16_384)
def end_of_earlier_readings(of_zone: ZoneInfo, clock: datetime) -> datetime:
    """The end of the time in which a clock of the zone shows earlier times than `clock`; a clock
    that is set back shows some of them again."""
    early, late = _readings(of_zone, clock - MILLISECOND)
    return late + MILLISECOND if early <= late else _set_forward(of_zone, late, early)


def _readings(of_zone: ZoneInfo, clock: datetime) -> tuple[datetime, datetime]:
    """Both instants at which a clock shows a time, mostly the same; the first is the later one if
    the clock never shows it."""
    first, second = (clock.replace(tzinfo=of_zone, fold=fold) for fold in (0, 1))
    return first.astimezone(UTC), second.astimezone(UTC)


def _set_forward(of_zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The instant between two others at which the clock of a zone is set forward."""
    offset = before.astimezone(of_zone).utcoffset()
    low, high = to_milliseconds(before), to_milliseconds(after)
    while high - low > 1:
        middle = (low + high) // 2
        is_before = from_milliseconds(middle).astimezone(of_zone).utcoffset() == offset
        low, high = (middle, high) if is_before else (low, middle)
    return from_milliseconds(high)

"""The windows of a recurring silence, in the wall time of a zone ("Recurring silences" in
docs/reference/alerts.md).

A window lasts from the first to the last time that a clock of the zone shows a time of the window
on its day. Where the clock is set back, the window therefore holds both passes of the hour.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, WithJsonSchema
from pydantic import Field as Member

from tocsin.model.instant import LAST_YEAR
from tocsin.model.metrics.calendar import end_of_earlier_readings, first_reading, midnight
from tocsin.model.time_range import Instant
from tocsin.model.zones import ZoneName, zone

_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_MIDNIGHT = "24:00"
_DAY = timedelta(days=1)
_LAST_DAY = date(LAST_YEAR, 12, 31)


class Weekday(StrEnum):
    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


WEEKDAYS = tuple(Weekday)


class SilencedTime(NamedTuple):
    """The time from `start` until before `end`, if that is known."""

    start: datetime
    end: datetime | None


def _from(value: Any) -> str:
    if not isinstance(value, str) or not _CLOCK.fullmatch(value):
        raise ValueError("must be a time of day from 00:00 to 23:59, such as 02:00")
    return value


def _to(value: Any) -> str:
    if value != _MIDNIGHT and (not isinstance(value, str) or not _CLOCK.fullmatch(value)):
        raise ValueError("must be a time of day from 00:00 to 24:00, such as 04:00")
    return str(value)


def _distinct(weekdays: tuple[Weekday, ...]) -> tuple[Weekday, ...]:
    if not weekdays:
        raise ValueError("must have at least one day")
    repeated = [day.value for day, count in Counter(weekdays).items() if count > 1]
    if repeated:
        raise ValueError(f"has {', '.join(repeated)} more than once")
    return tuple(sorted(weekdays, key=WEEKDAYS.index))


def _clock_schema(*examples: str, pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": list(examples)})


_FROM = _clock_schema("02:00", pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")
_TO = _clock_schema("04:00", pattern="^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")


class Recurrence(BaseModel):
    """`{"weekdays", "from", "to", "timezone", "until"}`.

    `to` is exclusive; before `from` it is of the next day, and the window belongs to the day on
    which it begins. No window lasts beyond `until`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    weekdays: Annotated[tuple[Weekday, ...], AfterValidator(_distinct)]
    start: Annotated[str, BeforeValidator(_from), _FROM, Member(alias="from")]
    to: Annotated[str, BeforeValidator(_to), _TO]
    timezone: ZoneName
    until: Instant | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no time is between `from` and `to`."""
        return self.start == self.to

    @property
    def sentence(self) -> str:
        """`saturday, sunday 22:00 to 06:00 (Europe/Berlin)`."""
        days = "every day" if len(self.weekdays) == len(WEEKDAYS) else ", ".join(self.weekdays)
        return f"{days} {self.start} to {self.to} ({self.timezone})"

    def window_at(self, at: datetime, since: datetime) -> SilencedTime | None:
        """The window of a silence from `since` on that holds an instant; of several, which the end
        of summer time can make overlap, the one that ends last."""
        day = at.astimezone(zone(self.timezone)).date()
        windows = [self._cut(window, since) for window in self._of_days(day - 2 * _DAY, 4)]
        held = [each for each in windows if each and each[0] <= at < each[1]]
        return SilencedTime(*max(held, key=lambda window: window[1])) if held else None

    def windows(self, after: datetime, since: datetime) -> Iterator[SilencedTime]:
        """The windows of a silence from `since` on that end later than `after`, in their order."""
        day = max(after, since).astimezone(zone(self.timezone)).date() - 2 * _DAY
        end = self.until or datetime.combine(_LAST_DAY, time(), tzinfo=after.tzinfo)
        days = (end.date() - day).days + 2
        for window in (self._cut(each, since) for each in self._of_days(day, days)):
            if window and window[1] > after:
                yield SilencedTime(*window)

    def _of_days(self, first: date, count: int) -> Iterator[_Bounds]:
        chosen = {WEEKDAYS.index(weekday) for weekday in self.weekdays}
        for day in (first + n * _DAY for n in range(count)):
            if day.weekday() in chosen and (window := _window(self, day)):
                yield window

    def _cut(self, window: _Bounds, since: datetime) -> _Bounds | None:
        start, end = window
        start, end = max(start, since), min(end, self.until) if self.until else end
        return (start, end) if start < end else None


_Bounds = tuple[datetime, datetime]


@lru_cache(maxsize=4_096)
def _window(recurrence: Recurrence, day: date) -> _Bounds | None:
    """The window that begins on a day; None on a date that the zone skipped."""
    of_zone = zone(recurrence.timezone)
    if midnight(of_zone, day) == midnight(of_zone, day + _DAY):
        return None
    opens, closes = _minutes(recurrence.start), _minutes(recurrence.to)
    if closes < opens:
        closes += _DAY
    local = datetime.combine(day, time())
    start = first_reading(of_zone, local + opens)
    end = end_of_earlier_readings(of_zone, local + closes)
    # The clock is set forward past the whole window, which keeps its length.
    return (start, end) if start < end else (start, start + (closes - opens))


def _minutes(clock: str) -> timedelta:
    hour, minute = clock.split(":")
    return timedelta(hours=int(hour), minutes=int(minute))

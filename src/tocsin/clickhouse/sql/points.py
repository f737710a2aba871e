"""The points of a series or a backtest, and the columns that say at which of them a row counts.

A row counts at the points whose windows hold its timestamp. Neither the beginnings nor the ends of
windows ever decrease from one point to the next, so these points are consecutive: from `lo`, the
first whose window ends at the row or later, to `hi`, the last whose window begins before the row.
Where points and windows are regular, both are computed; elsewhere they are looked up in a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tocsin.clickhouse.sql.query import Binder
from tocsin.model.instant import MILLISECOND, to_milliseconds
from tocsin.model.metrics.calendar import CalendarPeriod, CalendarWindow, local_day, midnight
from tocsin.model.metrics.question import Question
from tocsin.model.metrics.time_window import TimeWindow
from tocsin.model.metrics.window import Period, Window
from tocsin.model.zones import zone

_NEVER = datetime(1, 1, 1, tzinfo=UTC)
_BEFORE_ALL = -(10**15)
"""Milliseconds; earlier than `_NEVER` and the beginning of every window."""


@dataclass(frozen=True, slots=True)
class Points:
    """The instants of a series: `first`, `first + step`, and so on."""

    first: datetime
    step: timedelta
    count: int

    @classmethod
    def between(cls, start: datetime, to: datetime, step: timedelta) -> Points:
        """`to`, `to - step`, and so on while later than `start`."""
        count = -((start - to) // step)
        return cls(to - (count - 1) * step, step, count)

    @property
    def last(self) -> datetime:
        return self.first + (self.count - 1) * self.step

    def all(self) -> list[datetime]:
        return [self.first + n * self.step for n in range(self.count)]


@dataclass(frozen=True, slots=True)
class Midnights:
    """The instants of a series by local days: those at which the days of a zone end."""

    instants: tuple[datetime, ...]
    timezone: str

    @classmethod
    def between(cls, start: datetime, to: datetime, timezone: str) -> Midnights:
        """The midnights of a zone that are later than `start` and not later than `to`."""
        of_zone = zone(timezone)
        day, last = local_day(of_zone, start), local_day(of_zone, to)
        days = (day + timedelta(days=n) for n in range(1, (last - day).days + 1))
        # A date that the zone skipped has the midnight of its successor.
        return cls(tuple(dict.fromkeys(midnight(of_zone, day) for day in days)), timezone)

    @property
    def count(self) -> int:
        return len(self.instants)

    @property
    def first(self) -> datetime:
        return self.instants[0]

    @property
    def last(self) -> datetime:
        return self.instants[-1]

    def all(self) -> list[datetime]:
        return list(self.instants)


SeriesPoints = Points | Midnights


@dataclass(frozen=True, slots=True)
class StepWindow:
    """The window of a metric that has none, at the points of a series: one step."""

    length: timedelta

    def period(self, at: datetime) -> Period:
        return Period(at - self.length, at)


@dataclass(frozen=True, slots=True)
class PointWindows:
    """Points, and the window of a metric at each; None is all time up to the point."""

    points: SeriesPoints
    window: TimeWindow | StepWindow | None

    @classmethod
    def of_series(cls, question: Question, points: SeriesPoints) -> PointWindows:
        """Those of a series: a metric without a window counts within each step or local day."""
        if question.time_window:
            return cls(points, question.time_window)
        if isinstance(points, Midnights):
            return cls(points, CalendarWindow(CalendarPeriod.YESTERDAY, points.timezone))
        return cls(points, StepWindow(points.step))

    @property
    def after(self) -> datetime | None:
        """The beginning of the first window, which excludes it; None for all time."""
        return self.window.period(self.points.first).after if self.window else None

    @property
    def upto(self) -> datetime:
        """The end of the last window."""
        last = self.points.last
        return self.window.period(last).upto if self.window else last

    def run_ends(self, bind: Binder) -> list[str]:
        """The columns `lo` and `hi`: the first and the last point whose window holds the row."""
        if isinstance(self.points, Points):
            if not isinstance(self.window, CalendarWindow):
                return _sliding(self.points, self.window, bind)
            return _by_calendar(self.points, self.window, bind)
        return _by_midnight(self.points, self.window, bind)


_ROW = "toUnixTimestamp64Milli(timestamp)"


def _sliding(points: Points, window: Window | StepWindow | None, bind: Binder) -> list[str]:
    period = window.period(points.first) if window else None
    first = bind.integer(to_milliseconds(period.upto if period else points.first))
    since = f"{_ROW} - {first}"
    width = bind.integer((period.upto - period.after) // MILLISECOND) if period else None
    every = bind.integer(points.step // MILLISECOND)
    end = bind.integer(points.count - 1)
    last = f"least(intDiv({since} + {width} - 1, {every}), {end})" if width else end
    return [f"{_next_point(since, every)} AS lo", f"{last} AS hi"]


def _by_calendar(points: Points, window: CalendarWindow, bind: Binder) -> list[str]:
    changes = list(_changes(points, window))
    hi = _last_before([(window.period(at).after, last) for at, last in changes], bind)
    if window.name.is_over:
        ends = _last_before([(window.period(at).upto, last) for at, last in changes], bind)
        return [f"{ends} + 1 AS lo", f"{hi} AS hi"]
    since = f"{_ROW} - {bind.integer(to_milliseconds(points.first))}"
    every = bind.integer(points.step // MILLISECOND)
    return [f"{_next_point(since, every)} AS lo", f"{hi} AS hi"]


def _by_midnight(
    points: Midnights, window: TimeWindow | StepWindow | None, bind: Binder
) -> list[str]:
    periods = [window.period(at) if window else Period(_NEVER, at) for at in points.instants]
    ends = _last_before([(period.upto, n) for n, period in enumerate(periods)], bind)
    begins = _last_before([(period.after, n) for n, period in enumerate(periods)], bind)
    return [f"{ends} + 1 AS lo", f"{begins} AS hi"]


def _next_point(since: str, every: str) -> str:
    return f"intDiv(greatest({since}, 0) + {every} - 1, {every})"


def _changes(points: Points, window: CalendarWindow) -> Iterator[tuple[datetime, int]]:
    """The points at which the window begins to hold another period, each with the number of the
    last point of that period."""
    number = 0
    while number < points.count:
        at = points.first + number * points.step
        following = -((points.first - window.next_start(at)) // points.step)
        yield at, min(following, points.count) - 1
        number = following


def _last_before(limits: Iterable[tuple[datetime, int]], bind: Binder) -> str:
    """The number of the last limit that is earlier than the row, -1 if none is. Limits are
    ascending; of equal ones the last counts."""
    numbers = {to_milliseconds(limit): number for limit, number in limits}
    # `roundDown` takes values below the first one to it.
    times, points = bind.integers([_BEFORE_ALL, *numbers]), bind.integers([-1, *numbers.values()])
    return f"transform(roundDown({_ROW} - 1, {times}), {times}, {points})"

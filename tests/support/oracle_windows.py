"""The oracle's windows: docs/reference/semantics.md, "Windows", starts by looking at clocks.

The start of a local day is searched second by second, without asking `zoneinfo` for a midnight.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from support.oracle_aggregates import length_of

PERIODS = ("today", "yesterday", "thisWeek", "lastWeek", "thisMonth", "lastMonth")
_DAY = timedelta(days=1)
_COARSE, _FINE = timedelta(seconds=30), timedelta(seconds=1)
# Local days begin up to 15 hours before and after those of UTC, and a zone may skip a whole date.
_EARLY, _LATE = timedelta(hours=16), timedelta(hours=48)


def is_in_window(metric: dict[str, Any], timestamp: datetime, at: datetime) -> bool:
    """Whether a metric as of `at` counts what happened at a time."""
    window = metric.get("timeWindow")
    if not window:
        return timestamp <= at
    if window not in PERIODS:
        return at - length_of(window) < timestamp <= at
    start, end = _bounds(window, metric["timezone"], at)
    return start <= timestamp <= at if end is None else start <= timestamp < end


def is_in_step(at: datetime, timestamp: datetime, step: timedelta | None, zone: str | None) -> bool:
    """Whether a metric without a window counts what happened at a time, at a point of a series."""
    if zone is None:
        assert step is not None
        return at - step < timestamp <= at
    return is_in_window({"timeWindow": "yesterday", "timezone": zone}, timestamp, at)


def midnights(start: datetime, to: datetime, zone: str) -> list[datetime]:
    """The starts of local days that are later than `start` and not later than `to`."""
    day, last = start.date() - 2 * _DAY, to.date() + 2 * _DAY
    starts = set()
    while day <= last:
        starts.add(start_of(zone, day))
        day += _DAY
    return sorted(instant for instant in starts if start < instant <= to)


@lru_cache(maxsize=4_096)
def _bounds(window: str, zone: str, at: datetime) -> tuple[datetime, datetime | None]:
    """The start of the period and, for one that is over, its end."""
    date_there = at.astimezone(_zone(zone)).date()
    day = max(d for d in (date_there + n * _DAY for n in (-1, 0, 1)) if start_of(zone, d) <= at)
    first = _first(window, day)
    start = start_of(zone, first)
    if window in ("today", "thisWeek", "thisMonth"):
        return start, None
    before = first - _DAY
    while start_of(zone, _first(window, before)) == start:
        before -= _DAY
    return start_of(zone, _first(window, before)), start


def _first(window: str, day: date) -> date:
    if window.endswith("Week"):
        return next(d for d in (day - n * _DAY for n in range(7)) if d.isoweekday() == 1)
    return date(day.year, day.month, 1) if window.endswith("Month") else day


@lru_cache(maxsize=4_096)
def start_of(zone: str, day: date) -> datetime:
    """The first instant whose local date is a day, or a later one."""
    clock = _zone(zone)
    in_utc = datetime(day.year, day.month, day.day, tzinfo=UTC)
    instant, end = in_utc - _EARLY, in_utc + _LATE
    while instant < end and instant.astimezone(clock).date() < day:
        instant += _COARSE
    instant -= _COARSE
    while instant.astimezone(clock).date() < day:
        instant += _FINE
    return instant


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)

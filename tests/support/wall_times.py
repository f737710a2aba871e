"""A second model of recurring silences: it looks at the clock of the zone at each minute."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def window_of(recurs: dict[str, Any], day: date) -> tuple[datetime, datetime] | None:
    """The window that begins on a day of the zone: the minutes from the first to the last one at
    which a clock shows a time of the window."""
    opens, closes = (_since_midnight(recurs[name]) for name in ("from", "to"))
    if closes < opens:
        closes += DAY
    midnight = datetime.combine(day, time())
    shown = _shown(recurs["timezone"], day)
    if not any(clock.date() == day for _, clock in shown):
        return None
    inside = [at for at, clock in shown if midnight + opens <= clock < midnight + closes]
    if inside:
        return inside[0], inside[-1] + MINUTE
    gap = next(at for at, clock in shown if clock >= midnight + opens)
    return gap, gap + (closes - opens)


@cache
def _shown(timezone: str, day: date) -> list[tuple[datetime, datetime]]:
    """The minutes around a day, each with the time that a clock of the zone shows."""
    zone = ZoneInfo(timezone)
    around = datetime.combine(day, time(), tzinfo=UTC) - DAY
    minutes = [around + n * MINUTE for n in range(5 * 1440)]
    return [(each, each.astimezone(zone).replace(tzinfo=None)) for each in minutes]


def is_silent(recurs: dict[str, Any], at: datetime, since: datetime) -> bool:
    """Whether a silence that recurs since an instant is active."""
    until = recurs.get("until")
    if at < since or (until and at >= datetime.fromisoformat(until)):
        return False
    day = at.astimezone(ZoneInfo(recurs["timezone"])).date()
    days = [day + n * DAY for n in (-2, -1, 0, 1) if _is_chosen(recurs, day + n * DAY)]
    text = json.dumps(recurs)
    windows = [window for each in days if (window := _window_of(text, each))]
    return any(start <= at < end for start, end in windows)


@cache
def _window_of(recurs: str, day: date) -> tuple[datetime, datetime] | None:
    return window_of(json.loads(recurs), day)


def _is_chosen(recurs: dict[str, Any], day: date) -> bool:
    return NAMES[day.weekday()] in recurs["weekdays"]


def _since_midnight(clock: str) -> timedelta:
    return timedelta(hours=int(clock[:2]), minutes=int(clock[3:]))

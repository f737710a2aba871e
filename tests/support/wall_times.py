"""A second model of recurring silences: it looks at the clock of the zone at each minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def window_of(recurs: dict[str, Any], day: date) -> tuple[datetime, datetime] | None:
    """The window that begins on a day of the zone: the minutes from the first to the last one at
    which a clock shows a time of the window."""
    zone = ZoneInfo(recurs["timezone"])
    opens, closes = (_since_midnight(recurs[name]) for name in ("from", "to"))
    if closes < opens:
        closes += DAY
    midnight = datetime.combine(day, time())
    around = datetime.combine(day, time(), tzinfo=UTC) - 2 * DAY
    minutes = [around + n * MINUTE for n in range(6 * 1440)]
    shown = [each.astimezone(zone).replace(tzinfo=None) for each in minutes]
    if not any(clock.date() == day for clock in shown):
        return None
    inside = [
        minute
        for minute, clock in zip(minutes, shown, strict=True)
        if midnight + opens <= clock < midnight + closes
    ]
    if inside:
        return inside[0], inside[-1] + MINUTE
    gap = next(
        minute for minute, clock in zip(minutes, shown, strict=True) if clock >= midnight + opens
    )
    return gap, gap + (closes - opens)


def is_silent(recurs: dict[str, Any], at: datetime, since: datetime) -> bool:
    """Whether a silence that recurs since an instant is active."""
    until = recurs.get("until")
    if at < since or (until and at >= datetime.fromisoformat(until)):
        return False
    day = at.astimezone(ZoneInfo(recurs["timezone"])).date()
    days = [day + n * DAY for n in (-2, -1, 0, 1) if _is_chosen(recurs, day + n * DAY)]
    windows = [window for each in days if (window := window_of(recurs, each))]
    return any(start <= at < end for start, end in windows)


def _is_chosen(recurs: dict[str, Any], day: date) -> bool:
    return NAMES[day.weekday()] in recurs["weekdays"]


def _since_midnight(clock: str) -> timedelta:
    return timedelta(hours=int(clock[:2]), minutes=int(clock[3:]))

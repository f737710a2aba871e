"""The window of a metric, sliding or of the calendar: as a definition has it, and as it is
stored."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from tocsin.model.metrics.calendar import CalendarPeriod, CalendarWindow
from tocsin.model.metrics.window import Window

PERIODS = tuple(CalendarPeriod)
_EXAMPLES = ("5m", "24h", "7d", CalendarPeriod.TODAY, CalendarPeriod.LAST_MONTH)
_ANY_PERIOD = ", ".join(PERIODS)


def is_calendar(spelling: Any) -> bool:
    """Whether a definition's `timeWindow` names a period of the calendar."""
    return isinstance(spelling, str) and spelling in PERIODS


def is_sliding(spelling: Any) -> bool:
    """Whether a definition's `timeWindow` is a valid sliding window."""
    try:
        return isinstance(spelling, str) and Window.parse(spelling) is not None
    except ValueError:
        return False


def _read(value: Any) -> Window | CalendarPeriod:
    if isinstance(value, Window | CalendarPeriod):
        return value
    if not isinstance(value, str):
        raise ValueError("must be a string, such as 5m or today")
    if is_calendar(value):
        return CalendarPeriod(value)
    try:
        return Window.parse(value)
    except ValueError as error:
        if value[:1].isdigit():
            raise
        raise ValueError(f"{error}, or one of {_ANY_PERIOD}") from None


def _stored(value: Any) -> Window | CalendarWindow:
    if isinstance(value, Window | CalendarWindow):
        return value
    return CalendarWindow.parse(value) if " " in value else Window.parse(value)


_PATTERN = f"^([1-9][0-9]*[mhd]|{'|'.join(PERIODS)})$"

WindowSpelling = Annotated[
    Window | CalendarPeriod,
    PlainValidator(_read),
    WithJsonSchema({"type": "string", "pattern": _PATTERN, "examples": list(_EXAMPLES)}),
]
"""The member `timeWindow` of a definition; a calendar window also needs `timezone`."""

TimeWindow = Annotated[
    Window | CalendarWindow, PlainValidator(_stored), PlainSerializer(str, return_type=str)
]
"""The window of a question."""

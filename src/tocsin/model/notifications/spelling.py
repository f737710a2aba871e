"""Spells numbers, instants and durations for messages."""

from __future__ import annotations

import json
from datetime import timedelta

from tocsin.model.duration import spelled
from tocsin.model.metrics.units import with_unit
from tocsin.model.notifications.content import encodable

NO_DATA = "no data"

_LARGE = 1e15
_SMALL = 1e-4


def spell_value(value: object, unit: object = None) -> str:
    """`1,234 ms`, `6.667%`, `no data`."""
    return NO_DATA if value is None else with_unit(spell_number(value), unit)


def spell_number(value: object) -> str:
    """Six significant digits or all digits of an integer; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return spell_any(value)
    size = abs(value)
    if isinstance(value, int) or (value.is_integer() and size < _LARGE):
        return f"{int(value):,}"
    if size >= _LARGE or size < _SMALL:
        return f"{value:.6g}"
    decimals = max(0, 6 - len(str(int(size)).lstrip("0")))
    return f"{value:,.{decimals}f}".rstrip("0").rstrip(".")


def spell_any(value: object) -> str:
    """A text as it is, any other value as JSON."""
    if isinstance(value, str):
        return encodable(value)
    return encodable(json.dumps(value, ensure_ascii=False, default=str))


def spell_instant(instant: str) -> str:
    """`2026-03-20 14:30:00 UTC` for `2026-03-20T14:30:00.000Z`; another text as it is."""
    if len(instant) != len("2026-03-20T14:30:00.000Z") or not instant.endswith("Z"):
        return instant
    return f"{instant[:10]} {instant[11:19]} UTC"


def spell_seconds(seconds: float) -> str:
    """`2 d 3 h`, `4 m 10 s`."""
    return spelled(timedelta(seconds=seconds))

"""The text of a value with its unit."""

from __future__ import annotations


def with_unit(value: object, unit: object) -> str:
    """`20 ms`, `20%`, or only the value; a unit that is no text is ignored."""
    if not unit or not isinstance(unit, str):
        return f"{value}"
    return f"{value}%" if unit == "%" else f"{value} {unit}"

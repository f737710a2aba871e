"""The text and the number of JSON scalars.

Applies the rules of "Fields" in docs/reference/semantics.md to values of definitions, such as a
filter's value. `clickhouse/sql/fields.py` applies the same rules to payloads.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal

Scalar = str | int | float | bool | None

STRICT_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?")


def text_of(value: Scalar) -> str | None:
    """The text of a value: strings as they are, numbers in their shortest spelling."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return _text_of_double(value)


def number_of(value: Scalar) -> float | None:
    """The number of a value: a JSON number, or a string that is exactly a finite one."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str) and not STRICT_NUMBER.fullmatch(value):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _text_of_double(value: float) -> str:
    """The shortest decimal that reads back as the same double, as JavaScript writes it."""
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    point = len(digits) + exponent
    text = "".join(map(str, digits))
    minus = "-" if sign else ""
    if exponent >= 0 and point <= 21:
        return minus + text + "0" * exponent
    if 0 < point <= 21:
        return f"{minus}{text[:point]}.{text[point:]}"
    if -6 < point <= 0:
        return f"{minus}0.{'0' * -point}{text}"
    fraction = f".{text[1:]}" if len(text) > 1 else ""
    return f"{minus}{text[0]}{fraction}e{point - 1}"

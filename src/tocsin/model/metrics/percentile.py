"""The `percentile` of a PERCENTILE (docs/reference/semantics.md)."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from tocsin.model.metrics.answer import plain
from tocsin.model.metrics.finite_number import number_or_none

THOUSANDTHS = 1_000
WHOLE = 100 * THOUSANDTHS
"""The 100th percentile in thousandths."""


def thousandths_of(percentile: float) -> int:
    """The percentile in thousandths, as an exact integer; the number must have at most three
    decimals."""
    return int(_scaled(percentile))


def _scaled(percentile: float) -> Decimal:
    # Decimal reads the shortest text of a double, which is the number as a caller writes it.
    return Decimal(repr(percentile)) * THOUSANDTHS


def _percentile(value: Any) -> int | float:
    number = number_or_none(value) if not isinstance(value, bool) else None
    if number is None or not 0 < number <= 100:
        raise ValueError("must be a number greater than 0 and at most 100")
    if _scaled(number) % 1:
        raise ValueError("must have at most three decimals")
    rank = plain(number)
    assert rank is not None
    return rank


Percentile = Annotated[
    int | float,
    BeforeValidator(_percentile),
    WithJsonSchema(
        {"type": "number", "exclusiveMinimum": 0, "maximum": 100, "examples": [95, 99.9]}
    ),
]

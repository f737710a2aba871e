"""Finite numbers in definitions: a JSON number whose double is finite."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from tocsin.model.interactions.scalar import number_of
from tocsin.model.metrics.answer import plain


def number_or_none(value: Any) -> float | None:
    """The number of a JSON number; None for a value of any other type."""
    return number_of(value) if isinstance(value, int | float) else None


def _finite(value: Any) -> int | float:
    number = number_or_none(value)
    if number is None:
        raise ValueError("must be a finite number")
    finite = plain(number)
    assert finite is not None
    return finite


FiniteNumber = Annotated[int | float, BeforeValidator(_finite), WithJsonSchema({"type": "number"})]

"""The comparison of a metric with its value at an earlier instant ("Comparison with an earlier
period" in docs/reference/semantics.md)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic import Field as Member
from pydantic.alias_generators import to_camel

from tocsin.model.duration import Duration
from tocsin.model.metrics.finite_number import FiniteNumber


class Change(StrEnum):
    """The form in which a comparison has the change from the base to the current value."""

    DIFFERENCE = "difference"
    PERCENT = "percent"
    FACTOR = "factor"

    @property
    def divides(self) -> bool:
        """Whether it divides by the base, which may be too small to be divided by."""
        return self is not Change.DIFFERENCE


@dataclass(frozen=True, slots=True)
class Offset(Duration):
    """The time from the earlier instant to the current one; a day is 24 hours."""

    _WORD = "comparison offset"
    _UNITS = "m, h or d"
    _EXAMPLES = ("7d", "24h", "30m")
    _PATTERN = "([1-9][0-9]{0,8})([mhd])"


def _not_negative(value: int | float) -> int | float:
    if value < 0:
        raise ValueError("must be at least 0: it is held against the magnitude of the base")
    return value


def _is_missing(value: Any) -> bool:
    return value is None


class PeriodComparison(BaseModel):
    """The member `compare` of a metric."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )

    offset: Annotated[Offset, Member(description="7d compares with a week earlier")]
    change: Annotated[Change, Member(alias="as")]
    minimum_base: Annotated[
        Annotated[FiniteNumber, AfterValidator(_not_negative)] | None,
        Member(
            description="Below this magnitude of the base there is no percentage and no factor",
            exclude_if=_is_missing,
        ),
    ] = None

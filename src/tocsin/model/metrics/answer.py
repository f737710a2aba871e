"""The answers of a question: its rows at an instant, over time, and what they cost
("Grouping and order" in docs/reference/semantics.md)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec

from tocsin.model.interactions.field import Field

DEFAULT_LIMIT = 10_000
ReadingValue = Annotated[
    int | float | None, msgspec.Meta(description="null where there is nothing to aggregate")
]
ReadingDimensions = Annotated[
    dict[str, str | None] | None, msgspec.Meta(description="null for a metric without groups")
]
SideOfRatio = (
    Annotated[int | float | None, msgspec.Meta(description="Only there for a RATIO")]
    | msgspec.UnsetType
)
SideOfComparison = (
    Annotated[int | float | None, msgspec.Meta(description="Only there for a comparison")]
    | msgspec.UnsetType
)
LARGEST_EXACT = 2**53


def plain(value: Any) -> ReadingValue:
    """The JSON form of a value: whole numbers that are exact without a fraction, null for numbers
    that are not finite."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        if value.is_integer() and abs(value) < LARGEST_EXACT:
            return int(value)
    return value  # type: ignore[no-any-return]


def row_sort_key(value: ReadingValue, texts: Iterable[str | None]) -> tuple[object, ...]:
    """The order of rows: by value, greatest first, null last; then by the texts of dimensions."""
    return value is None, -(value or 0), [(text is None, text or "") for text in texts]


@dataclass(frozen=True, slots=True)
class Reading:
    """One row of an answer: a value and the texts of its dimensions; for a RATIO or a comparison,
    its sides."""

    value: ReadingValue
    dimensions: ReadingDimensions
    numerator: SideOfRatio = msgspec.UNSET
    denominator: SideOfRatio = msgspec.UNSET
    current: SideOfComparison = msgspec.UNSET
    base: SideOfComparison = msgspec.UNSET

    @property
    def sides(self) -> tuple[ReadingValue, ReadingValue] | None:
        """The numerator and the denominator, or the current value and the base; None for other
        metrics."""
        for first, second in ((self.current, self.base), (self.numerator, self.denominator)):
            if first is not msgspec.UNSET and second is not msgspec.UNSET:
                return first, second
        return None


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a question at an instant; `group_count` is set only if rows were cut."""

    at: datetime
    readings: list[Reading]
    unit: str | None = None
    group_count: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One group of a series: its values at the points, oldest first."""

    dimensions: dict[str, str | None] | None
    points: list[tuple[datetime, int | float | None]]


@dataclass(frozen=True, slots=True)
class Series:
    """A metric over time; `group_count` is set only if lines were cut."""

    lines: list[Line]
    group_count: int | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """One execution of a metric's query; `elapsed_ms` is the engine's time in milliseconds.

    `promoted` has the payload fields that it reads from materialized columns. With `from_rollup`, a
    calculation does not run this query: it combines cached partial aggregates and reads only the
    edges of its window.
    """

    sql: str
    parameters: dict[str, Any]
    promoted: tuple[Field, ...]
    rows_read: int
    bytes_read: int
    elapsed_ms: float
    from_rollup: bool


@dataclass(frozen=True, slots=True)
class FieldReport:
    """A payload field that occurs: its JSON types, frequency and examples. `truncated` marks cut
    examples, `promoted` a field that queries read from a materialized column, and `sampled` one
    whose occurrences are those in a sample."""

    field: Field
    types: tuple[str, ...]
    occurrences: int
    examples: tuple[str | int | float | bool, ...]
    truncated: bool
    promoted: bool
    sampled: bool = False

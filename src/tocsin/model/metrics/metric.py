"""Metrics: an aggregation of the interactions in a scope, over a window, by groups.

docs/reference/semantics.md defines every part; `clickhouse/sql/compiler.py` compiles a metric to a
query.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any
from uuid import UUID, uuid5

import msgspec
from pydantic import BaseModel, ConfigDict
from pydantic import Field as Member
from pydantic.alias_generators import to_camel

from tocsin.model.duration import Duration
from tocsin.model.interactions.field import Field
from tocsin.model.interactions.filter import Filter
from tocsin.model.interactions.scope import Scope

MAX_FILTERS = 50
MAX_GROUPS = 10
DEFAULT_LIMIT = 10_000

ReadingValue = Annotated[
    int | float | None, msgspec.Meta(description="null where there is nothing to aggregate")
]
ReadingDimensions = Annotated[
    dict[str, str | None] | None, msgspec.Meta(description="null for a metric without groups")
]
SideValue = (
    Annotated[int | float | None, msgspec.Meta(description="Only there for a RATIO")]
    | msgspec.UnsetType
)

_LARGEST_EXACT = 2**53
_NAMESPACE = UUID("6e1d5c7e-0c1b-5e0e-9d3a-70c51a000001")


class Aggregation(StrEnum):
    COUNT = "COUNT"
    SUM = "SUM"
    AVG = "AVG"
    MIN = "MIN"
    MAX = "MAX"
    DISTINCT_COUNT = "DISTINCT_COUNT"
    RATE = "RATE"
    RATIO = "RATIO"

    @property
    def requires_field(self) -> bool:
        return self not in (Aggregation.COUNT, Aggregation.RATE, Aggregation.RATIO)

    @property
    def requires_window(self) -> bool:
        return self is Aggregation.RATE

    @property
    def is_sum(self) -> bool:
        """Whether it sums the field's numbers."""
        return self in (Aggregation.SUM, Aggregation.AVG)

    @property
    def type_id(self) -> UUID:
        """The id, the same in every installation: derived from the mnemonic."""
        return uuid5(_NAMESPACE, self.value)

    @property
    def empty_value(self) -> int | None:
        """The value where no interaction matches."""
        return None if self in _NULL_OVER_NOTHING else 0


_NULL_OVER_NOTHING = {Aggregation.AVG, Aggregation.MIN, Aggregation.MAX, Aggregation.RATIO}
AGGREGATION_BY_ID = {aggregation.type_id: aggregation for aggregation in Aggregation}
SIDE_AGGREGATIONS = tuple(
    aggregation
    for aggregation in Aggregation
    if aggregation not in (Aggregation.RATE, Aggregation.RATIO)
)
"""Those that a side of a RATIO may have."""


@dataclass(frozen=True, slots=True)
class Window(Duration):
    """A sliding window: `5m`, `24h`, `7d`."""

    _WORD = "time window"
    _UNITS = "m, h or d"
    _EXAMPLES = ("5m", "24h", "7d")
    _PATTERN = "([1-9][0-9]{0,8})([mhd])"
    _RATES = {"m": "per minute", "h": "per hour", "d": "per day"}

    @property
    def rate_unit(self) -> str:
        return self._RATES[self.unit]


class Side(BaseModel):
    """An aggregation with its scope and filters, resolved to ids: one side of a RATIO."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )

    aggregation: Annotated[Aggregation, Member(alias="metricType")]
    resource_type_id: UUID | None = None
    action_id: UUID | None = None
    origin_id: UUID | None = None
    field: Field | None = None
    filters: tuple[Filter, ...] = ()

    @cached_property
    def scope(self) -> Scope:
        return Scope(self.resource_type_id, self.action_id, self.origin_id)


def _is_missing(value: Any) -> bool:
    return value is None


def _is_one(value: Any) -> bool:
    return bool(value == 1)


class Question(Side):
    """The question of a metric: the input of the compiler. Only a RATIO has sides; the scope and
    the filters of the question apply to both, in addition to their own."""

    time_window: Window | None = None
    group_by: tuple[Field, ...] = ()
    numerator: Annotated[Side | None, Member(exclude_if=_is_missing)] = None
    denominator: Annotated[Side | None, Member(exclude_if=_is_missing)] = None
    scale: Annotated[int, Member(exclude_if=_is_one)] = 1
    minimum_denominator: Annotated[int | float | None, Member(exclude_if=_is_missing)] = None

    @property
    def dimensions(self) -> tuple[str, ...]:
        return tuple(field.key for field in self.group_by)

    @property
    def unit(self) -> str | None:
        """The unit of a RATE and of a RATIO in percent; None for all other questions."""
        if self.aggregation is Aggregation.RATE and self.time_window:
            return self.time_window.rate_unit
        return "%" if self.scale == 100 else None

    @property
    def parts(self) -> tuple[Question, ...]:
        """The questions that the engine answers: the two sides of a RATIO, as metrics of their own;
        the question itself for all other aggregations."""
        return self._sides or (self,)

    @cached_property
    def _sides(self) -> tuple[Question, ...]:
        sides = (self.numerator, self.denominator)
        return tuple(self._side(side) for side in sides if side is not None)

    @property
    def ungrouped(self) -> Question:
        """The same question about all groups together. `model_copy` would keep cached members."""
        members = {name: getattr(self, name) for name in Question.model_fields}
        return Question(**{**members, "group_by": ()})

    def _side(self, side: Side) -> Question:
        return Question(
            aggregation=side.aggregation,
            resource_type_id=side.resource_type_id or self.resource_type_id,
            action_id=side.action_id or self.action_id,
            origin_id=side.origin_id or self.origin_id,
            field=side.field,
            filters=(*self.filters, *side.filters),
            time_window=self.time_window,
            group_by=self.group_by,
        )

    @cached_property
    def shape(self) -> str:
        """The question without its aggregation and window, as a text for comparisons."""
        return repr((self.scope, self.field, self.filters, self.group_by))


class Metric(BaseModel):
    """A metric as it is stored: a question with a name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric_id: UUID
    name: str
    description: str | None = None
    question: Question
    enabled: bool = True
    created_date: datetime
    modified_date: datetime


def plain(value: Any) -> ReadingValue:
    """The JSON form of a value: whole numbers that are exact without a fraction, null for numbers
    that are not finite."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        if value.is_integer() and abs(value) < _LARGEST_EXACT:
            return int(value)
    return value  # type: ignore[no-any-return]


def row_sort_key(value: ReadingValue, texts: Iterable[str | None]) -> tuple[object, ...]:
    """The order of rows: by value, greatest first, null last; then by the texts of dimensions."""
    return value is None, -(value or 0), [(text is None, text or "") for text in texts]


@dataclass(frozen=True, slots=True)
class Reading:
    """One row of an answer: a value and the texts of its dimensions; for a RATIO, its sides."""

    value: ReadingValue
    dimensions: ReadingDimensions
    numerator: SideValue = msgspec.UNSET
    denominator: SideValue = msgspec.UNSET


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
    examples, `promoted` a field that queries read from a materialized column."""

    field: Field
    types: tuple[str, ...]
    occurrences: int
    examples: tuple[str | int | float | bool, ...]
    truncated: bool
    promoted: bool

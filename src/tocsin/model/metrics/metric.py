"""What is measured: an aggregation of the interactions in a scope, over a window, by groups.

The meaning of every part is in docs/reference/semantics.md; `sql/compiler.py` turns a metric into a
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

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Member
from pydantic.alias_generators import to_camel

from tocsin.model.duration import Duration
from tocsin.model.interactions.field import Field
from tocsin.model.interactions.filter import Filter

MAX_FILTERS = 50
MAX_GROUPS = 10
DEFAULT_LIMIT = 10_000

Value = int | float | None

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

    @property
    def requires_field(self) -> bool:
        return self not in (Aggregation.COUNT, Aggregation.RATE)

    @property
    def requires_window(self) -> bool:
        return self is Aggregation.RATE

    @property
    def is_sum(self) -> bool:
        """Whether it adds the field's numbers."""
        return self in (Aggregation.SUM, Aggregation.AVG)

    @property
    def type_id(self) -> UUID:
        """The same in every installation: derived from the mnemonic."""
        return uuid5(_NAMESPACE, self.value)

    @property
    def over_nothing(self) -> int | None:
        """What the aggregation is worth where no interaction matches."""
        return None if self in (Aggregation.AVG, Aggregation.MIN, Aggregation.MAX) else 0


AGGREGATION_BY_ID = {aggregation.type_id: aggregation for aggregation in Aggregation}


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


class Question(BaseModel):
    """What a metric asks, with its scope resolved to ids: all that the compiler needs to know."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )

    aggregation: Annotated[Aggregation, Member(alias="metricType")]
    resource_type_id: UUID | None = None
    action_id: UUID | None = None
    origin_id: UUID | None = None
    field: Field | None = None
    filters: tuple[Filter, ...] = ()
    time_window: Window | None = None
    group_by: tuple[Field, ...] = ()

    @property
    def dimensions(self) -> tuple[str, ...]:
        return tuple(field.key for field in self.group_by)

    @property
    def unit(self) -> str | None:
        """The unit of a RATE; None for all other aggregations."""
        is_rate = self.aggregation is Aggregation.RATE and self.time_window
        return self.time_window.rate_unit if is_rate and self.time_window else None

    @cached_property
    def shape(self) -> str:
        """All that is asked but for the aggregation and the window, as a text to compare by."""
        scope = self.resource_type_id, self.action_id, self.origin_id
        return repr((scope, self.field, self.filters, self.group_by))


class Metric(BaseModel):
    """A question with a name: what is stored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric_id: UUID
    name: str
    description: str | None = None
    question: Question
    enabled: bool = True
    created_date: datetime
    modified_date: datetime


def plain(value: Any) -> Value:
    """A value as it is written in JSON: whole numbers without a fraction, as far as exact; null
    where it is not finite."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        if value.is_integer() and abs(value) < _LARGEST_EXACT:
            return int(value)
    return value  # type: ignore[no-any-return]


def rank(value: Value, texts: Iterable[str | None]) -> tuple[object, ...]:
    """The order of rows: by value, greatest first, null last; then by the texts of dimensions."""
    return value is None, -(value or 0), [(text is None, text or "") for text in texts]


@dataclass(frozen=True, slots=True)
class Reading:
    """One row of an answer: a value and the texts of the dimensions it belongs to."""

    value: int | float | None
    dimensions: dict[str, str | None] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question came to at an instant; `group_count` is set only when rows were cut."""

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
    """A metric over time; `group_count` is set only when lines were cut."""

    lines: list[Line]
    group_count: int | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """One real run of a metric's query; milliseconds are those the engine took.

    `promoted` are the payload fields that it reads from columns of their own. With `from_rollup`,
    a calculation does not run it: it adds up partial results that are kept, and reads only the
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
    """A payload field that occurs: with which JSON types, how often, and for example; whether an
    example is cut, and whether queries may read the field from a column of its own."""

    field: Field
    types: tuple[str, ...]
    occurrences: int
    examples: tuple[str | int | float | bool, ...]
    truncated: bool
    promoted: bool

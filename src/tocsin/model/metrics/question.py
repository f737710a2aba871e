"""The question of a metric: an aggregation of interactions in a scope, over a window, by groups.

docs/reference/semantics.md defines every part; `clickhouse/sql/compiler.py` compiles a question to
a query.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Member
from pydantic.alias_generators import to_camel

from tocsin.model.interactions.field import Field
from tocsin.model.interactions.filter_tree import FilterTree
from tocsin.model.interactions.scope import Scope
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.rates import RateUnit, rate_factor
from tocsin.model.metrics.time_window import TimeWindow
from tocsin.model.metrics.window import Window

MAX_FILTERS = 50
MAX_GROUPS = 10


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
    filters: tuple[FilterTree, ...] = ()

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

    time_window: TimeWindow | None = None
    group_by: tuple[Field, ...] = ()
    percentile: Annotated[int | float | None, Member(exclude_if=_is_missing)] = None
    """Only of a PERCENTILE."""
    numerator: Annotated[Side | None, Member(exclude_if=_is_missing)] = None
    denominator: Annotated[Side | None, Member(exclude_if=_is_missing)] = None
    scale: Annotated[int, Member(exclude_if=_is_one)] = 1
    minimum_denominator: Annotated[int | float | None, Member(exclude_if=_is_missing)] = None
    rate_unit: Annotated[RateUnit | None, Member(exclude_if=_is_missing)] = None
    own_unit: Annotated[str | None, Member(alias="unit", exclude_if=_is_missing)] = None
    """The unit of the definition, which replaces that of the aggregation."""

    @property
    def dimensions(self) -> tuple[str, ...]:
        return tuple(field.key for field in self.group_by)

    @property
    def unit(self) -> str | None:
        """The unit that is shown beside the value: that of the definition, else that of a RATE or
        of a RATIO in percent; None for all other questions."""
        if self.own_unit is not None:
            return self.own_unit
        return self.time_unit or ("%" if self.scale == 100 else None)

    @property
    def time_unit(self) -> str | None:
        """`per minute`: the unit of a RATE; None for all other questions."""
        if self.aggregation is not Aggregation.RATE or not isinstance(self.time_window, Window):
            return None
        return (self.rate_unit or RateUnit(self.time_window.unit)).label

    @cached_property
    def rate_factor(self) -> Fraction:
        """The factor by which a count becomes the value of a RATE."""
        assert isinstance(self.time_window, Window), "a RATE has a sliding window"
        return rate_factor(self.time_window, self.rate_unit)

    @property
    def empty_value(self) -> int | None:
        """The value of a group where no interaction matches."""
        return self.aggregation.empty_value

    def measures_as(self, other: Question) -> bool:
        """Whether both have the same values; a unit is only shown beside them."""
        return self._with(own_unit=None) == other._with(own_unit=None)

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
        return self._with(group_by=())

    def _with(self, **changes: Any) -> Question:
        members = {name: getattr(self, name) for name in Question.model_fields}
        return Question(**{**members, **changes})

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

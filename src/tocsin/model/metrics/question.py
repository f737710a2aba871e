"""The question of a metric: an aggregation of interactions in a scope, over a window, by groups.

docs/reference/semantics.md defines every part; `clickhouse/sql/compiler.py` compiles a question to
a query.
"""

from __future__ import annotations

from dataclasses import replace
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
from tocsin.model.metrics.comparison import Change, PeriodComparison
from tocsin.model.metrics.rates import RateUnit, rate_factor
from tocsin.model.metrics.time_window import TimeWindow
from tocsin.model.metrics.window import Window

MAX_FILTERS = 50
MAX_GROUPS = 10
SIDES = ("numerator", "denominator")
COMPARED = ("current", "base")


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
    the filters of the question apply to both, in addition to their own.

    With `compare`, its value is the change from the base to the current value."""

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
    compare: Annotated[PeriodComparison | None, Member(exclude_if=_is_missing)] = None

    @cached_property
    def dimensions(self) -> tuple[str, ...]:
        return tuple(field.key for field in self.group_by)

    @property
    def unit(self) -> str | None:
        """The unit that is shown beside the value: `%` for a change in percent, else that of the
        definition, that of a RATE, or `%` for a RATIO in percent. A difference has the unit of its
        sides, a factor only that of the definition."""
        if self.compare and self.compare.change is Change.PERCENT:
            return "%"
        if self.own_unit is not None:
            return self.own_unit
        if self.compare and self.compare.change is Change.FACTOR:
            return None
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
        if self.compare and self.compare.change.divides:
            return None
        return self.aggregation.empty_value

    def measures_as(self, other: Question) -> bool:
        """Whether both have the same values; a unit is only shown beside them."""
        return self._with(own_unit=None) == other._with(own_unit=None)

    @property
    def parts(self) -> tuple[Question, ...]:
        """The questions that the engine answers: the two sides of a RATIO, as metrics of their own;
        the parts of the current question and of its base, with `compare`; the question itself for
        all others."""
        return self._parts or (self,)

    @property
    def is_joined(self) -> bool:
        """Whether its values are calculated from those of several parts."""
        return len(self.parts) > 1

    @property
    def side_names(self) -> tuple[str, ...]:
        """The names of both sides in a row of a RATIO or a comparison; none for others."""
        if self.compare:
            return COMPARED
        return SIDES if self.aggregation is Aggregation.RATIO else ()

    @cached_property
    def current(self) -> Question:
        """The question without its comparison."""
        return self._with(compare=None) if self.compare else self

    @cached_property
    def base(self) -> Question:
        """The question with which a comparison compares: the same one about an earlier period."""
        assert self.compare is not None
        assert isinstance(self.time_window, Window), "a comparison has a sliding window"
        window = replace(self.time_window, offset=self.compare.offset.length)
        return self._with(compare=None, time_window=window)

    @property
    def ungrouped(self) -> Question:
        """The same question about all groups together."""
        return self._with(group_by=())

    @cached_property
    def _parts(self) -> tuple[Question, ...]:
        if self.compare:
            return (*self.current.parts, *self.base.parts)
        sides = (self.numerator, self.denominator)
        return tuple(self._side(side) for side in sides if side is not None)

    def _with(self, **changes: Any) -> Question:
        """The question with other members. `model_copy` would keep cached ones."""
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

"""The definition of a metric as a caller writes it, and its translation to a question.

`read_metric` reports all problems together: of shape, between members, and of names that the
catalog lacks. The rules between members are checked in the request itself, whether or not the
rest is valid, so that a caller corrects a definition in one step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StrictBool,
    ValidationError,
)
from pydantic import Field as Member
from pydantic.alias_generators import to_camel

from tocsin.errors import InvalidInput, Problem
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.field import Field
from tocsin.model.interactions.filter_tree import FilterTree, check_limits
from tocsin.model.metrics.aggregation import AGGREGATION_BY_ID, Aggregation
from tocsin.model.metrics.calendar import CalendarPeriod, CalendarWindow
from tocsin.model.metrics.catalog_names import CatalogNames, entry_of, id_of, unknown_names
from tocsin.model.metrics.comparison import PeriodComparison
from tocsin.model.metrics.finite_number import FiniteNumber
from tocsin.model.metrics.metric import Metric
from tocsin.model.metrics.percentile import Percentile
from tocsin.model.metrics.question import MAX_FILTERS, MAX_GROUPS, SIDES, Question, Side
from tocsin.model.metrics.rates import RateUnit
from tocsin.model.metrics.rules import SIDE_MESSAGES, rule_problems
from tocsin.model.metrics.time_window import WindowSpelling
from tocsin.model.metrics.window import Window
from tocsin.model.slug import KeyedDraft
from tocsin.model.validation import WithoutNul, problems_of
from tocsin.model.zones import ZoneName


def _upper(value: Any) -> Any:
    """Metric types are read without regard to case."""
    return value.upper() if isinstance(value, str) else value


def list_of_at_most(limit: int) -> Callable[[Any], Any]:
    """A validator that reads null as an empty list and rejects a long one without reading it."""

    def check(value: Any) -> Any:
        if isinstance(value, list) and len(value) > limit:
            raise ValueError(f"must have at most {limit} elements, not {len(value):,}")
        return () if value is None else value

    return check


def _null_is_true(value: Any) -> Any:
    return True if value is None else value


_Filters = Annotated[tuple[FilterTree, ...], Member(max_length=MAX_FILTERS)]
_GroupFields = Annotated[
    tuple[Field, ...], Member(max_length=MAX_GROUPS, examples=[["interaction.country"]])
]
Filters = Annotated[
    _Filters,
    BeforeValidator(check_limits),
    BeforeValidator(list_of_at_most(MAX_FILTERS), json_schema_input_type=_Filters | None),
]
GroupFields = Annotated[
    _GroupFields,
    BeforeValidator(list_of_at_most(MAX_GROUPS), json_schema_input_type=_GroupFields | None),
]
Enabled = Annotated[StrictBool, BeforeValidator(_null_is_true, json_schema_input_type=bool | None)]


def _null_is_false(value: Any) -> Any:
    return False if value is None else value


Exposed = Annotated[StrictBool, BeforeValidator(_null_is_false, json_schema_input_type=bool | None)]


def _no_boolean(value: Any) -> Any:
    """True would be accepted as 1."""
    if isinstance(value, bool):
        raise ValueError("must be 1 or 100")
    return value


Scale = Annotated[Literal[1, 100], BeforeValidator(_no_boolean)]


def _printable(text: str) -> str:
    """A unit is in headings, subjects of emails and lines of terminals."""
    if not text.isprintable():
        raise ValueError("must be printable, on one line")
    return text


UnitText = Annotated[
    str,
    Member(min_length=1, max_length=16, description="Shown beside the value", examples=["ms"]),
    AfterValidator(_printable),
]


class SideDraft(BaseModel):
    """A side of a RATIO. Its filters and scope are added to those of the metric."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )

    metric_type: Annotated[Aggregation, BeforeValidator(_upper)] | None = None
    resource_type_id: UUID | None = None
    resource_type: str | None = None
    action_id: UUID | None = None
    action: str | None = None
    origin_id: UUID | None = None
    origin: str | None = None
    field: Field | None = None
    filters: Filters = ()


class MetricDraft(SideDraft, KeyedDraft):
    """The members that a caller may give; null means the same as a missing member."""

    name: Annotated[str, Member(min_length=1, max_length=200), WithoutNul()] | None = None
    description: Annotated[str, Member(max_length=4_000), WithoutNul()] | None = None
    metric_type_id: UUID | None = None
    percentile: (
        Annotated[Percentile, Member(description="The rank of a PERCENTILE, such as 95")] | None
    ) = None
    numerator: SideDraft | None = None
    denominator: SideDraft | None = None
    scale: Annotated[Scale, Member(description="100 for a RATIO in percent")] | None = None
    minimum_denominator: (
        Annotated[
            FiniteNumber,
            Member(description="A RATIO is null where its denominator is less"),
        ]
        | None
    ) = None
    compare: (
        Annotated[
            PeriodComparison,
            Member(description="Makes the value the change since an earlier period"),
        ]
        | None
    ) = None
    time_window: WindowSpelling | None = None
    timezone: (
        Annotated[ZoneName, Member(description="The time zone of a calendar window")] | None
    ) = None
    rate_unit: (
        Annotated[RateUnit, Member(description="The unit of a RATE, if not that of its window")]
        | None
    ) = None
    unit: UnitText | None = None
    group_by: GroupFields = ()
    enabled: Enabled = True
    expose: Annotated[Exposed, Member(description="Whether /metrics/values has its rows")] = False

    @property
    def window(self) -> Window | CalendarWindow | None:
        """The window with its time zone."""
        if isinstance(self.time_window, CalendarPeriod):
            assert self.timezone is not None, "the rules let no such window through without a zone"
            return CalendarWindow(self.time_window, self.timezone)
        return self.time_window

    def metric(self, question: Question, id: UUID, created: datetime, modified: datetime) -> Metric:
        """The metric of a draft that `read_metric` returned with a question."""
        assert self.name is not None, "read_metric requires a name for a metric that is stored"
        return Metric(
            metric_id=id,
            name=self.name,
            description=self.description,
            question=question,
            enabled=self.enabled,
            expose=self.expose,
            key=self.key,
            managed_by=self.managed_by,
            created_date=created,
            modified_date=modified,
        )


def read_metric(
    body: Any, catalog: CatalogNames, *, name_required: bool = True
) -> tuple[MetricDraft, Question]:
    """Validate a definition and resolve its names; raises InvalidInput with every problem."""
    if not isinstance(body, dict):
        raise InvalidInput.at("", "must be a JSON object")
    problems: list[Problem] = []
    draft = None
    try:
        draft = MetricDraft.model_validate(body)
    except ValidationError as error:
        problems += (
            Problem(problem.field, SIDE_MESSAGES.get(problem.field, problem.message))
            for problem in problems_of(error)
        )
    if name_required and body.get("name") is None:
        problems.append(Problem("name", "is required"))
    problems += rule_problems(body)
    problems += unknown_names(body, catalog)
    problems += _side_name_problems(body, catalog)
    if problems or draft is None:
        raise InvalidInput(problems=problems)
    return draft, _question(draft, catalog)


def _question(draft: MetricDraft, catalog: CatalogNames) -> Question:
    aggregation = draft.metric_type or AGGREGATION_BY_ID[_required(draft.metric_type_id)]
    return Question(
        aggregation=aggregation,
        **_scope(draft, catalog),
        field=draft.field,
        filters=draft.filters,
        time_window=draft.window,
        group_by=draft.group_by,
        percentile=draft.percentile,
        numerator=draft.numerator and _side(draft.numerator, catalog),
        denominator=draft.denominator and _side(draft.denominator, catalog),
        scale=draft.scale or 1,
        minimum_denominator=draft.minimum_denominator,
        rate_unit=draft.rate_unit,
        own_unit=draft.unit,
        compare=draft.compare,
    )


def _side(draft: SideDraft, catalog: CatalogNames) -> Side:
    assert draft.metric_type is not None, "the rules let no side through without a metric type"
    return Side(
        aggregation=draft.metric_type,
        **_scope(draft, catalog),
        field=draft.field,
        filters=draft.filters,
    )


def _scope(draft: SideDraft, catalog: CatalogNames) -> dict[str, Any]:
    ids = (
        ("resource_type_id", Kind.RESOURCE_TYPE, draft.resource_type_id, draft.resource_type),
        ("action_id", Kind.ACTION, draft.action_id, draft.action),
        ("origin_id", Kind.ORIGIN, draft.origin_id, draft.origin),
    )
    return {member: id_of(catalog, kind, id, mnemonic) for member, kind, id, mnemonic in ids}


def _required(id: UUID | None) -> UUID:
    assert id is not None, "the rules let no definition through without a metric type"
    return id


def _side_name_problems(body: Mapping[str, Any], catalog: CatalogNames) -> Iterator[Problem]:
    """Problems of the names in the sides of a RATIO, which may narrow the metric's scope but not
    leave it."""
    for name in SIDES:
        side = body.get(name)
        if not isinstance(side, dict):
            continue
        problems = [*unknown_names(side, catalog), *_outside(body, side, catalog)]
        yield from (Problem(f"{name}.{p.field}", p.message) for p in problems)


def _outside(
    body: Mapping[str, Any], side: Mapping[str, Any], catalog: CatalogNames
) -> Iterator[Problem]:
    for kind in Kind:
        of_metric, of_side = entry_of(body, kind, catalog), entry_of(side, kind, catalog)
        if of_metric and of_side and of_metric.id != of_side.id:
            member = kind.value if side.get(kind.value) is not None else kind.id_member
            yield Problem(
                member,
                f"names another {kind.words} than the metric, whose scope is that of both sides: "
                f"leave it out, or leave {kind.value} of the metric out",
            )

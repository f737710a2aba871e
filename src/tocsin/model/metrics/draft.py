"""The definition of a metric as a caller writes it, and its translation to a question.

`read_metric` reports all problems together: of shape, between members, and of names that the
catalog lacks. The rules between members are checked in the request itself, whether or not the
rest is valid, so that a caller corrects a definition in one step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Protocol
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, StrictBool, ValidationError
from pydantic import Field as Member
from pydantic.alias_generators import to_camel

from tocsin.errors import InvalidInput, Problem
from tocsin.model.interactions.catalog import Entry, Kind
from tocsin.model.interactions.field import Field
from tocsin.model.interactions.filter import Filter
from tocsin.model.metrics.metric import (
    AGGREGATION_BY_ID,
    MAX_FILTERS,
    MAX_GROUPS,
    Aggregation,
    Question,
    Window,
)
from tocsin.model.metrics.rules import rule_problems, uuid_of
from tocsin.model.validation import WithoutNul, problems_of


class CatalogNames(Protocol):
    """The part of the catalog that resolves the names of a definition."""

    def find(self, kind: Kind, mnemonic: str) -> Entry | None: ...

    def by_id(self, kind: Kind, id: UUID) -> Entry | None: ...


def _upper(value: Any) -> Any:
    """Metric types are read without regard to case."""
    return value.upper() if isinstance(value, str) else value


def _at_most(limit: int) -> Callable[[Any], Any]:
    """A validator that reads null as an empty list and rejects a long one without reading it."""

    def check(value: Any) -> Any:
        if isinstance(value, list) and len(value) > limit:
            raise ValueError(f"must have at most {limit} elements, not {len(value):,}")
        return () if value is None else value

    return check


def _null_is_true(value: Any) -> Any:
    return True if value is None else value


_Filters = Annotated[tuple[Filter, ...], Member(max_length=MAX_FILTERS)]
_GroupFields = Annotated[
    tuple[Field, ...], Member(max_length=MAX_GROUPS, examples=[["interaction.country"]])
]
Filters = Annotated[
    _Filters, BeforeValidator(_at_most(MAX_FILTERS), json_schema_input_type=_Filters | None)
]
GroupFields = Annotated[
    _GroupFields, BeforeValidator(_at_most(MAX_GROUPS), json_schema_input_type=_GroupFields | None)
]
Enabled = Annotated[StrictBool, BeforeValidator(_null_is_true, json_schema_input_type=bool | None)]


class MetricDraft(BaseModel):
    """The members that a caller may give; null means the same as a missing member."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )

    name: Annotated[str, Member(min_length=1, max_length=200), WithoutNul()] | None = None
    description: Annotated[str, Member(max_length=4_000), WithoutNul()] | None = None
    metric_type_id: UUID | None = None
    metric_type: Annotated[Aggregation, BeforeValidator(_upper)] | None = None
    resource_type_id: UUID | None = None
    resource_type: str | None = None
    action_id: UUID | None = None
    action: str | None = None
    origin_id: UUID | None = None
    origin: str | None = None
    field: Field | None = None
    filters: Filters = ()
    time_window: Window | None = None
    group_by: GroupFields = ()
    enabled: Enabled = True


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
        problems += problems_of(error)
    if name_required and body.get("name") is None:
        problems.append(Problem("name", "is required"))
    problems += rule_problems(body)
    problems += unknown_names(body, catalog)
    if problems or draft is None:
        raise InvalidInput(problems=problems)
    return draft, _question(draft, catalog)


def _question(draft: MetricDraft, catalog: CatalogNames) -> Question:
    aggregation = draft.metric_type or AGGREGATION_BY_ID[_required(draft.metric_type_id)]
    return Question(
        aggregation=aggregation,
        resource_type_id=id_of(
            catalog, Kind.RESOURCE_TYPE, draft.resource_type_id, draft.resource_type
        ),
        action_id=id_of(catalog, Kind.ACTION, draft.action_id, draft.action),
        origin_id=id_of(catalog, Kind.ORIGIN, draft.origin_id, draft.origin),
        field=draft.field,
        filters=draft.filters,
        time_window=draft.time_window,
        group_by=draft.group_by,
    )


def _required(id: UUID | None) -> UUID:
    assert id is not None, "the rules let no definition through without a metric type"
    return id


def id_of(catalog: CatalogNames, kind: Kind, id: UUID | None, mnemonic: str | None) -> UUID | None:
    """The id of the entry that `id` or `mnemonic` names; None without a name."""
    if id is not None or mnemonic is None:
        return id
    entry = catalog.find(kind, mnemonic)
    return entry.id if entry else None


def unknown_names(body: Mapping[str, Any], catalog: CatalogNames) -> Iterator[Problem]:
    """Problems of names that the catalog lacks, and of ids and mnemonics that disagree."""
    for kind in Kind:
        id, mnemonic = uuid_of(body.get(kind.id_member)), body.get(kind.value)
        by_id = catalog.by_id(kind, id) if id else None
        by_mnemonic = catalog.find(kind, mnemonic) if isinstance(mnemonic, str) else None
        if id and not by_id:
            yield Problem(kind.id_member, f"is the id of no {kind.words} in the catalog")
        if isinstance(mnemonic, str) and not by_mnemonic:
            yield Problem(kind.value, f"is the mnemonic of no {kind.words} in the catalog")
        if by_id and by_mnemonic and by_id.id != by_mnemonic.id:
            yield Problem(
                kind.value,
                f"names another {kind.words} than {kind.id_member}, "
                f"which is {by_id.mnemonic}: leave one of them out, or make them agree",
            )

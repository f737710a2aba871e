"""What may a caller write of a metric, and which question does it ask?

`read_metric` reports every problem at once: those of shape, those between members, and names
that the catalog lacks. The rules between members are looked for in what was sent, whether or not
the rest of it is right, so nobody has to mend a definition one complaint at a time.
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
from tocsin.model.metrics.rules import broken_rules, uuid_of
from tocsin.model.validation import problems_of


class Names(Protocol):
    """The part of the catalog that a definition is read against."""

    def find(self, kind: Kind, mnemonic: str) -> Entry | None: ...

    def by_id(self, kind: Kind, id: UUID) -> Entry | None: ...


def _upper(value: Any) -> Any:
    """Mnemonics are found without regard to case."""
    return value.upper() if isinstance(value, str) else value


def _at_most(limit: int) -> Callable[[Any], Any]:
    """Takes null for an empty list, and refuses a long one without looking into it."""

    def check(value: Any) -> Any:
        if isinstance(value, list) and len(value) > limit:
            raise ValueError(f"must have at most {limit} elements, not {len(value):,}")
        return () if value is None else value

    return check


def _nothing_is_true(value: Any) -> Any:
    return True if value is None else value


_Filters = Annotated[tuple[Filter, ...], Member(max_length=MAX_FILTERS)]
_Groups = Annotated[
    tuple[Field, ...], Member(max_length=MAX_GROUPS, examples=[["interaction.country"]])
]
Filters = Annotated[
    _Filters, BeforeValidator(_at_most(MAX_FILTERS), json_schema_input_type=_Filters | None)
]
Groups = Annotated[
    _Groups, BeforeValidator(_at_most(MAX_GROUPS), json_schema_input_type=_Groups | None)
]
Enabled = Annotated[
    StrictBool, BeforeValidator(_nothing_is_true, json_schema_input_type=bool | None)
]


class MetricDraft(BaseModel):
    """What a caller may say of a metric; a null is the same as a member that is left out."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )

    name: Annotated[str, Member(min_length=1, max_length=200)] | None = None
    description: Annotated[str, Member(max_length=4_000)] | None = None
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
    group_by: Groups = ()
    enabled: Enabled = True


def read_metric(
    body: Any, catalog: Names, *, name_required: bool = True
) -> tuple[MetricDraft, Question]:
    """The definition and the question it asks; InvalidInput holds everything that is wrong."""
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
    problems += broken_rules(body)
    problems += unknown_names(body, catalog)
    if problems or draft is None:
        raise InvalidInput(problems=problems)
    return draft, _question(draft, catalog)


def _question(draft: MetricDraft, catalog: Names) -> Question:
    aggregation = draft.metric_type or AGGREGATION_BY_ID[_given(draft.metric_type_id)]
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


def _given(id: UUID | None) -> UUID:
    assert id is not None, "the rules let no definition through without a metric type"
    return id


def id_of(catalog: Names, kind: Kind, id: UUID | None, mnemonic: str | None) -> UUID | None:
    """The id of an entry that is named by either, or not at all."""
    if id is not None or mnemonic is None:
        return id
    entry = catalog.find(kind, mnemonic)
    return entry.id if entry else None


def unknown_names(body: Mapping[str, Any], catalog: Names) -> Iterator[Problem]:
    """What the catalog lacks, and ids and mnemonics that name different entries."""
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

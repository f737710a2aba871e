"""Subscriptions: the interactions, by type, action and filters, that are sent to a channel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic import Field as Member

from tocsin.errors import InvalidInput, Problem
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.filter_evaluation import FieldValues, Predicate, predicate
from tocsin.model.interactions.filter_tree import FilterTree
from tocsin.model.metrics.catalog_names import CatalogNames, id_of, unknown_names
from tocsin.model.metrics.draft import Enabled, Filters
from tocsin.model.notifications.grouping import Grouping, GroupingMembers, grouping_problems
from tocsin.model.slug import KeyedDraft
from tocsin.model.validation import nul_problems, problems_of

MAX_TEMPLATE = 10_000

TemplateText = Annotated[str, Member(max_length=MAX_TEMPLATE)]


class Template(BaseModel):
    """Jinja2 templates that render an interaction; a missing one means the default text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Annotated[
        TemplateText | None, Member(examples=["{{ resourceId }} from {{ interaction.country }}"])
    ] = None
    body: TemplateText | None = None


class SubscriptionDraft(GroupingMembers, KeyedDraft):
    """The members that a caller may give; null means the same as a missing member."""

    channel_id: UUID
    resource_type_id: UUID | None = None
    resource_type: str | None = None
    action_id: UUID | None = None
    action: str | None = None
    origin_id: UUID | None = None
    origin: str | None = None
    filters: Filters = ()
    template: Template | None = None
    enabled: Enabled = True


class Subscription(BaseModel):
    """A subscription as it is stored; without an origin it matches all, without filters every
    interaction of its type and action. `template_problem` says why its template is not used until
    the subscription is replaced."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subscription_id: UUID
    channel_id: UUID
    resource_type_id: UUID
    action_id: UUID
    origin_id: UUID | None = None
    filters: tuple[FilterTree, ...] = ()
    template: Template = Template()
    template_problem: str | None = None
    grouping: Grouping | None = None
    enabled: bool = True
    key: str | None = None
    managed_by: str | None = None
    created_date: datetime
    modified_date: datetime

    def selects(self, values: FieldValues) -> bool:
        """Whether its filters hold for an interaction of its type, action and origin."""
        return not self.filters or self._predicate(values)

    @cached_property
    def _predicate(self) -> Predicate:
        return predicate(self.filters)


def read_subscription(body: Any, catalog: CatalogNames) -> SubscriptionDraft:
    """Validate a subscription and resolve its names; raises InvalidInput with every problem."""
    if not isinstance(body, dict):
        raise InvalidInput.at("", "must be a JSON object")
    problems = [
        *_missing(body),
        *unknown_names(body, catalog),
        *nul_problems(body, "template.title", "template.body"),
        *grouping_problems(body, catalog),
    ]
    try:
        draft = SubscriptionDraft.model_validate(body)
    except ValidationError as error:
        raise InvalidInput(problems=problems_of(error) + problems) from error
    if problems:
        raise InvalidInput(problems=problems)
    types = id_of(catalog, Kind.RESOURCE_TYPE, draft.resource_type_id, draft.resource_type)
    actions = id_of(catalog, Kind.ACTION, draft.action_id, draft.action)
    origins = id_of(catalog, Kind.ORIGIN, draft.origin_id, draft.origin)
    ids = {"resource_type_id": types, "action_id": actions, "origin_id": origins}
    return draft.model_copy(update=ids)


def _missing(body: Mapping[str, Any]) -> Iterator[Problem]:
    for kind in (Kind.RESOURCE_TYPE, Kind.ACTION):
        if body.get(kind.value) is None and body.get(kind.id_member) is None:
            yield Problem(kind.id_member, f"is required, or {kind.value} with a mnemonic")

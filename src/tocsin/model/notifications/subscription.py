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
from tocsin.model.notifications.channel import Channel, ChannelKind
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

    def subscription(self, id: UUID, created: datetime, modified: datetime) -> Subscription:
        """The subscription of a draft that `read_subscription` returned."""
        assert self.resource_type_id is not None
        assert self.action_id is not None, "read_subscription requires both"
        return Subscription(
            subscription_id=id,
            channel_id=self.channel_id,
            resource_type_id=self.resource_type_id,
            action_id=self.action_id,
            origin_id=self.origin_id,
            filters=self.filters,
            template=self.template or Template(),
            grouping=self.grouping,
            enabled=self.enabled,
            key=self.key,
            managed_by=self.managed_by,
            created_date=created,
            modified_date=modified,
        )


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


def channel_problem(draft: SubscriptionDraft, channel: Channel | None) -> Problem | None:
    """The problem of a subscription with its channel, if there is one."""
    if channel is None:
        return Problem("channelId", "is the id of no channel")
    if draft.grouping and channel.kind is ChannelKind.PAGERDUTY:
        return Problem(
            "groupBy", "must be none: PagerDuty has an incident for each group of an alert"
        )
    return None


def _missing(body: Mapping[str, Any]) -> Iterator[Problem]:
    for kind in (Kind.RESOURCE_TYPE, Kind.ACTION):
        if body.get(kind.value) is None and body.get(kind.id_member) is None:
            yield Problem(kind.id_member, f"is required, or {kind.value} with a mnemonic")

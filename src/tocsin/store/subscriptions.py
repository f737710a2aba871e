"""The stored subscriptions, read from memory.

They are looked up for each block that is recorded; without subscriptions that costs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID, uuid4

from sqlalchemy import Connection, RowMapping

from tocsin.errors import InvalidInput
from tocsin.model.audit.definitions import SUBSCRIPTION
from tocsin.model.instant import cut
from tocsin.model.interactions.filter_tree import read_filter
from tocsin.model.notifications.grouping import Grouping
from tocsin.model.notifications.subscription import (
    Subscription,
    SubscriptionDraft,
    Template,
    channel_problem,
)
from tocsin.model.slug import with_kept_keys
from tocsin.process.audit import BY_TOCSIN, Actor
from tocsin.process.optimistic_locking import unchanged
from tocsin.store.cached_table import CachedTable
from tocsin.store.channels import Channels
from tocsin.store.database import Database
from tocsin.store.notification_tables import subscriptions

_NOT_COLUMNS = {"template", "filters", "grouping"}

Topic = tuple[bytes, bytes]
"""The ids of a resource type and an action, as interactions have them."""


class SubscribedBundles(Protocol):
    def change(
        self,
        connection: Connection,
        former: Subscription,
        subscription: Subscription | None,
        at: datetime,
    ) -> None:
        """Adapt the bundles of a subscription that is replaced, or deleted, in this transaction."""


class NoBundleChanges:
    """Without grouped subscriptions."""

    def change(
        self,
        connection: Connection,
        former: Subscription,
        subscription: Subscription | None,
        at: datetime,
    ) -> None:
        pass


NO_BUNDLE_CHANGES = NoBundleChanges()


class Subscriptions:
    def __init__(
        self, database: Database, channels: Channels, bundles: SubscribedBundles = NO_BUNDLE_CHANGES
    ) -> None:
        self._channels = channels
        self._bundles = bundles
        self._table = CachedTable(
            database,
            subscriptions,
            SUBSCRIPTION,
            _subscription,
            _row,
            self._group_by_topic,
            lambda subscription: subscription.key,
        )
        self.all = self._table.all
        self.find = self._table.find
        self.get = self._table.get
        self._by_topic: dict[Topic, list[Subscription]] = {}
        self._grouped: list[Subscription] = []
        self._group_by_topic()

    @property
    def topics(self) -> Mapping[Topic, Sequence[Subscription]]:
        """The enabled subscriptions of each topic; a change replaces the mapping."""
        return self._by_topic

    @property
    def grouped(self) -> Sequence[Subscription]:
        """The enabled subscriptions with a grouping; a change replaces the list."""
        return self._grouped

    def create(self, draft: SubscriptionDraft, at: datetime, by: Actor = BY_TOCSIN) -> Subscription:
        """Raises InvalidInput if the channel does not exist."""
        at = cut(at)
        with self._table.locked():
            self._check_channel(draft)
            subscription = draft.subscription(uuid4(), at, at)
            return self._table.create(subscription.subscription_id, subscription, at, by)

    def replace(
        self,
        id: UUID,
        draft: SubscriptionDraft,
        at: datetime,
        expected: Subscription | None = None,
        by: Actor = BY_TOCSIN,
    ) -> Subscription:
        """Raises NotFound, InvalidInput if the channel does not exist, or ChangedMeanwhile if it is
        not `expected`."""
        with self._table.locked():
            former = unchanged(self.get(id), expected)
            draft = with_kept_keys(draft, former)
            self._check_channel(draft)
            subscription = draft.subscription(id, former.created_date, cut(at))
            with self._table.changing(at, by) as change:
                self._bundles.change(change.connection, former, subscription, at)
                change.update(id, subscription)
        return subscription

    def set_template_aside(self, id: UUID, template: Template, problem: str) -> bool:
        """Note why a template is not used any longer, until the subscription is replaced; False if
        the subscription has another template, or was deleted."""
        with self._table.locked():
            subscription = self.find(id)
            if subscription is None or subscription.template != template:
                return False
            self._table.set_state(id, subscription.model_copy(update={"template_problem": problem}))
        return True

    def delete(self, id: UUID, at: datetime, by: Actor = BY_TOCSIN) -> None:
        """Raises NotFound. Pending deliveries are still sent, and open bundles immediately."""
        with self._table.locked():
            former = self.get(id)
            with self._table.changing(at, by) as change:
                self._bundles.change(change.connection, former, None, at)
                change.delete(id)

    def _group_by_topic(self) -> None:
        by_topic: dict[Topic, list[Subscription]] = {}
        for subscription in self.all():
            if subscription.enabled:
                topic = subscription.resource_type_id.bytes, subscription.action_id.bytes
                by_topic.setdefault(topic, []).append(subscription)
        self._by_topic = by_topic
        self._grouped = [each for each in self.all() if each.enabled and each.grouping]

    def _check_channel(self, draft: SubscriptionDraft) -> None:
        if problem := channel_problem(draft, self._channels.find(draft.channel_id)):
            raise InvalidInput(problems=[problem])


def _row(subscription: Subscription) -> dict[str, Any]:
    template, grouping = subscription.template, subscription.grouping
    filters = subscription.model_dump(mode="json", include={"filters"})["filters"]
    return {
        **subscription.model_dump(exclude=_NOT_COLUMNS),
        "title_template": template.title,
        "body_template": template.body,
        "filters": json.dumps(filters) if filters else None,
        "grouping": grouping.model_dump_json() if grouping else None,
    }


def _subscription(row: RowMapping) -> Subscription:
    members = {name: row[name] for name in Subscription.model_fields if name not in _NOT_COLUMNS}
    grouping, filters = row["grouping"], json.loads(row["filters"] or "[]")
    return Subscription(
        **members,
        template=Template(title=row["title_template"], body=row["body_template"]),
        filters=tuple(map(read_filter, filters)),
        grouping=Grouping.model_validate_json(grouping) if grouping else None,
    )

"""Who wants to be told of what? Asked for each block that is recorded, so it is answered from
memory, and costs nothing where nobody wants anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import RowMapping

from tocsin.errors import InvalidInput
from tocsin.model.instant import cut
from tocsin.model.notifications.subscription import Subscription, SubscriptionDraft, Template
from tocsin.store.cached_table import Definitions
from tocsin.store.channels import Channels
from tocsin.store.database import Database
from tocsin.store.tables import subscriptions

Topic = tuple[bytes, bytes]
"""The ids of a resource type and an action, as interactions have them."""


class Subscriptions:
    def __init__(self, database: Database, channels: Channels) -> None:
        self._channels = channels
        self._kept = Definitions(database, subscriptions, _subscription, _row)
        self.all = self._kept.all
        self.find = self._kept.find
        self.get = self._kept.get
        self._by_topic = self._sorted()

    @property
    def topics(self) -> Mapping[Topic, Sequence[Subscription]]:
        """The enabled subscriptions of each topic; what is answered never changes afterwards."""
        return self._by_topic

    def create(self, draft: SubscriptionDraft, at: datetime) -> Subscription:
        """Raises InvalidInput if there is no such channel."""
        at = cut(at)
        made = self._drafted(draft, id=uuid4(), created=at, modified=at)
        with self._kept.changing():
            self._kept.add(made.subscription_id, made)
            self._by_topic = self._sorted()
        return made

    def replace(self, id: UUID, draft: SubscriptionDraft, at: datetime) -> Subscription:
        """Raises NotFound, or InvalidInput if there is no such channel."""
        with self._kept.changing():
            created = self.get(id).created_date
            changed = self._drafted(draft, id=id, created=created, modified=cut(at))
            self._kept.put(id, changed)
            self._by_topic = self._sorted()
        return changed

    def set_template_aside(self, id: UUID, template: Template, problem: str) -> bool:
        """Note why a template is not used any longer, until the subscription is replaced; False if
        the subscription has another one, or is gone."""
        with self._kept.changing():
            one = self.find(id)
            if one is None or one.template != template:
                return False
            self._kept.put(id, one.model_copy(update={"template_problem": problem}))
            self._by_topic = self._sorted()
        return True

    def delete(self, id: UUID) -> None:
        """Raises NotFound. What is pending is still delivered."""
        with self._kept.changing():
            self._kept.remove(id)
            self._by_topic = self._sorted()

    def _sorted(self) -> dict[Topic, list[Subscription]]:
        by_topic: dict[Topic, list[Subscription]] = {}
        for one in self.all():
            if one.enabled:
                topic = one.resource_type_id.bytes, one.action_id.bytes
                by_topic.setdefault(topic, []).append(one)
        return by_topic

    def _drafted(
        self, draft: SubscriptionDraft, *, id: UUID, created: datetime, modified: datetime
    ) -> Subscription:
        assert draft.resource_type_id is not None
        assert draft.action_id is not None, "read_subscription requires both"
        if self._channels.find(draft.channel_id) is None:
            raise InvalidInput.at("channelId", "is the id of no channel")
        return Subscription(
            subscription_id=id,
            channel_id=draft.channel_id,
            resource_type_id=draft.resource_type_id,
            action_id=draft.action_id,
            origin_id=draft.origin_id,
            template=draft.template or Template(),
            enabled=draft.enabled,
            created_date=created,
            modified_date=modified,
        )


def _row(one: Subscription) -> dict[str, Any]:
    template = {"title_template": one.template.title, "body_template": one.template.body}
    return {**one.model_dump(exclude={"template"}), **template}


def _subscription(row: RowMapping) -> Subscription:
    template = Template(title=row["title_template"], body=row["body_template"])
    members = {name: row[name] for name in Subscription.model_fields if name != "template"}
    return Subscription(**members, template=template)

"""The stored channels, read from memory.

Their secrets are in the file in clear, because they have to be sent; only its owner may read it.
"""

from __future__ import annotations

import base64
import json
import secrets
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from pydantic import SecretStr
from sqlalchemy import Connection, RowMapping, select, update

from tocsin.errors import Conflict, InvalidInput
from tocsin.model.audit.definitions import CHANNEL
from tocsin.model.instant import cut
from tocsin.model.notifications.channel import (
    DRAFTS,
    Channel,
    ChannelDraft,
    ChannelKind,
    WebhookDraft,
)
from tocsin.model.notifications.channel_types import SECRET_PREFIX
from tocsin.model.notifications.delivery import DeliveryStatus
from tocsin.model.slug import with_kept_keys
from tocsin.process.audit import BY_TOCSIN, Actor
from tocsin.process.optimistic_locking import unchanged
from tocsin.store.cached_table import CachedTable
from tocsin.store.database import Database
from tocsin.store.first_names import first_names
from tocsin.store.notification_tables import channels, deliveries, dropped_deliveries, subscriptions
from tocsin.store.tables import alert_channels, alerts

_SECRET_BYTES = 32


class Channels:
    def __init__(self, database: Database) -> None:
        self._table = CachedTable(
            database, channels, CHANNEL, _channel, _row, key_of=lambda channel: channel.key
        )
        self.all = self._table.all
        self.find = self._table.find
        self.get = self._table.get

    def create(self, draft: ChannelDraft, at: datetime, by: Actor = BY_TOCSIN) -> Channel:
        """Store a channel; a webhook without a secret gets a random one."""
        at = cut(at)
        channel = Channel(
            channel_id=uuid4(), spec=_with_secret(draft), created_date=at, modified_date=at
        )
        return self._table.create(channel.channel_id, channel, at, by)

    def replace(
        self,
        id: UUID,
        draft: ChannelDraft,
        at: datetime,
        expected: Channel | None = None,
        by: Actor = BY_TOCSIN,
    ) -> Channel:
        """Replace a channel, which also ends its pause. The reason why Tocsin disabled it is kept
        until it is enabled again. Raises NotFound, ChangedMeanwhile if it is not `expected`, or
        InvalidInput if it becomes a PagerDuty channel of a grouped subscription."""
        with self._table.locked():
            former = unchanged(self.get(id), expected)
            draft = with_kept_keys(draft, former)
            reason = None if draft.enabled else former.disabled_reason
            changed: dict[str, Any] = {"spec": _with_secret(draft), "disabled_reason": reason}
            changed |= {"pause_ends_at": None, "modified_date": cut(at)}
            with self._table.changing(at, by) as change:
                if draft.kind is ChannelKind.PAGERDUTY:
                    _reject_grouped(change.connection, id)
                channel = former.model_copy(update=changed)
                change.update(id, channel)
            return channel

    def disable(self, id: UUID, reason: str, at: datetime) -> None:
        """Disable a channel, unless it was deleted, until it is replaced."""
        with self._table.locked():
            if channel := self.find(id):
                spec = channel.spec.model_copy(update={"enabled": False})
                changed = {"spec": spec, "disabled_reason": reason, "modified_date": cut(at)}
                self._table.replace(id, channel.model_copy(update=changed), at)

    def pause(self, id: UUID, until: datetime | None) -> None:
        """Pause a channel, unless it was deleted, until an instant; None ends the pause."""
        until = cut(until) if until else None
        with self._table.locked():
            channel = self.find(id)
            if channel and channel.pause_ends_at != until:
                self._table.set_state(id, channel.model_copy(update={"pause_ends_at": until}))

    def delete(self, id: UUID, at: datetime, by: Actor = BY_TOCSIN) -> None:
        """Pending deliveries of the channel fail. Raises NotFound, or Conflict if a subscription
        uses it or an alert names it."""
        with self._table.locked():
            self.get(id)
            with self._table.changing(at, by) as change:
                _reject_subscribed(change.connection, id)
                _reject_named(change.connection, id)
                _fail_deliveries(change.connection, id, at)
                change.delete(id)


def _reject_grouped(connection: Connection, id: UUID) -> None:
    grouped = select(subscriptions.c.number).where(
        subscriptions.c.channel_id == id, subscriptions.c.grouping.is_not(None)
    )
    if connection.execute(grouped.limit(1)).first():
        raise InvalidInput.at(
            "kind",
            "must not be pagerduty while a subscription with groupBy uses this channel: "
            "PagerDuty has an incident for each group of an alert",
        )


def _reject_subscribed(connection: Connection, id: UUID) -> None:
    users = select(subscriptions.c.number).where(subscriptions.c.channel_id == id)
    if connection.execute(users.limit(1)).first():
        raise Conflict("Subscriptions use this channel; delete them first")


def _reject_named(connection: Connection, id: UUID) -> None:
    titles = (
        select(alerts.c.title)
        .join(alert_channels, alert_channels.c.alert_id == alerts.c.alert_id)
        .where(alert_channels.c.channel_id == id)
        .order_by(alerts.c.number)
    )
    if naming := connection.execute(titles.limit(4)).scalars().all():
        raise Conflict(
            f"Alerts notify this channel: {first_names(naming)}. Remove it from them first"
        )


def _fail_deliveries(connection: Connection, id: UUID, at: datetime) -> None:
    connection.execute(
        update(deliveries)
        .where(deliveries.c.channel_id == id)
        .where(deliveries.c.status.in_([DeliveryStatus.PENDING, DeliveryStatus.STAGED]))
        .values(status=DeliveryStatus.FAILED, due=None, claimed_until=None, finished_date=cut(at))
    )
    # The total of its drops stays, so that the Prometheus counter never falls.
    drops = update(dropped_deliveries).where(dropped_deliveries.c.channel_id == id)
    connection.execute(drops.values(untold=0, start=None))


def _with_secret(draft: ChannelDraft) -> ChannelDraft:
    if not isinstance(draft, WebhookDraft) or draft.settings.secret is not None:
        return draft
    key = base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    secret = {"secret": SecretStr(SECRET_PREFIX + key)}
    return draft.model_copy(update={"settings": draft.settings.model_copy(update=secret)})


def _row(channel: Channel) -> dict[str, Any]:
    return {
        "channel_id": channel.channel_id,
        "name": channel.spec.name,
        "kind": channel.kind.value,
        "settings": json.dumps(channel.spec.settings.with_secrets()),
        "enabled": channel.spec.enabled,
        "key": channel.key,
        "managed_by": channel.managed_by,
        "disabled_reason": channel.disabled_reason,
        "resting_until": channel.pause_ends_at,
        "created_date": channel.created_date,
        "modified_date": channel.modified_date,
    }


def _channel(row: RowMapping) -> Channel:
    spec = {name: row[name] for name in ("name", "kind", "enabled", "key")}
    spec["managedBy"] = row["managed_by"]
    spec["settings"] = json.loads(row["settings"])
    return Channel(
        channel_id=row["channel_id"],
        spec=DRAFTS[row["kind"]].model_validate(spec),
        disabled_reason=row["disabled_reason"],
        pause_ends_at=row["resting_until"],
        created_date=row["created_date"],
        modified_date=row["modified_date"],
    )

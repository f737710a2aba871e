"""Which channels are there? Their secrets are in the file, which only its owner may read."""

from __future__ import annotations

import base64
import json
import secrets
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from pydantic import SecretStr
from sqlalchemy import Connection, RowMapping, select, update

from tocsin.errors import Conflict
from tocsin.model.instant import cut
from tocsin.model.notifications.channel import DRAFTS, Channel, ChannelDraft, WebhookDraft
from tocsin.model.notifications.channel_types import SECRET_PREFIX
from tocsin.model.notifications.delivery import Status
from tocsin.store.cached_table import Definitions
from tocsin.store.database import Database
from tocsin.store.tables import channels, deliveries, dropped_deliveries, subscriptions

_SECRET_BYTES = 32


class Channels:
    def __init__(self, database: Database) -> None:
        self._kept = Definitions(database, channels, _channel, _row)
        self.all = self._kept.all
        self.find = self._kept.find
        self.get = self._kept.get

    def create(self, draft: ChannelDraft, at: datetime) -> Channel:
        """Keep a channel; a webhook without a secret is given one."""
        at = cut(at)
        channel = Channel(
            channel_id=uuid4(), spec=_with_secret(draft), created_date=at, modified_date=at
        )
        return self._kept.add(channel.channel_id, channel)

    def replace(self, id: UUID, draft: ChannelDraft, at: datetime) -> Channel:
        """Replace a channel, which also ends its rest; why Tocsin disabled it is kept until it is
        enabled again. Raises NotFound."""
        with self._kept.changing():
            former = self.get(id)
            reason = None if draft.enabled else former.disabled_reason
            changed = {"spec": _with_secret(draft), "disabled_reason": reason}
            rest = {"resting_until": None, "modified_date": cut(at)}
            channel = former.model_copy(update={**changed, **rest})
            return self._kept.put(id, channel)

    def disable(self, id: UUID, reason: str, at: datetime) -> None:
        """Send nothing more through a channel, if it is still there, until it is replaced."""
        with self._kept.changing():
            if channel := self.find(id):
                said = channel.spec.model_copy(update={"enabled": False})
                changed = {"spec": said, "disabled_reason": reason, "modified_date": cut(at)}
                self._kept.put(id, channel.model_copy(update=changed))

    def rest(self, id: UUID, until: datetime | None) -> None:
        """Send nothing through a channel, if it is still there, until an instant; None ends its
        rest."""
        until = cut(until) if until else None
        with self._kept.changing():
            channel = self.find(id)
            if channel and channel.resting_until != until:
                self._kept.put(id, channel.model_copy(update={"resting_until": until}))

    def delete(self, id: UUID, at: datetime) -> None:
        """What is pending in it fails. Raises NotFound, or Conflict if a subscription uses it."""

        def before(connection: Connection) -> None:
            used = select(subscriptions.c.number).where(subscriptions.c.channel_id == id)
            if connection.execute(used.limit(1)).first():
                raise Conflict("Subscriptions use this channel; delete them first")
            connection.execute(
                update(deliveries)
                .where(deliveries.c.channel_id == id)
                .where(deliveries.c.status.in_([Status.PENDING, Status.STAGED]))
                .values(status=Status.FAILED, due=None, claimed_until=None, finished_date=cut(at))
            )
            # Its total stays, so that the counter in the metrics never falls.
            untold = update(dropped_deliveries).where(dropped_deliveries.c.channel_id == id)
            connection.execute(untold.values(untold=0, start=None))

        self._kept.remove(id, before)


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
        "settings": json.dumps(channel.spec.settings.revealed()),
        "enabled": channel.spec.enabled,
        "disabled_reason": channel.disabled_reason,
        "resting_until": channel.resting_until,
        "created_date": channel.created_date,
        "modified_date": channel.modified_date,
    }


def _channel(row: RowMapping) -> Channel:
    said = {name: row[name] for name in ("name", "kind", "enabled")}
    return Channel(
        channel_id=row["channel_id"],
        spec=DRAFTS[row["kind"]].model_validate({**said, "settings": json.loads(row["settings"])}),
        disabled_reason=row["disabled_reason"],
        resting_until=row["resting_until"],
        created_date=row["created_date"],
        modified_date=row["modified_date"],
    )

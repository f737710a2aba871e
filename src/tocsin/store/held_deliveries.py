"""The deliveries that wait for a silence to end, and their outcome then.

Only deliveries of groups that began to fire wait. The outcome follows from the state of the group,
in the transaction that saves it, so that repeating the decision changes nothing.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Connection, Row, select, update

from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.state import GroupKey, Status, key_of
from tocsin.model.instant import cut
from tocsin.model.notifications.delivery import ALERT, DeliveryStatus
from tocsin.model.notifications.held import HeldGroup
from tocsin.store.alerts import Alerts
from tocsin.store.channels import Channels
from tocsin.store.database import Database
from tocsin.store.dropped_deliveries import DroppedDeliveries
from tocsin.store.fencing import NO_FENCE, Fence
from tocsin.store.notification_tables import deliveries
from tocsin.store.silences import Silences
from tocsin.store.subscriptions import Subscriptions
from tocsin.store.tables import alert_states

_BLOCK = 1_000
_Columns = deliveries.c
_PENDING = DeliveryStatus.PENDING
_GroupId = tuple[UUID, GroupKey]


@dataclass(frozen=True, slots=True)
class _Held:
    row: Row[Any]
    group: HeldGroup

    @property
    def group_id(self) -> _GroupId:
        return self.group.alert_id, self.group.key


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The members of a delivery after the end of the silence that held it."""

    status: DeliveryStatus = DeliveryStatus.SILENCED
    held_by: UUID | None = None
    skip_reason: str | None = None


_STAYS_SILENCED = _Outcome()


class HeldDeliveries:
    def __init__(
        self,
        database: Database,
        silences: Silences,
        alerts: Alerts,
        subscriptions: Subscriptions,
        channels: Channels,
        dropped: DroppedDeliveries,
        fence: Fence = NO_FENCE,
    ) -> None:
        self._database = database
        self._silences = silences
        self._alerts = alerts
        self._subscriptions = subscriptions
        self._channels = channels
        self._dropped = dropped
        self._fence = fence

    def holders(self) -> set[UUID]:
        """The ids of the silences that deliveries wait for."""
        query = select(_Columns.held_by).where(_Columns.held_by.is_not(None)).distinct()
        with self._database.reading() as connection:
            return set(connection.execute(query).scalars())

    def settle(self, silence_id: UUID, at: datetime) -> int:
        """Decide the deliveries that a silence holds. Those that another silence matches now wait
        for that one. Of the others, those whose group still fires become pending, and the rest
        stay silenced. Returns the number of those that became pending. Raises Deposed or
        Unavailable."""
        released, after = 0, 0
        while True:
            with self._database.revisions.changing() as connection:
                self._fence.check(connection)
                rows = _block(connection, silence_id, after)
                released += self._settle(connection, rows, at)
            if len(rows) < _BLOCK:
                return released
            after = rows[-1].number

    def _settle(self, connection: Connection, rows: Sequence[Row[Any]], at: datetime) -> int:
        held = [_Held(row, group) for row in rows if (group := _group_of(row))]
        fired_at = _fired_at(connection, {each.group_id for each in held})
        capacity = self._dropped.alert_capacity(connection)
        drops: Counter[UUID] = Counter()
        outcomes: dict[_Outcome, list[UUID]] = defaultdict(list)
        for each in held:
            still_fires = fired_at.get(each.group_id) == each.group.fired_at
            outcome = self._outcome(each, at) if still_fires else _STAYS_SILENCED
            if outcome.status is not DeliveryStatus.SILENCED:
                channel_id = each.row.channel_id
                if not capacity.take(channel_id, outcome.status):
                    drops[channel_id] += 1
                    outcome = _STAYS_SILENCED
            outcomes[outcome].append(each.row.delivery_id)
        for outcome, ids in outcomes.items():
            changed = update(deliveries).where(_Columns.delivery_id.in_(ids))
            connection.execute(changed.values(**asdict(outcome), due=cut(at)))
        self._dropped.count(connection, drops, at)
        return sum(len(ids) for each, ids in outcomes.items() if each.status is _PENDING)

    def _outcome(self, held: _Held, at: datetime) -> _Outcome:
        """The outcome of a delivery whose group still fires."""
        alert = self._alerts.find(held.group.alert_id)
        channel = self._channels.find(held.row.channel_id)
        if alert is None or channel is None or not self._is_subscribed(held.row, alert):
            return _STAYS_SILENCED
        active = self._silences.of_group(alert, dict(held.group.dimensions), at)
        if active:
            return _Outcome(held_by=active[0].silence_id)
        if channel.skip_reason:
            return _Outcome(DeliveryStatus.SKIPPED, skip_reason=channel.skip_reason)
        return _Outcome(_PENDING)

    def _is_subscribed(self, row: Row[Any], alert: Alert) -> bool:
        if row.subscription_id == ALERT:
            return row.channel_id in alert.channel_ids
        subscription = self._subscriptions.find(row.subscription_id)
        return subscription is not None and subscription.enabled


def _block(connection: Connection, silence_id: UUID, after: int) -> list[Row[Any]]:
    columns = (
        _Columns.number,
        _Columns.delivery_id,
        _Columns.subscription_id,
        _Columns.channel_id,
        _Columns.snapshot,
    )
    is_held = (_Columns.held_by == silence_id) & (_Columns.number > after)
    query = select(*columns).where(is_held).order_by(_Columns.number).limit(_BLOCK)
    return list(connection.execute(query))


def _group_of(row: Row[Any]) -> HeldGroup | None:
    return HeldGroup.of_payload(msgspec.json.decode(row.snapshot)["interaction"])


def _fired_at(connection: Connection, groups: Iterable[_GroupId]) -> Mapping[_GroupId, datetime]:
    """When the groups that still fire began to."""
    keys: dict[UUID, list[str]] = defaultdict(list)
    for alert_id, key in groups:
        keys[alert_id].append(json.dumps(key))
    # A key that is read may be a digest.
    columns = alert_states.c.dimensions, alert_states.c.since
    fired_at: dict[_GroupId, datetime] = {}
    for alert_id, of_alert in keys.items():
        query = select(*columns).where(
            alert_states.c.alert_id == alert_id,
            alert_states.c.group_key.in_(of_alert),
            alert_states.c.status == Status.FIRING.value,
        )
        rows = connection.execute(query)
        fired_at |= {(alert_id, key_of(json.loads(text))): since for text, since in rows}
    return fired_at

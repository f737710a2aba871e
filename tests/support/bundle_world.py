"""A real store with grouped subscriptions, transitions at chosen times, and the bundler.

There is no engine and no sender: a message that would be sent is a delivery that is pending.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import delete

from support.alert_builder import alert as build_alert
from support.bundle_tables import DAY, Table, group_name
from support.databases import open_database
from support.leadership import SetLeadership
from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.pages import AlertPages
from tocsin.model.alerts.state import Reason, StateChange, Status
from tocsin.model.alerts.transition import Transition
from tocsin.model.interactions.catalog import Kind, system_id
from tocsin.model.metrics.draft import read_metric
from tocsin.model.notifications.bundles import GroupTransition
from tocsin.model.notifications.channel import Channel, read_channel
from tocsin.model.notifications.delivery import Delivery, DeliveryStatus
from tocsin.model.notifications.grouping import Grouping
from tocsin.model.notifications.silence import Silence
from tocsin.model.notifications.silence_draft import read_silence
from tocsin.model.notifications.subscription import Subscription, read_subscription
from tocsin.notifications.bundler import Bundler
from tocsin.process.events import Events
from tocsin.store.bundle_closing import BundleCloser
from tocsin.store.bundle_deliveries import BundleDeliveries
from tocsin.store.bundles import Bundles
from tocsin.store.catalog import Catalog
from tocsin.store.channels import Channels
from tocsin.store.deliveries import Deliveries
from tocsin.store.dropped_deliveries import DroppedDeliveries
from tocsin.store.metrics import Metrics
from tocsin.store.new_deliveries import NewDeliveries
from tocsin.store.notification_tables import deliveries
from tocsin.store.silences import Silences
from tocsin.store.subscriptions import Subscriptions
from tocsin.store.transitions import Transitions

TYPE, FIRED, RECOVERED = (
    system_id(Kind.RESOURCE_TYPE, "ALERT"),
    system_id(Kind.ACTION, "fired"),
    system_id(Kind.ACTION, "recovered"),
)
# Subscriptions of a test are to the action `fired`.
OTHER = system_id(Kind.ACTION, "notified")


class BundleWorld:
    def __init__(self, folder: Path, limit: int = 1_000) -> None:
        self._path, self._limit = folder / "store.sqlite", limit
        self.at = DAY
        # Those that alerts name themselves.
        self.alert_channels: tuple[UUID, ...] = ()
        self.leadership = SetLeadership()
        self._open()
        definition = {"name": "watched", "metricType": "COUNT"}
        draft, question = read_metric(definition, self.catalog)
        self.metric = self.metrics.create(draft, question, DAY)
        body = {"name": "a", "kind": "webhook", "settings": {"url": "https://a.example"}}
        self.channel: Channel = self.channels.create(read_channel(body), DAY)

    def now(self) -> datetime:
        return self.at

    def restart(self) -> None:
        """Leave nothing in memory."""
        self.database.close()
        self._open()

    def run(self, at: datetime | None = None) -> None:
        """Run the worker once."""
        self.at = at or self.at
        self.bundler.run_once()

    def subscribe(self, **members: Any) -> Subscription:
        draft = read_subscription(self.body(**members), self.catalog)
        return self.subscriptions.create(draft, self.at)

    def body(self, **members: Any) -> dict[str, Any]:
        topic = {"resourceType": "ALERT", "action": "fired"}
        return {"channelId": str(self.channel.channel_id), **topic, **members}

    def change(self, subscription: Subscription, **members: Any) -> Subscription:
        """Replace a subscription."""
        draft = read_subscription(self.body(**members), self.catalog)
        return self.subscriptions.replace(subscription.subscription_id, draft, self.at)

    def silence(self, **members: Any) -> Silence:
        members = {"to": (self.at + timedelta(hours=1)).isoformat(), **members}
        return self.silences.create(read_silence(members, self.at), self.at)

    def happen(self, occurrences: Sequence[GroupTransition]) -> None:
        """Store transitions of one alert, as an evaluation does."""
        new = [self._transition(each) for each in occurrences]
        with self.database.revisions.changing() as connection:
            self.transitions.insert(connection, new)

    def all(self, status: DeliveryStatus | None = DeliveryStatus.PENDING) -> list[Delivery]:
        return self.deliveries.page(100_000, status=status).deliveries[::-1]

    def lines(self, status: DeliveryStatus | None = DeliveryStatus.PENDING) -> list[str]:
        """The deliveries as the lines of a table, each with its groups in order."""
        return [line_of(each) for each in self.all(status)]

    def forget_deliveries(self) -> None:
        """Delete all deliveries, so that the next ones are easily compared."""
        with self.database.writing() as connection:
            connection.execute(delete(deliveries))

    def close(self) -> None:
        self.database.close()

    def _transition(self, occurrence: GroupTransition) -> Transition:
        alert = self._alert(occurrence)
        change = StateChange(
            status=Status.FIRING if occurrence.is_firing else Status.OK,
            reason=Reason.THRESHOLD,
            at=occurrence.at,
            value=1,
            dimensions=dict(occurrence.dimensions),
            fired_at=occurrence.at,
        )
        transition = Transition.of(change, alert, self.metric)
        if occurrence.transition_id:
            return replace(transition, transition_id=occurrence.transition_id)
        return transition

    def _alert(self, occurrence: GroupTransition) -> Alert:
        is_matched = occurrence.is_matched
        action = FIRED if is_matched else OTHER
        return build_alert("1m").model_copy(
            update={
                "alert_id": occurrence.alert_id,
                "title": "an alert",
                "labels": dict(occurrence.labels),
                "severity": occurrence.severity,
                "alert_action_id": action,
                "recovery_action_id": action if occurrence.is_written else None,
                "resource_type_id": TYPE,
                "channel_ids": self.alert_channels,
            }
        )

    def _open(self) -> None:
        database = self.database = open_database(self._path)
        self.catalog = Catalog(database)
        self.metrics = Metrics(database)
        self.channels = Channels(database)
        self.silences = Silences(database)
        self.dropped = DroppedDeliveries(database, self.channels, self._limit)
        pages = AlertPages("https://tocsin.example")
        closer = BundleCloser(
            BundleDeliveries(self.catalog, self.channels, self.silences, self.dropped, pages)
        )
        self.subscriptions = Subscriptions(database, self.channels, closer)
        new = NewDeliveries(self.catalog, self.channels, self.subscriptions, self.silences)
        self.deliveries = Deliveries(database, self.channels, new, self.dropped)
        self.bundles = Bundles(database, self.subscriptions, self.deliveries, closer)
        self.transitions = Transitions(database, self.deliveries, pages, self.bundles)
        self.bundler = Bundler(self.bundles, self.silences, Events(), self, self.leadership)


def members_of(grouping: Grouping) -> dict[str, Any]:
    """The members of a subscription with a grouping."""
    return {
        "groupBy": list(grouping.by) if isinstance(grouping.by, tuple) else grouping.by,
        "groupWait": str(grouping.wait),
        "repeatEvery": str(grouping.repeat) if grouping.repeat else None,
        "immediately": list(grouping.immediately),
    }


def line_of(delivery: Delivery) -> str:
    payload = delivery.interaction["interaction"]
    kind = payload.get("kind", "single")
    groups = payload.get("groups", [payload])
    named = sorted(f"{_name(group)} {group['status']}" for group in groups)
    return f"{delivery.created_date:%H:%M:%S} | {kind}: {', '.join(named)}"


def play(world: BundleWorld, table: Table) -> None:
    """Let the transitions of a table happen, and run the worker at each of its times."""
    world.subscribe(**members_of(table.grouping))
    for at in table.times:
        world.run(at)
        for occurrence in table.occurrences:
            if occurrence.at == at:
                world.happen([occurrence])
    world.run(table.until)


def transition_id(number: int) -> UUID:
    return uuid5(UUID(int=0), str(number))


def _name(group: dict[str, Any]) -> str:
    return group_name(UUID(group["alertId"]), group["dimensions"])


@contextmanager
def bundle_world(folder: Path, limit: int = 1_000) -> Iterator[BundleWorld]:
    world = BundleWorld(folder, limit)
    yield world
    world.close()

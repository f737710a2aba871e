"""The real store, senders and dispatcher, without an engine, and a clock that can be set."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from support import alert_builder
from support.builders import an_interaction
from support.databases import open_database
from support.leadership import SetLeadership
from support.receivers import wait_for
from tocsin.model.alerts.alert import Alert
from tocsin.model.ceilings import PENDING_DELIVERIES
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.notifications.channel import Channel, read_channel
from tocsin.model.notifications.delivery import Delivery, DeliveryStatus
from tocsin.model.notifications.retries import RETRY_DELAYS
from tocsin.model.notifications.subscription import read_subscription
from tocsin.notifications.attempts import Attempts
from tocsin.notifications.dispatcher import Dispatcher
from tocsin.notifications.outcome_recorder import OutcomeRecorder
from tocsin.notifications.senders.senders import Senders
from tocsin.notifications.templates.rendering import MessageRenderer
from tocsin.notifications.templates.templates import Templates
from tocsin.store.catalog import Catalog
from tocsin.store.channels import Channels
from tocsin.store.deliveries import Deliveries
from tocsin.store.delivery_queue import DeliveryQueue
from tocsin.store.dropped_deliveries import DroppedDeliveries
from tocsin.store.new_deliveries import NewDeliveries
from tocsin.store.silences import Silences
from tocsin.store.subscriptions import Subscriptions

AN_ALERT = alert_builder.alert("1m")


class DeliveryHarness:
    """The parts that create, store and send deliveries, and methods to set up a test."""

    def __init__(self, folder: Path, limit: int = PENDING_DELIVERIES) -> None:
        self.clock_offset = timedelta(0)
        self.recorded: list[dict[str, Any]] = []
        self.database = open_database(folder / "store.sqlite")
        self.catalog = Catalog(self.database)
        self.channels = Channels(self.database)
        self.subscriptions = Subscriptions(self.database, self.channels)
        self.silences = Silences(self.database)
        new_deliveries = NewDeliveries(
            self.catalog, self.channels, self.subscriptions, self.silences
        )
        self.dropped = DroppedDeliveries(self.database, self.channels, limit)
        self.deliveries = Deliveries(self.database, self.channels, new_deliveries, self.dropped)
        self.queue = DeliveryQueue(self.database)
        self.leadership = SetLeadership()
        self.templates = Templates()
        self.dispatcher: Dispatcher | None = None
        self.outcomes: OutcomeRecorder | None = None

    def now(self) -> datetime:
        return datetime.now(UTC) + self.clock_offset

    def start(
        self, senders: Senders | None = None, delays: Sequence[timedelta] = RETRY_DELAYS
    ) -> Dispatcher:
        self.dispatcher = self.new_dispatcher(self.new_attempts(senders), delays)
        self.dispatcher.start()
        # One for all dispatchers of a test.
        if self.outcomes is None:
            self.outcomes = OutcomeRecorder(self.queue, self.channels, self, self.leadership)
            self.outcomes.start()
        return self.dispatcher

    def new_attempts(self, senders: Senders | None = None) -> Attempts:
        renderer = MessageRenderer(self.templates, self.subscriptions)
        senders = senders or Senders(allow_private=True)
        return Attempts(self.channels, self, renderer, senders, self)

    def new_dispatcher(
        self, attempts: Attempts, delays: Sequence[timedelta] = RETRY_DELAYS
    ) -> Dispatcher:
        return Dispatcher(
            self.queue,
            self.channels,
            self.dropped,
            self,
            attempts,
            self,
            delays=delays,
            leadership=self.leadership,
        )

    def complete(self, delivery: Delivery) -> Delivery:
        """Without an engine there is no payload to read."""
        return delivery

    def reconcile(self) -> None:
        """Without an engine nothing is staged."""

    def record_own(self, interactions: Sequence[dict[str, Any]]) -> None:
        self.recorded += interactions

    def close(self) -> None:
        if self.dispatcher:
            self.dispatcher.stop()
        if self.outcomes:
            self.outcomes.stop()
        self.templates.close()
        self.database.close()

    def channel(self, kind: str = "webhook", **settings: Any) -> Channel:
        body = {"name": f"a {kind}", "kind": kind, "settings": settings}
        return self.channels.create(read_channel(body), self.now())

    def subscribe(
        self,
        channel: Channel,
        template: dict[str, str] | None = None,
        filters: Sequence[dict[str, Any]] = (),
    ) -> None:
        for kind, mnemonic in ((Kind.RESOURCE_TYPE, "CUSTOMER"), (Kind.ACTION, "LEFT")):
            self.catalog.ensure(kind, mnemonic, self.now())
        body = {
            "channelId": str(channel.channel_id),
            "resourceType": "CUSTOMER",
            "action": "LEFT",
            "template": template,
            "filters": list(filters),
        }
        self.subscriptions.create(read_subscription(body, self.catalog), self.now())

    def unsubscribe(self) -> None:
        """Delete the oldest subscription."""
        self.subscriptions.delete(self.subscriptions.all()[0].subscription_id, self.now())

    def interactions(self, count: int, payload: bytes = b'{"country":"ZA"}') -> list[Interaction]:
        names = (Kind.RESOURCE_TYPE, "CUSTOMER"), (Kind.ACTION, "LEFT"), (Kind.ORIGIN, "WEB")
        scope = [self.catalog.ensure(kind, name, self.now()).id_bytes for kind, name in names]
        return [
            an_interaction(scope, interaction_id=uuid4().bytes, resource_id=str(n), payload=payload)
            for n in range(count)
        ]

    def enqueue(
        self,
        count: int = 1,
        payload: bytes = b'{"country":"ZA"}',
        alert: Alert = AN_ALERT,
    ) -> None:
        interactions = self.interactions(count, payload)
        with self.database.writing() as connection:
            self.deliveries.enqueue(connection, interactions, self.now(), alert)
        if self.dispatcher:
            self.dispatcher.wake()

    def enqueue_transition(self, payload: dict[str, Any]) -> None:
        """Enqueue the delivery of an interaction that an alert's transition wrote."""
        origin = self.catalog.ensure(Kind.ORIGIN, "METRIC_EVAL", self.now()).id_bytes
        (interaction,) = self.interactions(1, json.dumps(payload).encode())
        interaction.origin_id = origin
        with self.database.writing() as connection:
            self.deliveries.enqueue(connection, [interaction], self.now(), AN_ALERT)
        if self.dispatcher:
            self.dispatcher.wake()

    def disable(self, channel: Channel, reason: str = "by hand") -> None:
        self.channels.disable(channel.channel_id, reason, self.now())

    def all(self, status: DeliveryStatus | None = None) -> list[Delivery]:
        return self.deliveries.page(100_000, status=status).deliveries

    def only(self) -> Delivery:
        (delivery,) = self.all()
        return delivery

    def skip_to_next_attempt(self) -> None:
        """Set the clock forward to the next attempt of the only delivery."""
        due = self.only().due
        assert due
        self.clock_offset += max(due - self.now(), timedelta(0))

    def wait(self, is_true: Callable[[], object], patience: float = 60) -> None:
        wait_for(is_true, patience)

"""A call of each method of the store that uses the disk, for tests of a database that fails."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from support.alerting import RecordingOutbox
from tocsin.errors import NotFound
from tocsin.model.alerts.draft import read_alert
from tocsin.model.interactions.catalog import EntryDraft, Kind
from tocsin.model.key import Role
from tocsin.model.metrics.draft import read_metric
from tocsin.model.notifications.channel import read_channel
from tocsin.model.notifications.silence_draft import read_silence
from tocsin.model.notifications.subscription import read_subscription
from tocsin.store.alerts import Alerts
from tocsin.store.catalog import Catalog
from tocsin.store.channels import Channels
from tocsin.store.database import Database
from tocsin.store.deliveries import Deliveries
from tocsin.store.delivery_queue import DeliveryQueue
from tocsin.store.dropped_deliveries import DroppedDeliveries
from tocsin.store.evaluations import Evaluations
from tocsin.store.firing_groups import FiringGroups
from tocsin.store.held_deliveries import HeldDeliveries
from tocsin.store.key_value import KeyValueStore
from tocsin.store.keys import Keys
from tocsin.store.metrics import Metrics
from tocsin.store.new_deliveries import NewDeliveries
from tocsin.store.sessions import Sessions
from tocsin.store.silences import Silences
from tocsin.store.subscriptions import Subscriptions
from tocsin.store.transitions import Transitions

AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)


class StoreCalls:
    """Each call can be repeated."""

    def __init__(self, database: Database) -> None:
        self.values = KeyValueStore(database)
        self.catalog = Catalog(database)
        self.metrics = Metrics(database)
        self.keys = Keys(database)
        self.sessions = Sessions(database)
        self.channels = Channels(database)
        self.subscriptions = Subscriptions(database, self.channels)
        self.silences = Silences(database)
        new = NewDeliveries(self.catalog, self.channels, self.subscriptions, self.silences)
        dropped = DroppedDeliveries(database, self.channels, 10)
        self.deliveries = Deliveries(database, self.channels, new, dropped)
        self.queue = DeliveryQueue(database)
        self.transitions = Transitions(database, RecordingOutbox())
        self.evaluations = Evaluations(database, self.transitions)
        self.alerts = Alerts(database, self.evaluations)
        self.firing = FiringGroups(database, self.alerts)
        self.held = HeldDeliveries(
            database, self.silences, self.alerts, self.subscriptions, self.channels, dropped
        )
        self.database = database
        self.key = self.keys.create("k", Role.ADMIN, AT)[0].key_id
        self.metric = self._metric()
        hook = {"name": "c", "kind": "webhook", "settings": {"url": "https://a.example"}}
        self.channel = self.channels.create(read_channel(hook), AT).channel_id

    def all(self) -> dict[str, Callable[[], object]]:
        nobody, now = uuid4(), datetime.now(UTC)
        return {
            "ping": self.database.ping,
            "get a value": lambda: self.values.get("a"),
            "set a value": lambda: self.values.set("a", "b"),
            "add an entry": lambda: self.catalog.ensure(Kind.ACTION, uuid4().hex, AT),
            "create and delete an entry": self._entry,
            "create and delete a metric": lambda: self.metrics.delete(self._metric(), AT),
            "create and revoke a key": self._key,
            "begin a session": lambda: self.sessions.begin(self.key, None, now),
            "end old sessions": lambda: self.sessions.run_maintenance(now),
            "pause a channel": lambda: self.channels.pause(self.channel, AT),
            "create and delete a subscription": self._subscription,
            "create and delete a silence": self._silence,
            "stage": lambda: self.deliveries.reconcile([uuid4().bytes], [uuid4().bytes]),
            "list what is staged": self.deliveries.staged,
            "list deliveries": lambda: self.deliveries.page(10),
            "count deliveries": self.deliveries.counts,
            "find a delivery": lambda: self._missing(nobody),
            "drop old deliveries": lambda: self.deliveries.drop_before(AT),
            "claim deliveries": lambda: self.queue.claim({self.channel: 5}, now),
            "list unrecorded deliveries": lambda: self.queue.unrecorded(10),
            "list transitions": lambda: self.transitions.page(10),
            "list unrecorded transitions": lambda: self.transitions.unrecorded(10),
            "create and delete an alert": self._alert,
            "read states": lambda: self.evaluations.stored_states([nobody]),
            "list statuses": self.evaluations.statuses,
            "list groups that fire": lambda: self.firing.page(10),
            "list silences that hold deliveries": self.held.holders,
            "settle held deliveries": lambda: self.held.settle(nobody, now),
        }

    def _entry(self) -> None:
        entry = self.catalog.create(Kind.ACTION, EntryDraft(mnemonic=uuid4().hex, title="t"), AT)
        self.catalog.delete(Kind.ACTION, entry.id, AT)

    def _metric(self) -> UUID:
        read = read_metric({"name": "n", "metricType": "COUNT"}, self.catalog)
        return self.metrics.create(*read, AT).metric_id

    def _key(self) -> None:
        self.keys.revoke(self.keys.create("k", Role.READ, AT)[0].key_id, AT)

    def _subscription(self) -> None:
        body = {"channelId": str(self.channel), "resourceType": "ALERT", "action": "fired"}
        created = self.subscriptions.create(read_subscription(body, self.catalog), AT)
        self.subscriptions.delete(created.subscription_id, AT)

    def _silence(self) -> None:
        draft = read_silence({"alertId": str(uuid4()), "to": "2100-01-01T00:00:00Z"}, AT)
        self.silences.delete(self.silences.create(draft, AT).silence_id, AT)

    def _missing(self, id: UUID) -> None:
        with pytest.raises(NotFound):
            self.deliveries.get(id)

    def _alert(self) -> None:
        body = {"title": "t", "metricId": str(self.metric), "operator": "gt", "threshold": 1}
        draft = read_alert(
            {**body, "alertAction": "fired"}, self.catalog, self.metrics, self.channels
        )
        alert = self.alerts.create(draft, AT)
        self.alerts.delete(alert.alert_id, self.metrics.get(self.metric), AT)

"""A real store with alerts whose groups fire, silences, and the worker that ends what they hold.

There is no engine and no sender: a message that would be sent is a delivery that is pending.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from support.databases import open_database
from support.leadership import SetLeadership
from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.draft import read_alert
from tocsin.model.alerts.evaluation import EvaluationResult, evaluate_groups
from tocsin.model.alerts.transition import Transition
from tocsin.model.metrics.answer import Reading
from tocsin.model.metrics.draft import read_metric
from tocsin.model.notifications.channel import Channel, read_channel
from tocsin.model.notifications.delivery import Delivery, DeliveryStatus
from tocsin.model.notifications.silence import Silence
from tocsin.model.notifications.silence_draft import read_silence
from tocsin.model.notifications.subscription import Subscription, read_subscription
from tocsin.notifications.held_delivery_releaser import HeldDeliveryReleaser
from tocsin.process.events import Events
from tocsin.store.alerts import Alerts
from tocsin.store.catalog import Catalog
from tocsin.store.channels import Channels
from tocsin.store.deliveries import Deliveries
from tocsin.store.dropped_deliveries import DroppedDeliveries
from tocsin.store.evaluations import Evaluations
from tocsin.store.held_deliveries import HeldDeliveries
from tocsin.store.metrics import Metrics
from tocsin.store.new_deliveries import NewDeliveries
from tocsin.store.silences import Silences
from tocsin.store.subscriptions import Subscriptions
from tocsin.store.transitions import Transitions

AT = datetime(2026, 3, 20, 14, 0, tzinfo=UTC)
LIMIT = 1_000

Message = tuple[str, str | None]
"""`exceeded` or `recovered`, and the group."""


class SilencedWorld:
    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        self._path, self._limit = folder / "store.sqlite", limit
        self.at = AT
        self.leadership = SetLeadership()
        self._open()
        definition = {"name": "watched", "metricType": "COUNT", "groupBy": ["userId"]}
        draft, question = read_metric(definition, self.catalog)
        self.metric = self.metrics.create(draft, question, AT)

    def now(self) -> datetime:
        return self.at

    def restart(self) -> None:
        """Leaves nothing in memory."""
        self.database.close()
        self._open()

    def run(self) -> None:
        """Run the worker once, as it does each second."""
        self.releaser.run_once()

    def after(self, **length: float) -> None:
        """Let time pass, then run the worker."""
        self.at += timedelta(**length)
        self.run()

    def alert(self, **members: Any) -> Alert:
        body = {
            "title": "a title",
            "metricId": str(self.metric.metric_id),
            "operator": "gt",
            "threshold": 10,
            "alertAction": "fired",
            "recoveryAction": "recovered",
        }
        draft = read_alert({**body, **members}, self.catalog, self.metrics, self.channels)
        return self.alerts.create(draft, self.at)

    def channel(self, kind: str = "webhook", **settings: str) -> Channel:
        body = {"name": "a", "kind": kind, "settings": settings or {"url": "https://a.example"}}
        return self.channels.create(read_channel(body), self.at)

    def subscribe(self, channel: Channel, *actions: str) -> list[Subscription]:
        body = {"channelId": str(channel.channel_id), "resourceType": "ALERT"}
        return [
            self.subscriptions.create(
                read_subscription({**body, "action": action}, self.catalog), self.at
            )
            for action in actions or ("fired", "recovered")
        ]

    def silence(self, **members: Any) -> Silence:
        if "recurs" not in members:
            members = {"to": (self.at + timedelta(hours=1)).isoformat(), **members}
        return self.silences.create(read_silence(members, self.at), self.at)

    def change(self, silence: Silence, **members: Any) -> Silence:
        return self.silences.replace(silence.silence_id, read_silence(members, self.at), self.at)

    def evaluate(self, alert: Alert, values: Mapping[str | None, float]) -> None:
        """One evaluation as the evaluator does it, but for the calculation."""
        stored = self.evaluations.stored_states([alert.alert_id])[alert.alert_id]
        readings = [Reading(value, {"userId": name}) for name, value in values.items()]
        groups = evaluate_groups(alert.rule, stored.states, readings, self.at)
        transitions = [Transition.of(change, alert, self.metric) for change in groups.changes]
        result = EvaluationResult(
            alert, self.at, stored.version, 1.0, states=groups.states, transitions=transitions
        )
        assert self.evaluations.save([result], None) == {alert.alert_id}

    def firing(self, alert: Alert, *names: str | None) -> None:
        """These groups fire from now on, and no others."""
        self.evaluate(alert, dict.fromkeys(names, 11))

    def all(self, status: DeliveryStatus | None = None) -> list[Delivery]:
        return self.deliveries.page(10_000, status=status).deliveries[::-1]

    def messages(self, status: DeliveryStatus = DeliveryStatus.PENDING) -> list[Message]:
        """The deliveries with a status, in the order of their transitions."""
        return [message_of(each) for each in self.all(status)]

    def close(self) -> None:
        self.database.close()

    def _open(self) -> None:
        database = self.database = open_database(self._path)
        self.catalog = Catalog(database)
        self.metrics = Metrics(database)
        self.channels = Channels(database)
        self.subscriptions = Subscriptions(database, self.channels)
        self.silences = Silences(database)
        new = NewDeliveries(self.catalog, self.channels, self.subscriptions, self.silences)
        self.dropped = DroppedDeliveries(database, self.channels, self._limit)
        self.deliveries = Deliveries(database, self.channels, new, self.dropped)
        self.transitions = Transitions(database, self.deliveries)
        self.evaluations = Evaluations(database, self.transitions)
        self.alerts = Alerts(database, self.evaluations)
        self.held = HeldDeliveries(
            database, self.silences, self.alerts, self.subscriptions, self.channels, self.dropped
        )
        self.releaser = HeldDeliveryReleaser(
            self.held, self.silences, Events(), self, self.leadership
        )


def message_of(delivery: Delivery) -> Message:
    payload = delivery.interaction["interaction"]
    return payload["status"], payload["dimensions"]["userId"]


def ids_of(deliveries: Sequence[Delivery]) -> set[UUID]:
    return {delivery.delivery_id for delivery in deliveries}


@contextmanager
def silenced_world(folder: Path, limit: int = LIMIT) -> Iterator[SilencedWorld]:
    world = SilencedWorld(folder, limit)
    yield world
    world.close()

"""Constructs the parts that create, send and release deliveries, and connects them."""

from __future__ import annotations

from collections.abc import Callable, Collection

from tocsin.config import Settings
from tocsin.ingestion.history import History
from tocsin.notifications.attempts import Attempts
from tocsin.notifications.bundler import Bundler
from tocsin.notifications.dispatcher import Dispatcher
from tocsin.notifications.expected_messages import MessageForecaster
from tocsin.notifications.held_delivery_releaser import HeldDeliveryReleaser
from tocsin.notifications.outbox import Outbox, RecordedIds
from tocsin.notifications.senders.senders import Senders
from tocsin.notifications.service import (
    ChannelService,
    DeliveryService,
    SilenceService,
    SubscriptionService,
)
from tocsin.notifications.templates.rendering import MessageRenderer
from tocsin.notifications.templates.templates import Templates
from tocsin.process.clock import Clock
from tocsin.process.events import Events
from tocsin.process.leadership import Leadership
from tocsin.store.database import Database
from tocsin.store.delivery_queue import DeliveryQueue
from tocsin.store.fencing import Fence
from tocsin.store.held_deliveries import HeldDeliveries
from tocsin.store.incident_history import IncidentHistory
from tocsin.store.stores import Stores


class NotificationParts:
    """The workers among them are started by the caller, who also calls `close`."""

    def __init__(
        self,
        settings: Settings,
        stores: Stores,
        engine: RecordedIds,
        history: History,
        undecided: Callable[[], Collection[bytes]],
        events: Events,
        clock: Clock,
        *,
        database: Database,
        leadership: Leadership,
        fence: Fence,
    ) -> None:
        """`undecided` is that of the Outbox."""
        self.queue = DeliveryQueue(database, fence)
        self.outbox = Outbox(stores.deliveries, engine, events, clock, undecided)
        self.templates = Templates()
        self.close = self.templates.close
        self.renderer = MessageRenderer(self.templates, stores.subscriptions)
        senders = Senders(
            allow_private=settings.allow_private_targets,
            smtp=settings.smtp_server,
            history=IncidentHistory(database),
        )
        attempts = Attempts(stores.channels, history, self.renderer, senders, clock)
        self.dispatcher = Dispatcher(
            self.queue,
            stores.channels,
            stores.dropped,
            self.outbox,
            attempts,
            clock,
            leadership=leadership,
        )
        self.attempts = attempts
        self.bundler = Bundler(stores.bundles, stores.silences, events, clock, leadership)
        held = HeldDeliveries(
            database,
            stores.silences,
            stores.alerts,
            stores.subscriptions,
            stores.channels,
            stores.dropped,
            fence,
        )
        self.releaser = HeldDeliveryReleaser(held, stores.silences, events, clock, leadership)
        self.channel_service = ChannelService(stores.channels, self.dispatcher, stores.audit, clock)
        self.delivery_service = DeliveryService(stores.deliveries, self.dispatcher, clock)
        self.subscription_service = SubscriptionService(stores.subscriptions, self.templates, clock)
        self.silence_service = SilenceService(stores.silences, stores.alerts, clock)
        self.forecaster = MessageForecaster(
            stores.transitions, stores.new_deliveries, stores.silences
        )

"""Constructs the parts of a node on its storage, connects them, and closes them again."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime, timedelta
from uuid import uuid4

from tocsin.access.identification import Access
from tocsin.access.service import KeyService
from tocsin.alerting.backtest import Backtester
from tocsin.alerting.evaluator import Evaluator
from tocsin.alerting.firing_list import FiringList
from tocsin.alerting.schedule import AlertSchedule
from tocsin.alerting.scheduler import Scheduler
from tocsin.alerting.service import AlertService
from tocsin.alerting.transition_recorder import TransitionRecorder
from tocsin.alerting.triggers import ArrivalTriggers
from tocsin.config import Settings
from tocsin.ingestion.body_budget import BodyBudget
from tocsin.ingestion.catalog_service import CatalogService
from tocsin.ingestion.committer import Committer
from tocsin.ingestion.history import History
from tocsin.ingestion.month_limit import MonthLimit
from tocsin.ingestion.recorder import Recorder
from tocsin.metrics.calculators import Calculators
from tocsin.metrics.column_promoter import GRACE_PERIOD, ColumnPromoter
from tocsin.metrics.definition_warnings import DefinitionWarnings
from tocsin.metrics.field_discovery import Discovery
from tocsin.metrics.retained_time import RetainedTime
from tocsin.metrics.service import MetricService
from tocsin.metrics.warmup import Warmup
from tocsin.model.alerts.pages import AlertPages
from tocsin.model.interactions.time_bounds import RequestTimes
from tocsin.notifications.attempts import Attempts
from tocsin.notifications.bundler import Bundler
from tocsin.notifications.dispatcher import Dispatcher
from tocsin.notifications.expected_messages import MessageForecaster
from tocsin.notifications.held_delivery_releaser import HeldDeliveryReleaser
from tocsin.notifications.outbox import Outbox
from tocsin.notifications.outcome_recorder import OutcomeRecorder
from tocsin.notifications.senders.senders import Senders
from tocsin.notifications.service import (
    ChannelService,
    DeliveryService,
    SilenceService,
    SubscriptionService,
)
from tocsin.notifications.templates.rendering import MessageRenderer
from tocsin.notifications.templates.templates import Templates
from tocsin.process.clock import SystemClock
from tocsin.process.events import (
    DefinitionsChanged,
    DeliveriesPending,
    Events,
    InteractionsDropped,
    InteractionsFollowed,
    InteractionsRecorded,
    LeadershipGained,
    TransitionsStored,
)
from tocsin.process.pools import Pools
from tocsin.process.worker import Worker
from tocsin.storage.backup import Backups
from tocsin.storage.maintenance import Maintenance
from tocsin.storage.opening import open_storage
from tocsin.store.alerts import Alerts
from tocsin.store.bundle_closing import BundleCloser
from tocsin.store.bundle_deliveries import BundleDeliveries
from tocsin.store.bundles import Bundles
from tocsin.store.catalog import Catalog
from tocsin.store.channels import Channels
from tocsin.store.deliveries import Deliveries
from tocsin.store.delivery_queue import DeliveryQueue
from tocsin.store.dropped_deliveries import DroppedDeliveries
from tocsin.store.evaluations import Evaluations
from tocsin.store.firing_groups import FiringGroups
from tocsin.store.held_deliveries import HeldDeliveries
from tocsin.store.incident_history import IncidentHistory
from tocsin.store.keys import Keys
from tocsin.store.metrics import Metrics
from tocsin.store.new_deliveries import NewDeliveries
from tocsin.store.sessions import Sessions
from tocsin.store.silences import Silences
from tocsin.store.subscriptions import Subscriptions
from tocsin.store.transitions import Transitions


class Runtime:
    """One node."""

    def __init__(self, settings: Settings) -> None:
        """Open the storage and start the workers.

        Raises DataFolderInUse, IncompleteFolder, InvalidSettings or Unavailable.
        """
        self.settings = settings
        self.node_id = uuid4().hex
        self.clock = SystemClock()
        self.events = Events()
        self.times = RequestTimes.of(settings.oldest_days, settings.latest_days, settings.retention)
        self.bodies = BodyBudget(settings.body_memory)
        self._closing = ExitStack()
        try:
            self._open_storage()
            self._open_definitions()
            self._open_calculators()
            self._open_notifications()
            self._open_recording()
            self._open_alerting()
            self._open_maintenance()
            self._subscribe()
            self._start()
        except BaseException:
            self._closing.close()
            raise

    def close(self) -> None:
        """Record what waits, then close everything, last opened first."""
        self._closing.close()

    def stop_calculating(self) -> None:
        """End the calculations that run, and refuse those that wait or come, with Stopping."""
        self.pools.stop_questions()
        self.engine.stop_calculating()

    def now(self) -> datetime:
        """The clock of the API, to the millisecond."""
        return self.clock.now()

    def problems(self) -> dict[str, list[str]]:
        """The problems that an operator has to solve, by kind; the service answers queries."""
        return self.storage.problems()

    def _open_storage(self) -> None:
        storage = open_storage(self.settings, self.node_id, self.clock, self.events, self._closing)
        self.storage, self.leadership = storage, storage.leadership
        self.engine, self.database = storage.engine, storage.database
        self.key_values, self.disk, self.losses = storage.key_values, storage.disk, storage.losses

    def _open_definitions(self) -> None:
        database = self.database
        self.catalog = Catalog(database, self.settings.max_catalog_entries)
        self.metrics = Metrics(database)
        self.keys = Keys(database)
        self.sessions = Sessions(database)
        self.access = Access(self.keys)
        self.key_service = KeyService(
            self.keys, self.sessions, self.access, self.clock, is_shared=database.is_shared
        )
        self.channels = Channels(database)
        self.silences = Silences(database)
        limit = self.settings.max_pending_deliveries
        self.dropped = DroppedDeliveries(database, self.channels, limit)
        pages = AlertPages(self.settings.base_url)
        closer = BundleCloser(
            BundleDeliveries(self.catalog, self.channels, self.silences, self.dropped, pages)
        )
        self.subscriptions = Subscriptions(database, self.channels, closer)
        new = NewDeliveries(self.catalog, self.channels, self.subscriptions, self.silences)
        self.deliveries = Deliveries(database, self.channels, new, self.dropped)
        self.bundles = Bundles(
            database, self.subscriptions, self.deliveries, closer, self.storage.fence
        )
        self.transitions = Transitions(database, self.deliveries, pages, self.bundles)
        self.message_forecaster = MessageForecaster(self.transitions, new, self.silences)
        self.evaluations = Evaluations(database, self.transitions, self.storage.fence)
        self.alerts = Alerts(database, self.evaluations)

    def _open_calculators(self) -> None:
        concurrency = self.settings.query_concurrency
        self.append_log = self.storage.append_log(self.events, self.catalog)
        self.engine.follow = self.append_log.follow
        retained = RetainedTime(self.settings.retention, self.clock)
        latest_number = self.append_log.watermark
        self._calculators = Calculators(
            self.engine, self.catalog, latest_number, retained, concurrency=concurrency
        )
        self._closing.callback(self._calculators.close)
        self.calculator = self._calculators.questions
        self.page_calculator = self._calculators.pages
        self.discovery = Discovery(self.engine)
        self.definition_warnings = DefinitionWarnings(self.engine, self.catalog)
        self.history = History(self.engine, self.catalog)
        self.backtester = Backtester(self.engine, self.catalog, retained)
        self.pools = Pools(concurrency)
        self._closing.callback(self.pools.close)
        # Longer than any calculation, so that no compiled query uses a column that is dropped.
        patience = max(GRACE_PERIOD, 3 * timedelta(seconds=self.settings.query_seconds))
        self.promoter = ColumnPromoter(
            self.engine, self.metrics, self.clock, patience, self.leadership, self.storage.fence
        )
        self.metric_service = MetricService(self.metrics, self.alerts, self.events, self.clock)

    def _open_recording(self) -> None:
        months = MonthLimit(self.engine.recorded_months, self.settings.max_months, self.clock)
        self.committer = Committer(self.engine, self.append_log, self._outbox, months)
        self.recorder = Recorder(
            self.engine,
            self.catalog,
            self.committer,
            self.append_log,
            self.clock,
            strict_catalog=self.settings.strict_catalog,
        )
        self._outcomes = OutcomeRecorder(self._queue, self.channels, self.recorder, self.leadership)
        self.catalog_service = CatalogService(self.catalog, self.recorder, self.clock)
        self.backups = Backups(self.storage, self.append_log, self.clock)

    def _open_notifications(self) -> None:
        settings = self.settings
        self._queue = DeliveryQueue(self.database, self.storage.fence)
        self._outbox = Outbox(
            self.deliveries, self.engine, self.events, self.clock, self.append_log.staged
        )
        self.templates = Templates()
        self._closing.callback(self.templates.close)
        self.renderer = MessageRenderer(self.templates, self.subscriptions)
        self.attempts = Attempts(
            self.channels,
            self.history,
            self.renderer,
            Senders(
                allow_private=settings.allow_private_targets,
                smtp=settings.smtp_server,
                history=IncidentHistory(self.database),
            ),
            self.clock,
        )
        self.dispatcher = Dispatcher(
            self._queue,
            self.channels,
            self.dropped,
            self._outbox,
            self.attempts,
            self.clock,
            leadership=self.leadership,
        )
        self._bundler = Bundler(
            self.bundles, self.silences, self.events, self.clock, self.leadership
        )
        self.channel_service = ChannelService(self.channels, self.dispatcher, self.clock)
        self.delivery_service = DeliveryService(self.deliveries, self.dispatcher, self.clock)
        self.subscription_service = SubscriptionService(
            self.subscriptions, self.templates, self.clock
        )
        self.silence_service = SilenceService(self.silences, self.alerts, self.clock)
        held = HeldDeliveries(
            self.database,
            self.silences,
            self.alerts,
            self.subscriptions,
            self.channels,
            self.dropped,
            self.storage.fence,
        )
        self._held_delivery_releaser = HeldDeliveryReleaser(
            held, self.silences, self.events, self.clock, self.leadership
        )

    def _open_alerting(self) -> None:
        self.evaluator = Evaluator(
            self._calculators.alerts,
            self.calculator,
            self.alerts,
            self.metrics,
            self.evaluations,
            self.events,
        )
        self.firing_list = FiringList(
            FiringGroups(self.database, self.alerts), self.metrics, self.silences, self.clock
        )
        self._transition_recorder = TransitionRecorder(self.transitions, self.recorder)
        self.schedule = AlertSchedule(self.alerts, self.evaluations, self.evaluator)
        triggers = ArrivalTriggers()
        self.scheduler = Scheduler(
            self.schedule,
            triggers,
            self.evaluator,
            self._transition_recorder,
            self.clock,
            self.leadership,
        )
        self.alert_service = AlertService(
            self.alerts,
            self.metrics,
            self.evaluator,
            self.backtester,
            triggers,
            self.events,
            self.clock,
        )

    def _open_maintenance(self) -> None:
        self.maintenance = Maintenance(
            self.storage,
            self.deliveries,
            {"materialized columns": self.promoter, "sessions": self.sessions},
            self.events,
            self.clock,
            retention=self.settings.retention,
            leadership=self.leadership,
        )

    def _subscribe(self) -> None:
        """Connect the publishers of events with the parts that react, in the order of reaction."""
        subscribe = self.events.subscribe
        subscribe(InteractionsRecorded, self._calculators.on_interactions_recorded)
        subscribe(InteractionsRecorded, self.scheduler.on_interactions_recorded)
        subscribe(InteractionsFollowed, self._calculators.on_interactions_followed)
        subscribe(InteractionsFollowed, self.scheduler.on_interactions_followed)
        subscribe(InteractionsFollowed, self._outbox.on_interactions_followed)
        subscribe(InteractionsDropped, self._calculators.on_interactions_dropped)
        subscribe(DeliveriesPending, self.dispatcher.on_deliveries_pending)
        subscribe(TransitionsStored, self.dispatcher.on_transitions_stored)
        subscribe(TransitionsStored, self._transition_recorder.on_transitions_stored)
        subscribe(TransitionsStored, self._bundler.on_transitions_stored)
        subscribe(LeadershipGained, self._bundler.on_leadership_gained)
        subscribe(LeadershipGained, self._outbox.on_leadership_gained)
        subscribe(LeadershipGained, self.dispatcher.on_leadership_gained)
        subscribe(LeadershipGained, self._held_delivery_releaser.on_leadership_gained)
        subscribe(LeadershipGained, self.scheduler.on_leadership_gained)
        subscribe(LeadershipGained, self.promoter.on_leadership_gained)
        subscribe(DefinitionsChanged, self.alert_service.on_definitions_changed)
        subscribe(DefinitionsChanged, self.scheduler.on_definitions_changed)
        subscribe(DefinitionsChanged, self.promoter.on_definitions_changed)

    def _start(self) -> None:
        """Start the workers. They stop in the reverse order: first those that cause work."""
        for worker in self.storage.join(self.events, self._outbox.settle):
            self._run(worker)
        self._run(self.committer)
        self._closing.callback(self.recorder.close)
        for worker in (
            self._outcomes,
            self.dispatcher,
            self._held_delivery_releaser,
            self._bundler,
            self.promoter,
            self.maintenance,
            self.scheduler,
            Warmup(self.engine, self.promoter),
        ):
            self._run(worker)
        # Closed first: a calculation in progress would delay everything else.
        self._closing.callback(self.stop_calculating)

    def _run(self, worker: Worker) -> None:
        self._closing.callback(worker.stop)
        worker.start()

"""Constructs the parts of a node on its storage, connects them, and closes them again."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime, timedelta
from uuid import uuid4

from tocsin.access.definition_history import DefinitionHistory
from tocsin.access.identification import Access
from tocsin.access.key_use_writer import KeyUseWriter
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
from tocsin.ingestion.erased_ids import ErasedIds
from tocsin.ingestion.history import History
from tocsin.ingestion.id_learner import IdLearner
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
from tocsin.model.erasure import ErasureHashes
from tocsin.model.interactions.time_bounds import RequestTimes
from tocsin.notifications.outcome_recorder import OutcomeRecorder
from tocsin.notifications.parts import NotificationParts
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
from tocsin.storage.erasing import Eraser
from tocsin.storage.erasure_service import ErasureService
from tocsin.storage.maintenance import Maintenance
from tocsin.storage.opening import open_storage
from tocsin.store.database import FOLDER_ID
from tocsin.store.erasures import Erasures
from tocsin.store.firing_groups import FiringGroups
from tocsin.store.redaction_key import redaction_key
from tocsin.store.stores import Stores


class Runtime(Stores):
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
        self.open_stores(
            self.database,
            self.storage.fence,
            AlertPages(self.settings.base_url),
            self.settings.max_catalog_entries,
            self.settings.max_pending_deliveries,
        )
        self.definition_history = DefinitionHistory(self.audit, self.metrics, self.alerts)
        self.erasure_hashes = ErasureHashes(self.key_values.get(FOLDER_ID) or "")
        self.erasures = Erasures(self.database, self.erasure_hashes, self.storage.fence)
        self.access = Access(self.keys, self.key_uses, self.clock)
        self.key_service = KeyService(
            self.keys,
            self.sessions,
            self.access,
            self.clock,
            is_shared=self.database.is_shared,
        )

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
        self.committer = Committer(
            self.engine,
            self.append_log,
            self.notifications.outbox,
            months,
            ErasedIds(self.erasures, self.erasure_hashes),
        )
        self.recorder = Recorder(
            self.engine,
            self.catalog,
            self.committer,
            self.append_log,
            self.clock,
            strict_catalog=self.settings.strict_catalog,
            redaction_key=redaction_key(self.key_values),
        )
        self._outcomes = OutcomeRecorder(
            self.notifications.queue, self.channels, self.recorder, self.leadership
        )
        self.eraser = Eraser(
            self.storage, self.erasures, self.erasure_hashes, self.events, self.clock
        )
        self.erasure_service = ErasureService(
            self.storage,
            self.append_log,
            self.catalog,
            self.erasures,
            self.erasure_hashes,
            self.eraser,
            self.clock,
        )
        self.catalog_service = CatalogService(self.catalog, self.recorder, self.clock)
        self.backups = Backups(self.storage, self.append_log, self.clock)

    def _open_notifications(self) -> None:
        self.notifications = parts = NotificationParts(
            self.settings,
            self,
            self.engine,
            self.history,
            self.append_log.staged,
            self.events,
            self.clock,
            database=self.database,
            leadership=self.leadership,
            fence=self.storage.fence,
        )
        self._closing.callback(parts.close)
        self.channel_service, self.delivery_service = parts.channel_service, parts.delivery_service
        self.subscription_service = parts.subscription_service
        self.silence_service, self.renderer = parts.silence_service, parts.renderer
        self.message_forecaster = parts.forecaster

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
            self.audit,
            self.events,
            self.clock,
        )

    def _open_maintenance(self) -> None:
        self.maintenance = Maintenance(
            self.storage,
            self.deliveries,
            self.audit,
            {"materialized columns": self.promoter, "sessions": self.sessions},
            self.events,
            self.clock,
            retention=self.settings.retention,
            audit_days=self.settings.audit_days,
            leadership=self.leadership,
        )

    def _subscribe(self) -> None:
        """Connect the publishers of events with the parts that react, in the order of reaction."""
        subscribe = self.events.subscribe
        subscribe(InteractionsRecorded, self._calculators.on_interactions_recorded)
        subscribe(InteractionsRecorded, self.scheduler.on_interactions_recorded)
        subscribe(InteractionsFollowed, self._calculators.on_interactions_followed)
        subscribe(InteractionsFollowed, self.scheduler.on_interactions_followed)
        subscribe(InteractionsFollowed, self.notifications.outbox.on_interactions_followed)
        subscribe(InteractionsDropped, self._calculators.on_interactions_dropped)
        subscribe(DeliveriesPending, self.notifications.dispatcher.on_deliveries_pending)
        subscribe(TransitionsStored, self.notifications.dispatcher.on_transitions_stored)
        subscribe(TransitionsStored, self._transition_recorder.on_transitions_stored)
        subscribe(TransitionsStored, self.notifications.bundler.on_transitions_stored)
        subscribe(LeadershipGained, self.notifications.bundler.on_leadership_gained)
        subscribe(LeadershipGained, self.notifications.outbox.on_leadership_gained)
        subscribe(LeadershipGained, self.notifications.dispatcher.on_leadership_gained)
        subscribe(LeadershipGained, self.notifications.releaser.on_leadership_gained)
        subscribe(LeadershipGained, self.scheduler.on_leadership_gained)
        subscribe(LeadershipGained, self.promoter.on_leadership_gained)
        subscribe(DefinitionsChanged, self.alert_service.on_definitions_changed)
        subscribe(DefinitionsChanged, self.scheduler.on_definitions_changed)
        subscribe(DefinitionsChanged, self.promoter.on_definitions_changed)

    def _start(self) -> None:
        """Start the workers. They stop in the reverse order: first those that cause work."""
        for worker in self.storage.join(self.events, self.notifications.outbox.settle):
            self._run(worker)
        self.eraser.apply_ledger()
        self._run(self.committer)
        self._closing.callback(self.recorder.close)
        for worker in (
            self._outcomes,
            self.notifications.dispatcher,
            self.notifications.releaser,
            self.notifications.bundler,
            self.promoter,
            self.maintenance,
            self.eraser,
            KeyUseWriter(self.key_uses),
            self.scheduler,
            Warmup(self.engine, self.promoter),
            IdLearner(self.engine.ids),
        ):
            self._run(worker)
        # Closed first: a calculation in progress would delay everything else.
        self._closing.callback(self.stop_calculating)

    def _run(self, worker: Worker) -> None:
        self._closing.callback(worker.stop)
        worker.start()

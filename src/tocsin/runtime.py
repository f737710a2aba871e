"""Builds everything and closes it again; the only file that knows all parts."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import structlog

from tocsin.access import Access
from tocsin.alerting.backtest import Backtester
from tocsin.alerting.evaluator import Evaluator
from tocsin.alerting.scheduler import Scheduler, Slots
from tocsin.alerting.service import AlertService
from tocsin.alerting.transition_recorder import Reporter
from tocsin.alerting.triggers import Arrivals
from tocsin.config import Settings
from tocsin.ingestion.body_budget import BodyBudget
from tocsin.ingestion.catalog_service import CatalogService
from tocsin.ingestion.export import Export
from tocsin.ingestion.history import History
from tocsin.ingestion.month_limit import MonthLimit
from tocsin.ingestion.recorder import Intake
from tocsin.ingestion.request_context import Request
from tocsin.metrics.calculators import Calculators
from tocsin.metrics.column_promoter import PATIENCE, Promoter
from tocsin.metrics.field_discovery import Discovery
from tocsin.metrics.service import MetricService
from tocsin.model.instant import to_milliseconds
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.search import Search
from tocsin.model.interactions.time_bounds import TimeBounds
from tocsin.model.key import Role
from tocsin.notifications.dispatcher import Notifier
from tocsin.notifications.outbox import Outbox
from tocsin.notifications.senders.senders import Senders
from tocsin.notifications.services import SilenceService, SubscriptionService
from tocsin.notifications.templates.rendering import Rendering
from tocsin.notifications.templates.templates import Templates
from tocsin.process.pools import Pools
from tocsin.storage.data_folder import lock, open_folder
from tocsin.storage.maintenance import Upkeep
from tocsin.storage.opening import Halves
from tocsin.storage.retention import SeenClock
from tocsin.store.alerts import Alerts
from tocsin.store.catalog import Catalog
from tocsin.store.channels import Channels
from tocsin.store.deliveries import KEPT, Deliveries
from tocsin.store.delivery_queue import Claims
from tocsin.store.dropped_deliveries import Dropped
from tocsin.store.evaluations import Evaluations
from tocsin.store.keys import Keys
from tocsin.store.metrics import Metrics
from tocsin.store.new_deliveries import NewDeliveries
from tocsin.store.sessions import Sessions
from tocsin.store.silences import Silences
from tocsin.store.subscriptions import Subscriptions
from tocsin.store.transitions import Transitions

log = structlog.get_logger()


class Runtime:
    """One open data folder: `tocsin.lock`, `store.sqlite` and `engine/`."""

    def __init__(self, settings: Settings) -> None:
        """Open the folder.

        Raises DataFolderInUse, IncompleteFolder, InvalidSettings or Unavailable.
        """
        self.settings = settings
        self._bound_times()
        self.bodies = BodyBudget(settings.body_memory)
        self._closing = ExitStack()
        folder = open_folder(settings.data_dir)
        try:
            self._closing.callback(lock(folder).close)
            self._open(folder)
        except BaseException:
            self._closing.close()
            raise

    def _bound_times(self) -> None:
        settings = self.settings
        retention, latest = settings.retention, settings.latest_days
        advice = "; a batch with ?history=true takes older ones"
        self.live_times = TimeBounds.of(settings.oldest_days, latest, retention, advice)
        self.history_times = TimeBounds.of(None, latest, retention)
        self.import_times = TimeBounds.of(None, None, retention)

    def _open(self, folder: Path) -> None:
        settings = self.settings
        halves = self.halves = Halves(folder, settings, self._closing)
        self.engine, self.database, self.facts = halves.engine, halves.database, halves.facts
        self.disk, self.losses = halves.disk, halves.losses
        # An engine that is new on purpose lacks everything that the store remembers.
        if settings.accept_loss or settings.accept_new_engine:
            self.losses.acknowledge(self.now())
        halves.check(self.now())
        # Between the last append and the closing of either half.
        self._closing.callback(lambda: halves.check(self.now()))
        self.catalog = Catalog(self.database, settings.max_catalog_entries)
        self.metrics = Metrics(self.database)
        self.keys = Keys(self.database)
        self.sessions = Sessions(self.database)
        self.access = Access(self.keys)
        self._open_deliveries()
        self.transitions = Transitions(self.database, self.deliveries)
        self.evaluations = Evaluations(self.database, self.transitions)
        self.alerts = Alerts(self.database, self.evaluations)
        self.arrivals = Arrivals()
        self.history = History(self.engine, self.catalog)
        latest_number = halves.latest_number()
        self._open_calculators(latest_number)
        outbox = Outbox(self.deliveries, self.engine.existing, self.now)
        self.intake = Intake(
            self.engine,
            self.catalog,
            latest_number + 1,
            self._on_disk,
            outbox,
            MonthLimit(self.engine.known_months, settings.max_months, self.now),
            strict_catalog=settings.strict_catalog,
        )
        self._closing.callback(self.intake.close)
        self.catalog_service = CatalogService(self.catalog, self.intake.is_recorded, self.now)
        self._open_notifier(outbox)
        # No calculation takes three times what a query may take and wait.
        patience = max(PATIENCE, 3 * timedelta(seconds=settings.query_seconds))
        self.promoter = Promoter(self.engine, self.metrics.all, patience)
        self._closing.callback(self.promoter.close)
        self.metrics.on_change = lambda: self.promoter.wake(self.now())
        self._open_alerts()
        learning = threading.Thread(target=self._warm_up, daemon=True)
        learning.start()
        self._closing.callback(learning.join)
        # First of all: an evaluation under way, whose slot is taken later, would hold up the rest.
        self._closing.callback(self.stop_calculating)

    def problems(self) -> dict[str, list[str]]:
        """What an operator has to see to, by kind, though the service answers queries."""
        return self.halves.problems()

    def _open_calculators(self, latest_number: int) -> None:
        concurrency = self.settings.query_concurrency
        self._calculators = Calculators(
            self.engine, self.catalog, latest_number, concurrency=concurrency
        )
        self._closing.callback(self._calculators.close)
        self.calculator = self._calculators.questions
        self.discovery = Discovery(self.engine)
        self.page_calculator = self._calculators.pages
        self.pools = Pools(concurrency)
        self._closing.callback(self.pools.close)

    def stop_calculating(self) -> None:
        """End the calculations that run, and refuse those that wait or come, with Stopping."""
        self.pools.stop_questions()
        self.engine.stop_calculating()

    def _open_alerts(self) -> None:
        self.backtester = Backtester(self.engine, self.catalog)
        self.reporter = Reporter(self.transitions, self.intake)
        self.evaluator = Evaluator(
            self._calculators.alerts,
            self.calculator,
            self.alerts,
            self.metrics,
            self.evaluations,
            self._report,
        )
        self.slots = Slots(self.alerts, self.evaluations, self.evaluator)
        self.alert_service = AlertService(
            self.alerts,
            self.metrics,
            self.evaluator,
            self.arrivals,
            lambda: self.scheduler.look_again(),
            self._report,
            self.now,
        )
        changed = self.alert_service.definitions_changed
        self.metric_service = MetricService(self.metrics, self.alerts, changed, self.now)
        self._open_upkeep()
        self.scheduler: Scheduler = Scheduler(
            self.slots, self.arrivals, self.evaluator, self._report, self.upkeep.tend
        )
        self._closing.callback(self.scheduler.close)

    def _open_upkeep(self) -> None:
        self.upkeep = Upkeep(
            self.engine,
            self.losses,
            SeenClock(self.facts),
            self.settings.retention,
            tasks={
                "promoted columns": self.promoter.wake,
                "losses": self.halves.check,
                "sessions": self.sessions.tend,
            },
            drop_deliveries=lambda at: self.deliveries.drop_before(at - KEPT),
            remember_number=self.halves.remember_number,
            forget_touched=self.calculator.rollups.touched.forget,
        )

    def _report(self) -> None:
        """Transitions may have been made: their deliveries need not wait for their interactions."""
        self.notifier.wake()
        self.reporter.report()

    def _open_deliveries(self) -> None:
        database = self.database
        self.channels = Channels(database)
        self.subscriptions = Subscriptions(database, self.channels)
        self.silences = Silences(database)
        self.subscription_service = SubscriptionService(self.subscriptions, self.now)
        self.silence_service = SilenceService(self.silences, self.now)
        making = NewDeliveries(self.catalog, self.channels, self.subscriptions, self.silences)
        self.dropped = Dropped(database, self.channels, self.settings.max_pending_deliveries)
        self.deliveries = Deliveries(database, self.channels, making, self.dropped)

    def _open_notifier(self, outbox: Outbox) -> None:
        """Closed before the intake, which keeps how deliveries ended."""
        settings = self.settings
        claims = Claims(self.database)
        # Whoever held them owned this folder before, and is dead.
        claims.release_all()
        self.templates = Templates()
        self._closing.callback(self.templates.close)
        self.notifier = Notifier(
            claims,
            self.channels,
            Rendering(self.templates, self.subscriptions),
            Senders(allow_private=settings.allow_private_targets, smtp=settings.smtp_server),
            complete=self.history.complete,
            settle=lambda: self._settle(outbox),
            record=self._record,
            now=self.now,
        )
        self._closing.callback(self.notifier.close)
        outbox.on_pending = self.notifier.wake

    def _settle(self, outbox: Outbox) -> None:
        outbox.settle()
        self.dropped.tell(self.now())

    def _record(self, interactions: Sequence[dict[str, Any]]) -> None:
        """Record what Tocsin itself has to say; raises Unavailable."""
        items = [msgspec.json.encode(interaction) for interaction in interactions]
        request = Request(to_milliseconds(self.now()), may_be_from_tocsin=True)
        batch = self.intake.record_batch(items, request)
        for index, problems in batch.rejected:
            log.error("not recorded", interaction=interactions[index], problems=problems)

    def close(self) -> None:
        """Finish what waits to be recorded, then close everything, last opened first."""
        self._closing.close()

    @staticmethod
    def now() -> datetime:
        """The API's clock, to the millisecond."""
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def adopt_keys(self) -> str | None:
        """Make the key of the settings the admin's; without one, and at the first start, make one
        up and answer it: it is not kept in clear anywhere."""
        given = self.settings.admin_key
        secret = given.get_secret_value() if given else None
        self.keys.adopt(secret, self.now())
        self.access.guard_given_key(secret)
        if self.keys.has_admin():
            return None
        _, made = self.keys.create("first start", Role.ADMIN, self.now())
        return made

    def _warm_up(self) -> None:
        self.engine.warm_up()
        # Which columns are worth it depends on the types that occur.
        self.promoter.wake(self.now())

    def _on_disk(self, interactions: Sequence[Interaction]) -> None:
        self.calculator.rollups.touched.tell(
            [i.timestamp for i in interactions], interactions[-1].interaction_number
        )
        self.arrivals.tell(interactions)

    def export(self, search: Search) -> Export:
        """Everything that is recorded by now and that a search matches; raises Unavailable."""
        return Export(self.engine, self.catalog, search)

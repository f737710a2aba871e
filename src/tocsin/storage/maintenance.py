"""The worker that maintains the storage every ten minutes: losses, retention and other tasks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import structlog

from tocsin.model.ceilings import AUDIT_DAYS
from tocsin.model.duration import Duration
from tocsin.process.clock import Clock
from tocsin.process.events import Events, InteractionsDropped
from tocsin.process.leadership import ALWAYS_LEADER, Leadership
from tocsin.process.worker import Worker, attempt
from tocsin.storage.retention import SETTLING, Expired, ObservedClock, Retention
from tocsin.storage.storage import Storage
from tocsin.store.audit import AuditTrail
from tocsin.store.deliveries import DELIVERY_RETENTION, Deliveries

log = structlog.get_logger()

INTERVAL = timedelta(minutes=10)


class MaintenanceTask(Protocol):
    def run_maintenance(self, at: datetime) -> None:
        """Called every ten minutes."""


class Maintenance(Worker):
    """Every task runs each time; one that fails is logged and stops no other."""

    def __init__(
        self,
        storage: Storage,
        deliveries: Deliveries,
        audit: AuditTrail,
        tasks: Mapping[str, MaintenanceTask],
        events: Events,
        clock: Clock,
        *,
        retention: Duration | None,
        audit_days: int = AUDIT_DAYS,
        leadership: Leadership = ALWAYS_LEADER,
    ) -> None:
        """`tasks` have the name that the log uses, and run on every node; all else runs on the
        leader. `retention` is the age at which interactions expire, None to keep all of them;
        `audit_days` that of rows of the audit trail."""
        super().__init__("maintenance")
        self._opened = time.monotonic()
        self._storage = storage
        self._deliveries = deliveries
        self._audit = audit
        self._audit_age = timedelta(days=audit_days)
        self._tasks = tasks
        self._events = events
        self._clock = clock
        self._age = retention
        self._seen_clock = ObservedClock(storage.key_values, storage.fence)
        self._retention = Retention()
        self._leadership = leadership
        self._has_led = leadership.is_leader

    def run_once(self) -> float:
        self.run(self._clock.now(), timedelta(seconds=time.monotonic() - self._opened))
        return INTERVAL.total_seconds()

    def run(self, at: datetime, running: timedelta) -> None:
        """Run every task that is due; `running` is how long the storage has been open, by the
        monotonic clock."""
        for name, task in self._tasks.items():
            _attempt(name, partial(task.run_maintenance, at))
        leads = self._leadership.is_leader
        if leads:
            if not self._has_led:
                # The leader before has observed the clock since this node started.
                self._seen_clock = ObservedClock(self._storage.key_values, self._storage.fence)
            self._run_as_leader(at, running)
        elif self._has_led:
            # Its numbers grow old, and losses may be acknowledged.
            self._storage.losses.stop_reporting()
        self._has_led = leads

    def _run_as_leader(self, at: datetime, running: timedelta) -> None:
        _attempt("losses", partial(self._storage.check, at))
        _attempt("clock", partial(self._seen_clock.observe, at, running))
        # Months first: on a nearly full disk the store cannot delete until dropping has made room.
        # With less than some 128 KiB left, the engine cannot drop either.
        if running >= SETTLING:
            _attempt("retention of interactions", partial(self._drop_months_if_trusted, at))
            if self._seen_clock.is_trusted:
                _attempt("retention of deliveries", partial(self._drop_deliveries, at))
                _attempt("retention of the audit trail", partial(self._drop_audited, at))

    def _drop_months_if_trusted(self, at: datetime) -> None:
        if self._age:
            rows = self._storage.engine.rows_by_month()
            expired = Expired.before(at - self._age.length, rows)
            if self._retention.allows(expired, self._seen_clock, at):
                self._storage.remember_number()
                self._storage.losses.forget_before(f"{at - self._age.length:%Y%m}")
                if expired.months:
                    self._drop_months(at, self._age)

    def _drop_months(self, at: datetime, age: Duration) -> None:
        """Drop the months that expired as a whole."""
        horizon = at - age.length
        month = horizon.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        try:
            dropped = self._storage.engine.drop_months_before(horizon, self._storage.fence.confirm)
        finally:
            # Also after a failure, because some of the months may be gone.
            self._events.publish(InteractionsDropped(month))
            self._storage.announce_drop()
        log.info("expired interactions dropped", months=dropped, retention=str(age))

    def _drop_deliveries(self, at: datetime) -> None:
        self._storage.fence.confirm()
        self._deliveries.drop_before(at - DELIVERY_RETENTION)

    def _drop_audited(self, at: datetime) -> None:
        self._storage.fence.confirm()
        self._audit.drop_before(at - self._audit_age)


def _attempt(task: str, run: Callable[[], object]) -> None:
    attempt(run, "maintenance task failed", task=task)

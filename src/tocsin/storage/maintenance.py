"""Tends a data folder every few minutes: promoted columns, losses, sessions and retention."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

import structlog

from tocsin.clickhouse.engine import Engine
from tocsin.model.duration import Duration
from tocsin.storage.loss_detection import Losses
from tocsin.storage.retention import SETTLING, Expired, Retention, SeenClock

log = structlog.get_logger()


class Upkeep:
    """What is dropped is decided by `retention`, the age from which interactions expire."""

    def __init__(
        self,
        engine: Engine,
        losses: Losses,
        clock: SeenClock,
        retention: Duration | None,
        *,
        tasks: Mapping[str, Callable[[datetime], object]],
        drop_deliveries: Callable[[datetime], object],
        remember_number: Callable[[], None],
        forget_touched: Callable[[], None],
    ) -> None:
        """`tasks` run at each turn, ahead of retention; the other functions run around a drop."""
        self._opened = time.monotonic()
        self._engine = engine
        self._losses = losses
        self._clock = clock
        self._age = retention
        self._tasks = tasks
        self._drop_deliveries = drop_deliveries
        self._remember_number = remember_number
        self._forget_touched = forget_touched
        self._retention = Retention()

    def tend(self, at: datetime, running: timedelta | None = None) -> None:
        """Run every task that is due; `running` is how long the folder has been open, by a clock
        that cannot be set. A task that fails is logged and keeps no other from running."""
        if running is None:
            running = timedelta(seconds=time.monotonic() - self._opened)
        for name, task in self._tasks.items():
            _attempt(name, partial(task, at))
        _attempt("clock", partial(self._clock.observe, at, running))
        # Months first: on a nearly full disk the store cannot delete until dropping has made room.
        # With less than some 128 KiB left, the engine cannot drop either.
        if running >= SETTLING:
            _attempt("retention of interactions", partial(self._drop_months_if_trusted, at))
            if self._clock.is_trusted:
                _attempt("retention of deliveries", partial(self._drop_deliveries, at))

    def _drop_months_if_trusted(self, at: datetime) -> None:
        if self._age:
            expired = Expired.before(at - self._age.length, self._engine.rows_by_month())
            if self._retention.allows(expired, self._clock, at):
                self._drop_months(at, self._age)

    def _drop_months(self, at: datetime, age: Duration) -> None:
        """Drop the months that lie before the retention as a whole."""
        self._remember_number()
        horizon = at - age.length
        self._losses.forget_before(f"{horizon:%Y%m}")
        dropped = self._engine.drop_before(horizon)
        self._forget_touched()
        if dropped:
            log.info("dropped expired interactions", months=dropped, retention=str(age))


def _attempt(task: str, run: Callable[[], object]) -> None:
    try:
        run()
    except Exception:
        log.exception("maintenance task failed; it runs again at the next turn", task=task)

"""The only loop, and the only clock below the API: what is to be done every so often.

Alerts are evaluated at their slots, and at once where something arrived that can make them fire;
the data is tended every ten minutes.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol
from uuid import UUID

import structlog

from tocsin.alerting.evaluator import Evaluator
from tocsin.alerting.triggers import Arrivals
from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.evaluation import Standing
from tocsin.model.alerts.slots import is_due, missed_between, next_slot, slot_at
from tocsin.model.instant import cut

log = structlog.get_logger()

TENDING_INTERVAL = timedelta(minutes=10)
# After a failure, and where there is no slot to wait for.
PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(seconds=10)


class Alerts(Protocol):
    def all(self) -> list[Alert]: ...


class Evaluations(Protocol):
    def standings(self) -> Mapping[UUID, Standing]: ...


class Slots:
    """Evaluates the alerts whose slot has come, all of one slot together.

    `missed` counts the slots that nobody took since the process started: they are skipped.
    """

    def __init__(self, alerts: Alerts, evaluations: Evaluations, evaluator: Evaluator) -> None:
        self.missed = 0
        self._alerts = alerts
        self._evaluations = evaluations
        self._evaluator = evaluator

    def take_due(self, at: datetime) -> None:
        """Raises Unavailable if the store fails; what was not taken is still due."""
        standings = self._evaluations.standings()
        due: dict[datetime, list[UUID]] = defaultdict(list)
        for alert in self._enabled():
            standing = standings.get(alert.alert_id)
            if standing and is_due(alert, standing.slot, at):
                due[slot_at(alert, at)].append(alert.alert_id)
        for slot in sorted(due):
            for finding in self._evaluator.evaluate(due[slot], slot, slot):
                last = standings[finding.alert.alert_id].slot
                self.missed += missed_between(finding.alert, last, slot)

    def next_after(self, at: datetime) -> datetime | None:
        return min((next_slot(alert, at) for alert in self._enabled()), default=None)

    def _enabled(self) -> Iterator[Alert]:
        return (alert for alert in self._alerts.all() if alert.enabled)


class Scheduler:
    """`report` records transitions that are not recorded yet."""

    def __init__(
        self,
        slots: Slots,
        arrivals: Arrivals,
        evaluator: Evaluator,
        report: Callable[[], None],
        tend: Callable[[datetime], object],
    ) -> None:
        self._slots = slots
        self._arrivals = arrivals
        self._evaluator = evaluator
        self._report = report
        self._tend = tend
        self._next_look = datetime.min.replace(tzinfo=UTC)
        # By the monotonic clock: with a clock that is set back, tending would pause for as long.
        self._next_tending = time.monotonic()
        self._is_changed = threading.Event()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._work, name="scheduler", daemon=True)
        self._thread.start()

    def look_again(self) -> None:
        """Definitions changed, so another slot may be the next."""
        self._is_changed.set()
        self._arrivals.wake()

    def close(self) -> None:
        self._is_stopping = True
        self._arrivals.wake()
        self._thread.join()

    def _work(self) -> None:
        while not self._is_stopping:
            at = datetime.now(UTC)
            if time.monotonic() >= self._next_tending:
                self._next_tending = time.monotonic() + TENDING_INTERVAL.total_seconds()
                self._attempt("tending the data", partial(self._tend, at))
            if self._is_time(at):
                self._is_changed.clear()
                self._next_look = at + PAUSE
                self._attempt("evaluation", partial(self._take_slots, at))
            self._attempt("evaluation at once", self._look_at_once)
            self._wait()

    def _is_time(self, at: datetime) -> bool:
        """Whether a slot may have come; a clock that was set back is noticed, too."""
        is_far = self._next_look - at > LONGEST_PAUSE
        return at >= self._next_look or is_far or self._is_changed.is_set()

    def _take_slots(self, at: datetime) -> None:
        self._report()
        self._slots.take_due(at)
        next_slot = self._slots.next_after(at) or at + LONGEST_PAUSE
        self._next_look = min(next_slot, at + LONGEST_PAUSE)

    def _look_at_once(self) -> None:
        ids = self._arrivals.take(time.monotonic())
        if ids:
            self._evaluator.evaluate_rising(ids, cut(datetime.now(UTC)))

    def _wait(self) -> None:
        seconds = (self._next_look - datetime.now(UTC)).total_seconds()
        self._arrivals.wait(time.monotonic(), max(seconds, 0))

    @staticmethod
    def _attempt(what: str, action: Callable[[], object]) -> None:
        try:
            action()
        except Exception:
            log.exception("failed; it is tried again", what=what)

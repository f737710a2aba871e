"""The worker that evaluates alerts, at their slots and when an interaction arrives that can make
them fire."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tocsin.alerting.evaluator import Evaluator
from tocsin.alerting.schedule import AlertSchedule
from tocsin.alerting.transition_recorder import TransitionRecorder
from tocsin.alerting.triggers import ArrivalTriggers
from tocsin.process.clock import Clock
from tocsin.process.events import (
    DefinitionsChanged,
    InteractionsFollowed,
    InteractionsRecorded,
    LeadershipGained,
)
from tocsin.process.leadership import ALWAYS_LEADER, FOLLOWER_SECONDS, Leadership
from tocsin.process.worker import Worker, attempt

# After a failure, and where no alert is enabled.
PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(seconds=10)


class Scheduler(Worker):
    """Evaluates on the leader only. Also records transitions that an earlier failure left
    unrecorded, before each slot."""

    def __init__(
        self,
        schedule: AlertSchedule,
        triggers: ArrivalTriggers,
        evaluator: Evaluator,
        transitions: TransitionRecorder,
        clock: Clock,
        leadership: Leadership = ALWAYS_LEADER,
    ) -> None:
        super().__init__("scheduler")
        self._schedule = schedule
        self._triggers = triggers
        self._evaluator = evaluator
        self._transitions = transitions
        self._clock = clock
        self._leadership = leadership
        self._next_slot = datetime.min.replace(tzinfo=UTC)
        self._is_changed = threading.Event()

    def on_interactions_recorded(self, event: InteractionsRecorded) -> None:
        if self._triggers.notify(event.interactions):
            self.wake()

    def on_interactions_followed(self, event: InteractionsFollowed) -> None:
        if self._triggers.notify_scopes(event.scopes):
            self.wake()

    def on_definitions_changed(self, _event: DefinitionsChanged) -> None:
        """Another slot may be the next one."""
        self._is_changed.set()
        self.wake()

    def on_leadership_gained(self, _event: LeadershipGained) -> None:
        """Slots may have come while no node was the leader."""
        self._is_changed.set()
        self.wake()

    def run_once(self) -> float:
        if not self._leadership.is_leader:
            return FOLLOWER_SECONDS
        at = self._clock.now()
        if self._is_slot_possible(at):
            self._is_changed.clear()
            self._next_slot = at + PAUSE
            _attempt("evaluate slots", lambda: self._evaluate_slots(at))
        _attempt("evaluate arrivals", self._evaluate_arrivals)
        until_slot = max((self._next_slot - self._clock.now()).total_seconds(), 0.0)
        until_arrival = self._triggers.seconds_until_ready(time.monotonic())
        return until_slot if until_arrival is None else min(until_slot, until_arrival)

    def _is_slot_possible(self, at: datetime) -> bool:
        """Whether a slot may have come. A clock that was set back counts, too: the next slot is
        then further away than the longest pause."""
        is_far = self._next_slot - at > LONGEST_PAUSE
        return at >= self._next_slot or is_far or self._is_changed.is_set()

    def _evaluate_slots(self, at: datetime) -> None:
        self._transitions.record_pending()
        self._schedule.evaluate_due(at)
        next_slot = self._schedule.next_after(at) or at + LONGEST_PAUSE
        self._next_slot = min(next_slot, at + LONGEST_PAUSE)

    def _evaluate_arrivals(self) -> None:
        ids = self._triggers.pop_ready(time.monotonic())
        if ids:
            self._evaluator.evaluate_rising(ids, self._clock.now())


def _attempt(action: str, run: Callable[[], object]) -> None:
    """A failure of slots must not keep arrivals from being evaluated, and the other way round."""
    attempt(run, "scheduled task failed", action=action)

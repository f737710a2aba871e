"""The scheduler without its thread: a run evaluates due alerts and returns the time to the next."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from support.alerting import AT, Store, opened_store
from support.clock import SetClock
from support.leadership import SetLeadership
from tocsin.alerting.alert_values import AlertMetrics
from tocsin.alerting.evaluator import Evaluator
from tocsin.alerting.schedule import AlertSchedule
from tocsin.alerting.scheduler import LONGEST_PAUSE, PAUSE, Scheduler
from tocsin.alerting.transition_recorder import TransitionRecorder
from tocsin.alerting.triggers import ArrivalTriggers
from tocsin.errors import Unavailable
from tocsin.model.alerts.slots import next_slot
from tocsin.model.interactions.interaction import Interaction
from tocsin.process.events import (
    DefinitionsChanged,
    Events,
    InteractionsRecorded,
    LeadershipGained,
)
from tocsin.process.leadership import FOLLOWER_SECONDS
from tocsin.runtime import Runtime

SECOND = timedelta(seconds=1)
ID = b"\x01" * 16
ARRIVED = InteractionsRecorded(
    [Interaction(ID, ID, ID, ID, "1", 0, b"{}", b"", None, None, None, [], [])]
)


class Fixture:
    """A scheduler with a separate store and the engine of the runtime."""

    def __init__(self, runtime: Runtime, store: Store) -> None:
        self.store = store
        self.clock = SetClock(AT)
        self.leadership = SetLeadership()
        self.triggers = ArrivalTriggers()
        calculator = runtime.calculator
        self.evaluator = Evaluator(
            calculator, calculator, store.alerts, store.metrics, store.evaluations, Events()
        )
        self.scheduler = Scheduler(
            AlertSchedule(store.alerts, store.evaluations, self.evaluator),
            self.triggers,
            self.evaluator,
            TransitionRecorder(store.transitions, runtime.recorder),
            self.clock,
            self.leadership,
        )


@pytest.fixture
def fixture(runtime: Runtime, tmp_path: Path) -> Iterator[Fixture]:
    with opened_store(tmp_path) as store:
        yield Fixture(runtime, store)


def test_without_alerts_the_next_run_is_after_the_longest_pause(fixture: Fixture) -> None:
    assert fixture.scheduler.run_once() == LONGEST_PAUSE.total_seconds()


def test_a_run_evaluates_at_the_slot_and_not_before(fixture: Fixture) -> None:
    alert = fixture.store.alert(interval="10s")
    slot = next_slot(alert, AT)
    assert fixture.scheduler.run_once() == (slot - AT).total_seconds()
    fixture.clock.at = slot - timedelta(milliseconds=1)
    fixture.scheduler.run_once()
    assert fixture.evaluator.evaluated == 0
    fixture.clock.at = slot
    assert fixture.scheduler.run_once() == alert.interval.length.total_seconds()
    assert fixture.store.evaluations.status(alert.alert_id).slot == slot


def test_a_changed_definition_is_considered_before_the_former_slot(fixture: Fixture) -> None:
    fixture.scheduler.run_once()
    alert = fixture.store.alert(interval="10s")
    fixture.scheduler.on_definitions_changed(DefinitionsChanged())
    assert fixture.scheduler.run_once() == (next_slot(alert, AT) - AT).total_seconds()


def test_a_clock_that_is_set_back_delays_no_slot(fixture: Fixture) -> None:
    alert = fixture.store.alert(interval="10s")
    fixture.clock.at = next_slot(alert, AT)
    fixture.scheduler.run_once()
    fixture.clock.at -= timedelta(days=1)
    fixture.scheduler.run_once()
    assert fixture.evaluator.evaluated == 2


def test_an_arrival_evaluates_an_alert_that_it_can_make_fire(fixture: Fixture) -> None:
    alert = fixture.store.alert(threshold=-1, interval="24h")
    fixture.triggers.watch([(alert, AlertMetrics(fixture.store.metric))])
    fixture.scheduler.run_once()
    fixture.scheduler.on_interactions_recorded(ARRIVED)
    fixture.clock.at += SECOND
    fixture.scheduler.run_once()
    (transition,) = fixture.store.transitions.page(10)
    assert transition.change.at == fixture.clock.at


def test_a_failure_at_slots_is_logged_once_and_does_not_keep_arrivals_from_being_evaluated(
    fixture: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise Unavailable("The store is locked")

    monkeypatch.setattr(fixture.store.evaluations, "statuses", fail)
    alert = fixture.store.alert(threshold=-1, interval="24h")
    fixture.triggers.watch([(alert, AlertMetrics(fixture.store.metric))])
    fixture.scheduler.on_interactions_recorded(ARRIVED)
    with structlog.testing.capture_logs() as logged:
        pause = fixture.scheduler.run_once()
    failures = [line["action"] for line in logged if line["event"] == "scheduled task failed"]
    assert failures == ["evaluate slots"]
    assert pause == PAUSE.total_seconds()
    assert len(fixture.store.transitions.page(10)) == 1


def test_a_node_evaluates_nothing_until_it_is_the_leader(fixture: Fixture) -> None:
    fixture.leadership.is_leader = False
    alert = fixture.store.alert(interval="10s")
    fixture.clock.at = slot = next_slot(alert, AT)
    assert fixture.scheduler.run_once() == FOLLOWER_SECONDS
    assert fixture.evaluator.evaluated == 0
    fixture.leadership.is_leader = True
    fixture.scheduler.on_leadership_gained(LeadershipGained())
    fixture.scheduler.run_once()
    assert fixture.store.evaluations.status(alert.alert_id).slot == slot

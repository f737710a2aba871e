"""Evaluation slots are taken once or counted as missed; each transition is recorded once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from support.alerting import AT, Store, opened_store
from tocsin.alerting.evaluator import Evaluator
from tocsin.alerting.schedule import AlertSchedule
from tocsin.alerting.transition_recorder import TransitionRecorder
from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.slots import next_slot, slot_at
from tocsin.model.alerts.state import Status
from tocsin.model.interactions.search import Search
from tocsin.process.events import Events, TransitionsStored
from tocsin.runtime import Runtime
from tocsin.store.tables import transitions

MINUTE = timedelta(minutes=1)


class AlertingSetup:
    """A separate store with the engine of the runtime, so that no scheduler takes part."""

    def __init__(self, runtime: Runtime, store: Store) -> None:
        self.store = store
        self.recorder = TransitionRecorder(store.transitions, runtime.recorder)
        events = Events()
        events.subscribe(TransitionsStored, self.recorder.on_transitions_stored)
        self.evaluator = Evaluator(
            runtime.calculator,
            runtime.calculator,
            store.alerts,
            store.metrics,
            store.evaluations,
            events,
        )
        self.schedule = AlertSchedule(store.alerts, store.evaluations, self.evaluator)

    def last_evaluation(self, alert: Alert) -> tuple[datetime, datetime | None]:
        evaluation = self.store.evaluations.status(alert.alert_id)
        return evaluation.slot, evaluation.evaluated_at


@pytest.fixture
def alerting(runtime: Runtime, tmp_path: Path) -> Iterator[AlertingSetup]:
    with opened_store(tmp_path) as store:
        yield AlertingSetup(runtime, store)


def test_a_new_alert_waits_for_its_next_slot(alerting: AlertingSetup) -> None:
    alert = alerting.store.alert()
    alerting.schedule.evaluate_due(AT)
    assert alerting.last_evaluation(alert) == (slot_at(alert, AT), None)
    first = next_slot(alert, AT)
    assert alerting.schedule.next_after(AT) == first
    alerting.schedule.evaluate_due(first)
    assert alerting.last_evaluation(alert) == (first, first)
    assert alerting.schedule.missed == 0


def test_missed_slots_are_counted_and_not_evaluated_later(alerting: AlertingSetup) -> None:
    alert = alerting.store.alert()
    late = slot_at(alert, AT) + 5 * MINUTE
    alerting.schedule.evaluate_due(late + timedelta(seconds=3))
    assert alerting.last_evaluation(alert) == (late, late)
    assert (alerting.schedule.missed, alerting.evaluator.evaluated) == (4, 1)
    alerting.schedule.evaluate_due(late + timedelta(seconds=9))
    assert (alerting.schedule.missed, alerting.evaluator.evaluated) == (4, 1)


def test_a_disabled_alert_has_no_slots_and_misses_none(alerting: AlertingSetup) -> None:
    alert = alerting.store.alert(enabled=False)
    alerting.schedule.evaluate_due(AT + 5 * MINUTE)
    assert alerting.evaluator.evaluated == 0
    assert alerting.schedule.next_after(AT) is None
    later = AT + 60 * MINUTE
    alerting.store.alerts.replace(
        alert.alert_id, alerting.store.draft(), alerting.store.metric, later
    )
    alerting.schedule.evaluate_due(later + MINUTE)
    assert (alerting.schedule.missed, alerting.evaluator.evaluated) == (0, 1)


def test_a_late_slot_does_not_undo_a_newer_evaluation(alerting: AlertingSetup) -> None:
    alert = alerting.store.alert(threshold=-1)
    slot = next_slot(alert, AT)
    since = slot + timedelta(seconds=3)
    alerting.evaluator.evaluate([alert.alert_id], since)
    alerting.schedule.evaluate_due(slot + timedelta(seconds=9))
    assert alerting.last_evaluation(alert) == (slot, since)
    (transition,) = alerting.store.transitions.page(9)
    assert (transition.change.status, transition.change.at) == (Status.FIRING, since)


def test_a_late_evaluation_undoes_nothing_unless_the_clock_was_set_back(
    alerting: AlertingSetup,
) -> None:
    alert = alerting.store.alert(threshold=-1)
    alerting.evaluator.evaluate([alert.alert_id], AT)
    (evaluation,) = alerting.evaluator.evaluate([alert.alert_id], AT - timedelta(milliseconds=5))
    assert evaluation.at == AT
    (evaluation,) = alerting.evaluator.evaluate([alert.alert_id], AT - 2 * MINUTE)
    assert evaluation.at == AT - 2 * MINUTE, "the clock was set back"


def test_a_definition_is_not_evaluated_for_an_instant_before_its_change(
    alerting: AlertingSetup,
) -> None:
    alert = alerting.store.alert(threshold=-1)
    slot = next_slot(alert, AT)
    alerting.evaluator.evaluate([alert.alert_id], slot - timedelta(seconds=1))
    changed = slot + timedelta(seconds=3)
    draft = alerting.store.draft(threshold=-2)
    alerting.store.alerts.replace(alert.alert_id, draft, alerting.store.metric, changed)
    alerting.schedule.evaluate_due(slot + timedelta(seconds=9))
    changes = [each.change for each in reversed(alerting.store.transitions.page(9))]
    assert [change.status for change in changes] == [Status.FIRING, Status.OK, Status.FIRING]
    assert [change.at for change in changes[1:]] == [changed, changed]


def test_an_evaluation_delay_shifts_the_query_and_not_the_slot(alerting: AlertingSetup) -> None:
    alert = alerting.store.alert(threshold=-1, evaluationDelay="10m")
    slot = next_slot(alert, AT)
    alerting.schedule.evaluate_due(slot)
    (transition,) = alerting.store.transitions.page(9)
    assert transition.change.at == slot


def test_an_interaction_that_was_not_marked_is_appended_again_and_recorded_once(
    alerting: AlertingSetup, runtime: Runtime
) -> None:
    alert = alerting.store.alert(threshold=-1)
    alerting.evaluator.evaluate([alert.alert_id], AT)
    search = Search(resource_id=str(alert.alert_id))
    (before,) = runtime.history.page(search, 9, None).interactions
    with alerting.store.database.writing() as connection:
        connection.execute(update(transitions).values(is_recorded=False))
    alerting.recorder.record_pending()
    assert alerting.store.transitions.unrecorded(9) == []
    assert runtime.history.page(search, 9, None).interactions == [before]
    (transition,) = alerting.store.transitions.page(9)
    assert transition.interaction_id
    assert before.interaction_id == transition.interaction_id.bytes

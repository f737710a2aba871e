"""Slots that are taken, missed and not undone; transitions that are recorded once."""

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


class House:
    """A store of its own beside the runtime's engine, so that no scheduler is in between."""

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

    def standing_at(self, alert: Alert) -> tuple[datetime, datetime | None]:
        evaluation = self.store.evaluations.status(alert.alert_id)
        return evaluation.slot, evaluation.evaluated_at


@pytest.fixture
def house(runtime: Runtime, tmp_path: Path) -> Iterator[House]:
    with opened_store(tmp_path) as store:
        yield House(runtime, store)


def test_a_new_alert_waits_for_its_next_slot(house: House) -> None:
    alert = house.store.alert()
    house.schedule.evaluate_due(AT)
    assert house.standing_at(alert) == (slot_at(alert, AT), None)
    first = next_slot(alert, AT)
    assert house.schedule.next_after(AT) == first
    house.schedule.evaluate_due(first)
    assert house.standing_at(alert) == (first, first)
    assert house.schedule.missed == 0


def test_missed_slots_are_counted_and_not_made_up_for(house: House) -> None:
    alert = house.store.alert()
    late = slot_at(alert, AT) + 5 * MINUTE
    house.schedule.evaluate_due(late + timedelta(seconds=3))
    assert house.standing_at(alert) == (late, late)
    assert (house.schedule.missed, house.evaluator.evaluated) == (4, 1)
    house.schedule.evaluate_due(late + timedelta(seconds=9))
    assert (house.schedule.missed, house.evaluator.evaluated) == (4, 1)


def test_a_disabled_alert_has_no_slots_and_misses_none(house: House) -> None:
    alert = house.store.alert(enabled=False)
    house.schedule.evaluate_due(AT + 5 * MINUTE)
    assert house.evaluator.evaluated == 0
    assert house.schedule.next_after(AT) is None
    later = AT + 60 * MINUTE
    house.store.alerts.replace(alert.alert_id, house.store.draft(), house.store.metric, later)
    house.schedule.evaluate_due(later + MINUTE)
    assert (house.schedule.missed, house.evaluator.evaluated) == (0, 1)


def test_what_was_found_since_a_slot_is_not_undone_by_it(house: House) -> None:
    alert = house.store.alert(threshold=-1)
    slot = next_slot(alert, AT)
    since = slot + timedelta(seconds=3)
    house.evaluator.evaluate([alert.alert_id], since)
    house.schedule.evaluate_due(slot + timedelta(seconds=9))
    assert house.standing_at(alert) == (slot, since)
    (told,) = house.store.transitions.page(9)
    assert (told.change.status, told.change.at) == (Status.FIRING, since)


def test_whoever_comes_late_undoes_nothing(house: House) -> None:
    alert = house.store.alert(threshold=-1)
    house.evaluator.evaluate([alert.alert_id], AT)
    (found,) = house.evaluator.evaluate([alert.alert_id], AT - timedelta(milliseconds=5))
    assert found.at == AT
    (found,) = house.evaluator.evaluate([alert.alert_id], AT - 2 * MINUTE)
    assert found.at == AT - 2 * MINUTE, "the clock was set back"


def test_a_definition_is_not_judged_before_it_was_made(house: House) -> None:
    alert = house.store.alert(threshold=-1)
    slot = next_slot(alert, AT)
    house.evaluator.evaluate([alert.alert_id], slot - timedelta(seconds=1))
    changed = slot + timedelta(seconds=3)
    draft = house.store.draft(threshold=-2)
    house.store.alerts.replace(alert.alert_id, draft, house.store.metric, changed)
    house.schedule.evaluate_due(slot + timedelta(seconds=9))
    told = [one.change for one in reversed(house.store.transitions.page(9))]
    assert [one.status for one in told] == [Status.FIRING, Status.OK, Status.FIRING]
    assert [one.at for one in told[1:]] == [changed, changed]


def test_a_delay_asks_for_earlier_and_judges_at_the_slot(house: House) -> None:
    alert = house.store.alert(threshold=-1, evaluationDelay="10m")
    slot = next_slot(alert, AT)
    house.schedule.evaluate_due(slot)
    (told,) = house.store.transitions.page(9)
    assert told.change.at == slot


def test_an_interaction_that_was_not_marked_is_appended_again_and_recorded_once(
    house: House, runtime: Runtime
) -> None:
    alert = house.store.alert(threshold=-1)
    house.evaluator.evaluate([alert.alert_id], AT)
    search = Search(resource_id=str(alert.alert_id))
    (before,) = runtime.history.page(search, 9, None).interactions
    with house.store.database.writing() as connection:
        connection.execute(update(transitions).values(is_recorded=False))
    house.recorder.record_pending()
    assert house.store.transitions.unrecorded(9) == []
    assert runtime.history.page(search, 9, None).interactions == [before]
    (told,) = house.store.transitions.page(9)
    assert told.interaction_id
    assert before.interaction_id == told.interaction_id.bytes

"""Alerts, their states and transitions, on a real SQLite."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from support.alerting import AT, Store, opened_store
from tocsin.errors import Conflict, NotFound
from tocsin.model.alerts.alert import Alert, GuardReading
from tocsin.model.alerts.evaluation import EvaluationResult
from tocsin.model.alerts.pages import AlertPages
from tocsin.model.alerts.state import AlertState, Reason, Sides, StateChange, Status
from tocsin.model.alerts.transition import Transition
from tocsin.model.interactions.catalog import EntryDraft, Kind, system_id
from tocsin.model.metrics.draft import read_metric

LATER = AT + timedelta(minutes=1)
RATIO = {
    "name": "share",
    "metricType": "RATIO",
    "numerator": {"metricType": "COUNT"},
    "denominator": {"metricType": "COUNT"},
}
FIRED = StateChange(Status.FIRING, Reason.THRESHOLD, LATER, 11, {"a": None}, LATER)
STATE = AlertState(Status.FIRING, LATER, 11, {"a": None})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened_store(tmp_path) as opened:
        yield opened


def result(store: Store, alert: Alert, version: int = 0, **members: Any) -> EvaluationResult:
    transitions = [Transition.of(FIRED, alert, store.metric)]
    given = {"states": {(None,): STATE}, "transitions": transitions, **members}
    return EvaluationResult(alert, LATER, version, 1.5, **given)


def fire(store: Store, alert: Alert) -> Transition:
    version = store.evaluations.stored_states([alert.alert_id])[alert.alert_id].version
    fired = result(store, alert, version)
    assert store.evaluations.save([fired], None) == {alert.alert_id}
    return fired.transitions[0]


def changes(store: Store) -> list[StateChange]:
    return [transition.change for transition in store.transitions.page(100)]


def guard(store: Store) -> dict[str, Any]:
    return {"metricId": str(store.metric.metric_id), "operator": "gte", "threshold": 50}


@pytest.mark.parametrize("length", [1_000, 2_000, 100_000])
def test_a_group_may_have_texts_of_any_length(store: Store, length: int) -> None:
    random = Random(length)
    texts = ["".join(chr(random.randrange(32, 0x3000)) for _ in range(length)) for _ in "ab"]
    # One character distinguishes the third from the first.
    groups: list[dict[str, str | None]] = [{"a": text} for text in (*texts, texts[0] + "!")]
    states = {(group["a"],): AlertState(Status.FIRING, LATER, 11, group) for group in groups}
    alert = store.alert()
    for version in range(2):
        saved = result(store, alert, version, states=states, transitions=[])
        assert store.evaluations.save([saved], None) == {alert.alert_id}
        assert store.evaluations.stored_states([alert.alert_id])[alert.alert_id].states == states
    gone = result(store, alert, 2, states={(texts[0],): None}, transitions=[])
    store.evaluations.save([gone], None)
    left = store.evaluations.stored_states([alert.alert_id])[alert.alert_id].states
    assert left.keys() == states.keys() - {(texts[0],)}


def test_an_alert_is_the_same_after_a_restart(store: Store) -> None:
    alert = store.alert(
        **{
            "description": "d",
            "runbookUrl": "https://example.org/runbook",
            "labels": {"team": "über", "": ""},
            "for": "90s",
            "keepFiringFor": "5m",
            "recoveryThreshold": 9.5,
            "severity": "critical",
            "interval": "10s",
            "evaluationDelay": "30s",
            "enabled": False,
            "noData": "keep",
            "onlyWhen": [guard(store), guard(store) | {"operator": "lt", "threshold": 0.5}],
        }
    )
    assert len(alert.only_when) == 2
    store.restart()
    assert store.alerts.all() == [alert]
    assert store.alerts.get(alert.alert_id) == alert


def test_states_and_transitions_are_the_same_after_a_restart(store: Store) -> None:
    alert = store.alert()
    transition = fire(store, alert)
    store.restart()
    assert store.evaluations.stored_states([alert.alert_id])[alert.alert_id].states == {
        (None,): STATE
    }
    (stored,) = store.transitions.page(10)
    assert stored.change == transition.change
    assert (stored.alert, stored.metric) == (transition.alert, transition.metric)
    assert stored.interaction() == transition.interaction()


@pytest.mark.parametrize("sides", [(7, 9), (0.5, None), (None, 0)])
def test_the_sides_of_a_ratio_are_the_same_after_a_restart(store: Store, sides: Sides) -> None:
    metric = store.metrics.create(*read_metric(RATIO, store.catalog), AT)
    alert = store.alert(metricId=str(metric.metric_id))
    transition = Transition.of(replace(FIRED, sides=sides), alert, metric)
    store.evaluations.save([result(store, alert, transitions=[transition])], None)
    store.restart()
    assert changes(store) == [transition.change]


def test_the_values_of_guards_are_the_same_after_a_restart(store: Store) -> None:
    alert = store.alert(onlyWhen=[guard(store), guard(store)])
    readings = tuple(
        GuardReading(each, "watched", value)
        for each, value in zip(alert.only_when, (51.5, None), strict=True)
    )
    transition = Transition.of(replace(FIRED, guards=readings), alert, store.metric)
    store.evaluations.save([result(store, alert, transitions=[transition])], None)
    store.restart()
    (stored,) = store.transitions.page(10)
    assert stored.change == transition.change
    assert stored.interaction() == transition.interaction()


def test_a_metric_that_is_deleted_meanwhile_cannot_become_a_guard(store: Store) -> None:
    draft, question = read_metric({"name": "gone", "metricType": "COUNT"}, store.catalog)
    gone = store.metrics.create(draft, question, AT)
    guarding = guard(store) | {"metricId": str(gone.metric_id)}
    late = store.draft(onlyWhen=[guarding])
    store.metrics.delete(gone.metric_id, AT)
    with pytest.raises(Conflict):
        store.alerts.create(late, AT)
    assert store.alerts.all() == []


def test_the_second_result_for_a_version_is_not_saved(store: Store) -> None:
    alert, other = store.alert(), store.alert()
    both = [result(store, alert), result(store, other)]
    assert store.evaluations.save([result(store, other)], LATER) == {other.alert_id}
    assert store.evaluations.save(both, LATER) == {alert.alert_id}
    assert store.evaluations.save(both, LATER) == set()
    assert len(changes(store)) == 2
    assert len(store.outbox.enqueued) == 2


def test_a_definition_that_changes_meanwhile_makes_an_evaluation_void(store: Store) -> None:
    alert = store.alert()
    store.alerts.replace(alert.alert_id, store.draft(title="other"), store.metric, LATER)
    assert store.evaluations.save([result(store, alert)], LATER) == set()
    assert changes(store) == []


def test_a_failure_is_saved_as_health_and_deletes_no_state(store: Store) -> None:
    alert = store.alert()
    fire(store, alert)
    failed = result(store, alert, 1, error="engine down", states={}, transitions=[])
    store.evaluations.save([failed], LATER)
    evaluation = store.evaluations.status(alert.alert_id)
    assert (evaluation.health, evaluation.error) == ("ERROR", "engine down")
    assert (evaluation.slot, evaluation.evaluated_at, evaluation.elapsed_ms) == (LATER, LATER, 1.5)
    assert store.evaluations.stored_states([alert.alert_id])[alert.alert_id].states
    assert store.evaluations.statuses() == {alert.alert_id: evaluation}


def test_the_delivery_of_a_transition_is_enqueued_with_it_and_its_alert(
    store: Store,
) -> None:
    alert = store.alert(labels={"team": "shop"})
    transition = fire(store, alert)
    ((interaction, enqueued_for),) = store.outbox.enqueued
    assert interaction == transition.interaction()
    assert interaction.has_deliveries
    assert enqueued_for == alert


def test_a_transition_without_an_action_writes_no_interaction(store: Store) -> None:
    alert = store.alert(recoveryAction=None)
    fire(store, alert)
    store.alerts.delete(alert.alert_id, store.metric, LATER)
    unrecorded = store.transitions.unrecorded(10)
    assert [each.change.status for each in unrecorded] == [Status.FIRING]
    assert len(store.outbox.enqueued) == 1


def test_transitions_are_unrecorded_until_they_are_marked(store: Store) -> None:
    fired = [fire(store, store.alert()) for _ in range(3)]
    ids = [transition.transition_id for transition in fired]
    assert [each.transition_id for each in store.transitions.unrecorded(2)] == ids[:2]
    store.transitions.mark_recorded(ids[:2])
    store.restart()
    assert [each.transition_id for each in store.transitions.unrecorded(9)] == ids[2:]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"threshold": 11}, Reason.CHANGED),
        ({"operator": "gte"}, Reason.CHANGED),
        ({"enabled": False}, Reason.DISABLED),
        ({"enabled": False, "threshold": 11}, Reason.DISABLED),
    ],
)
def test_firing_groups_are_resolved_if_the_alert_measures_something_else_or_is_disabled(
    store: Store, members: dict[str, Any], reason: Reason
) -> None:
    alert = store.alert()
    fire(store, alert)
    store.alerts.replace(alert.alert_id, store.draft(**members), store.metric, LATER)
    assert store.evaluations.stored_states([alert.alert_id])[alert.alert_id].states == {}
    resolved, fired = store.transitions.page(10)
    assert resolved.change == StateChange(Status.OK, reason, LATER, 11, {"a": None}, LATER)
    assert resolved.alert == fired.alert == alert


def test_other_changes_leave_firing_groups(store: Store) -> None:
    alert = store.alert()
    fire(store, alert)
    members = {"title": "other", "for": "5m", "labels": {"a": "b"}, "severity": "info"}
    store.alerts.replace(alert.alert_id, store.draft(**members), store.metric, LATER)
    assert len(changes(store)) == 1
    assert store.evaluations.stored_states([alert.alert_id])[alert.alert_id].states == {
        (None,): STATE
    }


def test_another_question_of_the_metric_resolves_firing_groups(store: Store) -> None:
    alert = store.alert()
    fire(store, alert)
    id = store.metric.metric_id
    same, question = read_metric({"name": "renamed", "metricType": "COUNT"}, store.catalog)
    store.metrics.replace(id, same, question, LATER, store.alerts)
    assert len(changes(store)) == 1
    body = {"name": "renamed", "metricType": "COUNT", "timeWindow": "5m"}
    store.metrics.replace(id, *read_metric(body, store.catalog), LATER, store.alerts)
    assert [change.reason for change in changes(store)] == [Reason.CHANGED, Reason.THRESHOLD]


def test_deleting_an_alert_resolves_firing_groups_and_keeps_its_transitions(store: Store) -> None:
    alert = store.alert()
    fire(store, alert)
    store.alerts.delete(alert.alert_id, store.metric, LATER)
    assert [change.reason for change in changes(store)] == [Reason.DISABLED, Reason.THRESHOLD]
    assert store.evaluations.statuses() == {}
    for read in (store.alerts.get, store.evaluations.status):
        with pytest.raises(NotFound):
            read(alert.alert_id)


def test_a_metric_or_entry_that_an_alert_uses_cannot_be_deleted(store: Store) -> None:
    entries = {
        kind: store.catalog.create(kind, EntryDraft(mnemonic="USED", title="u"), AT)
        for kind in (Kind.ACTION, Kind.RESOURCE_TYPE)
    }
    used = {"alertAction": "USED", "recoveryAction": "fired", "resourceType": "USED"}
    store.alert(title="the watcher", **used)
    with pytest.raises(Conflict, match="the watcher"):
        store.metrics.delete(store.metric.metric_id, AT)
    for kind, entry in entries.items():
        with pytest.raises(Conflict, match="the watcher"):
            store.catalog.delete(kind, entry.id, AT)


def test_pages_follow_each_other_by_instant_and_number(store: Store) -> None:
    alert, other = store.alert(), store.alert()
    fired = [fire(store, alert), fire(store, other), fire(store, alert)]
    ids = [transition.transition_id for transition in reversed(fired)]
    first = store.transitions.page(2)
    assert [each.transition_id for each in first] == ids[:2]
    after = (first[-1].change.at, first[-1].number)
    assert [each.transition_id for each in store.transitions.page(2, after)] == ids[2:]
    assert len(store.transitions.page(9, alert_id=alert.alert_id)) == 2
    assert len(store.transitions.page(9, start=LATER)) == 3
    assert store.transitions.page(9, to=LATER) == []
    assert store.transitions.page(9, alert_id=uuid4()) == []


def test_the_interaction_of_a_transition_has_the_members_of_alerts_md(store: Store) -> None:
    alert = store.alert()
    transition = fire(store, alert)
    interaction = transition.interaction()
    assert interaction
    assert interaction.resource_id == str(alert.alert_id)
    assert interaction.resource_type_id == system_id(Kind.RESOURCE_TYPE, "ALERT").bytes
    assert interaction.origin_id == system_id(Kind.ORIGIN, "METRIC_EVAL").bytes
    assert interaction.uow_id is None
    instant = "2026-03-20T14:01:00.000Z"
    assert interaction.external_reference == f"alert-{alert.alert_id}-firing-{instant}"
    assert interaction.leafless_objects == ["interaction.dimensions"]


def test_firing_and_recovery_carry_the_details_and_the_address_of_the_alert(store: Store) -> None:
    details = {
        "description": "Someone tries passwords.",
        "labels": {"team": "identity"},
        "runbookUrl": "https://runbooks.example/logins",
    }
    alert = store.alert(**details, recoveryAction="recovered")
    pages = AlertPages("https://tocsin.example/x")
    recovered = replace(FIRED, status=Status.OK, reason=Reason.RECOVERED)
    for change in (FIRED, recovered):
        interaction = Transition.of(change, alert, store.metric).interaction(pages)
        assert interaction
        payload = json.loads(interaction.payload)
        url = f"https://tocsin.example/x/web/alerts/{alert.alert_id}"
        assert payload == payload | details | {"url": url}


def test_without_a_base_url_and_details_the_payload_lacks_them(store: Store) -> None:
    interaction = fire(store, store.alert()).interaction()
    assert interaction
    absent = {"description", "labels", "runbookUrl", "url", "unit", "guards", "numerator"}
    assert not absent & json.loads(interaction.payload).keys()

"""A store of a former version keeps its definitions and its deliveries with their ids."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from support.databases import embedded_only
from support.delivery_harness import DeliveryHarness
from tocsin.access.definition_history import DefinitionHistory
from tocsin.model.alerts.state import Reason, StateChange, Status
from tocsin.model.alerts.transition import Transition
from tocsin.model.audit.entry import AuditSubject
from tocsin.model.notifications.delivery import DeliveryStatus
from tocsin.model.notifications.transition_content import read_transition
from tocsin.store.alerts import Alerts
from tocsin.store.audit import AuditTrail
from tocsin.store.evaluations import Evaluations
from tocsin.store.incident_history import IncidentHistory
from tocsin.store.keys import Keys
from tocsin.store.metrics import Metrics
from tocsin.store.transitions import Transitions

pytestmark = embedded_only

# Written by the code at revision 0009: an alert with two firing groups, of which one recovered, a
# subscription to each of its actions, and their deliveries.
FORMER = Path(__file__).with_name("former_store.sql")


class Former:
    def __init__(self, folder: Path) -> None:
        with closing(sqlite3.connect(folder / "store.sqlite")) as file:
            file.executescript(FORMER.read_text(encoding="utf-8"))
            query = "SELECT delivery_id, interaction_id, subscription_id, status FROM deliveries"
            self.deliveries = {row[0]: row for row in file.execute(query)}
        self.harness = DeliveryHarness(folder)
        database = self.harness.database
        self.metrics = Metrics(database)
        self.transitions = Transitions(database, self.harness.deliveries)
        self.alerts = Alerts(database, Evaluations(database, self.transitions))

    @property
    def stored(self) -> dict[str, tuple[Any, ...]]:
        """The deliveries by id, with the columns of `deliveries`."""
        return {
            each.delivery_id.hex: (
                *(each.delivery_id.hex, each.interaction_id.hex, each.subscription_id.hex),
                each.status.value,
            )
            for each in self.harness.all()
        }


@pytest.fixture
def former(tmp_path: Path) -> Iterator[Former]:
    opened = Former(tmp_path)
    yield opened
    opened.harness.close()


def test_definitions_of_a_former_version_have_no_key(former: Former) -> None:
    metrics, alerts = former.metrics.all(), former.alerts.all()
    assert metrics
    assert alerts
    assert {each.key for each in metrics} == {each.key for each in alerts} == {None}


def test_histories_of_a_former_version_begin_with_the_present_definitions(former: Former) -> None:
    trail = AuditTrail(former.harness.database)
    history = DefinitionHistory(trail, former.metrics, former.alerts)
    (alert,) = former.alerts.all()
    (version,), _ = history.page(AuditSubject.ALERT, alert.alert_id, 10)
    assert (version.at, version.name) == (None, alert.title)
    for metric in former.metrics.all():
        (version,), _ = history.page(AuditSubject.METRIC, metric.metric_id, 10)
        assert version.definition is not None
        assert version.definition["metricType"] == metric.question.aggregation


def test_deliveries_of_a_former_version_keep_their_ids(former: Former) -> None:
    assert len(former.deliveries) == 3
    assert former.stored == former.deliveries


def test_a_transition_of_a_former_version_is_delivered_once(former: Former) -> None:
    harness = former.harness
    for transition in former.transitions.page(10):
        interaction = transition.interaction()
        assert interaction
        with harness.database.writing() as connection:
            harness.deliveries.enqueue(connection, [interaction], harness.now(), transition.alert)
    assert former.stored == former.deliveries


def test_pagerduty_gets_the_transitions_of_a_group_from_before_and_after_the_migration(
    former: Former,
) -> None:
    harness = former.harness
    recovery, us, za = former.transitions.page(10)
    at = recovery.change.at + timedelta(minutes=1)
    again = StateChange(Status.FIRING, Reason.THRESHOLD, at, 40, za.change.dimensions, at)
    with harness.database.writing() as connection:
        new = Transition.of(again, za.alert, za.metric)
        former.transitions.insert(connection, [new])
    history = IncidentHistory(harness.database)
    for transition, expected in (
        (za, [True, False, True]),
        (us, [True]),
        (new, [True, False, True]),
    ):
        delivery = next(
            each for each in harness.all() if each.interaction_id == transition.interaction_id
        )
        payload = read_transition(msgspec.json.decode(delivery.snapshot))
        assert payload
        events = history.events(payload, delivery.delivery_id)
        assert [event.is_firing for event in events] == expected


def test_a_key_of_a_former_version_never_expires(former: Former) -> None:
    database = former.harness.database
    key = (uuid4().hex, "old", "read", "tsn_read_0", "0" * 64, False, "2026-01-01T00:00:00.000Z")
    with database.writing() as connection:
        columns = "key_id, name, role, prefix, hash, from_environment, created_date"
        marks = ", ".join("?" * len(key))
        connection.exec_driver_sql(f"INSERT INTO keys ({columns}) VALUES ({marks})", key)
    (stored,) = Keys(database).all()
    assert (stored.expires_at, stored.former_ends) == (None, ())


def test_subscriptions_and_alerts_of_a_former_version_have_no_new_members(former: Former) -> None:
    (alert,) = former.alerts.all()
    assert alert.channel_ids == ()
    assert [each.filters for each in former.harness.subscriptions.all()] == [(), ()]


def test_a_subscription_of_a_former_version_still_gets_every_transition(former: Former) -> None:
    (alert,) = former.alerts.all()
    metric = former.metrics.get(alert.metric_id)
    former.alerts.delete(alert.alert_id, metric, former.harness.now())
    assert former.transitions.page(1)[0].change.reason is Reason.DISABLED
    new = [each for each in former.harness.all() if each.delivery_id.hex not in former.deliveries]
    assert [each.status for each in new] == [DeliveryStatus.PENDING]


def test_a_silence_of_a_former_version_silences_as_before(former: Former) -> None:
    (silence,) = former.harness.silences.all()
    assert (silence.severities, silence.match_all, silence.recurs) == ((), False, None)
    assert silence.labels == {"team": "search"}
    payload = {"alertId": str(uuid4()), "severity": "critical", "dimensions": {}}
    matching = [
        former.harness.silences.matching(payload, labels, silence.start)
        for labels in ({"team": "search"}, {"team": "a"})
    ]
    assert matching == [silence.silence_id, None]
    assert silence.window_at(silence.to or silence.start) is None

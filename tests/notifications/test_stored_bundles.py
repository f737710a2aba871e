"""Bundles and reminders as the store and the bundler make them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from support.bundle_minutes import TABLES
from support.bundle_tables import DAY, DIMENSION, alert_id, group_name, read_table
from support.bundle_world import BundleWorld, bundle_world, line_of, members_of, play
from tocsin.model.notifications.bundles import GroupTransition
from tocsin.model.notifications.delivery import DeliveryStatus
from tocsin.model.notifications.outcome import outcome_interaction
from tocsin.model.severity import Severity
from tocsin.store.restored_deliveries import end_unsent

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
AT = DAY + 10 * HOUR
LOGINS = alert_id("logins")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BundleWorld]:
    with bundle_world(tmp_path) as opened:
        opened.at = AT
        yield opened


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BundleWorld]:
    with bundle_world(tmp_path_factory.mktemp("tables")) as opened:
        yield opened


def fires(*names: str, at: datetime = AT, **members: Any) -> list[GroupTransition]:
    group_name_of_logins()
    members = {"severity": Severity.WARNING, "is_firing": True, **members}
    return [GroupTransition(at, LOGINS, dimensions={DIMENSION: name}, **members) for name in names]


def recovers(*names: str, at: datetime, **members: Any) -> list[GroupTransition]:
    return fires(*names, at=at, is_firing=False, **members)


def group_name_of_logins() -> None:
    """Lines of messages name the alert."""
    read_table("groupBy alert\n10:00:00 logins/ZA fires")
    assert group_name(LOGINS, {DIMENSION: "ZA"}) == "logins/ZA"


def payload(world: BundleWorld) -> dict[str, Any]:
    (delivery,) = world.all()
    content: dict[str, Any] = delivery.interaction["interaction"]
    return content


@pytest.mark.parametrize("name", TABLES)
def test_the_store_sends_the_messages_of_the_table(shared: BundleWorld, name: str) -> None:
    table = read_table(TABLES[name])
    shared.at = table.times[0]
    subscription = shared.subscribe(**members_of(table.grouping))
    play(shared, table)
    id = subscription.subscription_id
    sent = [line_of(each) for each in shared.all() if each.subscription_id == id]
    shared.subscriptions.delete(id, shared.at)
    assert sent == table.messages


def test_a_bundle_that_is_due_closes_before_a_later_transition_joins(world: BundleWorld) -> None:
    world.subscribe(groupBy="alert", groupWait="1m")
    world.happen(fires("ZA"))
    world.restart()
    world.happen(fires("US", at=AT + 5 * MINUTE))
    world.run(AT + 10 * MINUTE)
    assert world.lines() == [
        "10:01:00 | bundle: logins/ZA exceeded",
        "10:06:00 | bundle: logins/US exceeded",
    ]


def test_reminders_that_were_missed_are_sent_once(world: BundleWorld) -> None:
    world.subscribe(groupBy="alert", groupWait="1m", repeatEvery="1h")
    world.happen(fires("ZA"))
    world.run(AT + MINUTE)
    world.restart()
    world.run(AT + 5 * HOUR + 30 * MINUTE)
    world.run(AT + 6 * HOUR + MINUTE)
    assert world.lines()[1:] == [
        "15:01:00 | reminder: logins/ZA exceeded",
        "16:01:00 | reminder: logins/ZA exceeded",
    ]


def test_the_ids_follow_from_subscription_key_and_opening_time(world: BundleWorld) -> None:
    subscriptions = [world.subscribe(groupBy="alert", groupWait="1m") for _ in range(2)]
    for start in (AT, AT + HOUR):
        world.happen(fires("ZA", at=start))
        world.run(start + MINUTE)
        world.happen(recovers("ZA", at=start + 2 * MINUTE))
        world.run(start + 3 * MINUTE)
    sent = world.all()
    assert len(sent) == len({each.delivery_id for each in sent}) == 8
    assert {each.subscription_id for each in sent} == {s.subscription_id for s in subscriptions}


def test_a_node_that_is_not_the_leader_closes_nothing(world: BundleWorld) -> None:
    world.subscribe(groupBy="alert")
    world.happen(fires("ZA"))
    world.leadership.is_leader = False
    world.run(AT + HOUR)
    assert world.lines() == []
    world.leadership.is_leader = True
    world.run()
    assert world.lines() == ["10:00:30 | bundle: logins/ZA exceeded"]


def test_a_message_names_twenty_groups_and_counts_all(world: BundleWorld) -> None:
    world.subscribe(groupBy="alert", groupWait="1m")
    names = [f"n{number:02}" for number in range(30)]
    world.happen(fires(*names))
    world.happen(recovers("n00", "n01", at=AT + timedelta(seconds=30)))
    world.happen(fires("worst", at=AT + timedelta(seconds=40), severity=Severity.CRITICAL))
    world.run(AT + MINUTE)
    sent = payload(world)
    assert len(sent["groups"]) == 20
    assert sent["groups"][0]["dimensions"] == {DIMENSION: "worst"}
    assert {group["status"] for group in sent["groups"]} == {"exceeded"}
    assert (sent["total"], sent["firing"]) == (31, 29)
    assert sent["counts"] == {"exceeded": 29, "recovered": 0, "both": 2}
    assert (sent["severity"], sent["status"]) == ("critical", "exceeded")
    assert sent["alertTitle"] == "an alert"
    assert sent["url"] == f"https://tocsin.example/web/alerts/{LOGINS}"
    assert sent["key"] == {"alertId": str(LOGINS)}


def test_a_bundle_is_skipped_and_a_reminder_omitted_while_the_channel_is_disabled(
    world: BundleWorld,
) -> None:
    world.subscribe(groupBy="alert", groupWait="1m", repeatEvery="1h")
    world.happen(fires("ZA"))
    world.channels.disable(world.channel.channel_id, "by hand", AT)
    world.run(AT + MINUTE)
    world.run(AT + 3 * HOUR)
    (skipped,) = world.all(None)
    assert (skipped.status, skipped.skip_reason) == (
        DeliveryStatus.SKIPPED,
        "The channel was disabled: by hand",
    )


def test_the_outcome_of_a_bundle_is_recorded_on_its_alert(world: BundleWorld) -> None:
    world.subscribe(groupBy=[], groupWait="1m")
    world.happen(fires("ZA"))
    world.run(AT + MINUTE)
    (delivery,) = world.all()
    outcome = outcome_interaction(delivery, world.channel)
    assert outcome["resourceId"] == str(LOGINS)
    assert UUID(outcome["resourceTypeId"])
    assert outcome["interaction"]["interactionId"] is None
    other = GroupTransition(AT + HOUR, alert_id("orders"), Severity.INFO, is_firing=True)
    world.happen([other])
    world.happen(fires("US", at=AT + HOUR))
    world.run(AT + 2 * HOUR)
    second = outcome_interaction(world.all()[1], world.channel)
    assert second["resourceId"] == str(delivery.subscription_id)


def test_a_bundle_beyond_the_limit_of_its_channel_is_dropped(tmp_path: Path) -> None:
    with bundle_world(tmp_path, limit=-999) as world:
        world.subscribe(groupBy=[DIMENSION], groupWait="1m")
        world.happen(fires("ZA", "US"))
        world.run(AT + MINUTE)
        assert len(world.all()) == 1
        assert world.dropped.total() == 1


def test_keys_that_are_idle_for_a_day_are_forgotten(world: BundleWorld) -> None:
    world.subscribe(groupBy=[DIMENSION], groupWait="1m")
    world.happen(fires("ZA", "US"))
    world.happen(recovers("US", at=AT))
    world.run(AT + MINUTE)
    assert world.bundles.forget_idle(AT + MINUTE) == 0
    assert world.bundles.forget_idle(AT + 2 * MINUTE) == 1
    world.happen(recovers("ZA", at=AT + HOUR))
    world.run(AT + 2 * HOUR)
    assert world.lines()[-1] == "11:01:00 | bundle: logins/ZA recovered"


def test_a_channel_that_the_alert_names_gets_nothing_beside_the_bundle(world: BundleWorld) -> None:
    world.subscribe(groupBy="alert", groupWait="1m")
    world.alert_channels = (world.channel.channel_id,)
    world.happen(fires("ZA"))
    world.run(AT + MINUTE)
    world.happen(recovers("ZA", at=AT + HOUR, is_matched=False))
    world.run(AT + 2 * HOUR)
    assert world.lines() == [
        "10:01:00 | bundle: logins/ZA exceeded",
        "11:01:00 | bundle: logins/ZA recovered",
    ]
    world.happen(recovers("ZA", at=AT + 2 * HOUR, is_matched=False))
    assert world.lines()[2:] == ["12:00:00 | single: logins/ZA recovered"]


def test_many_keys_close_in_several_transactions(tmp_path: Path) -> None:
    with bundle_world(tmp_path, limit=10_000) as world:
        world.subscribe(groupBy=[DIMENSION], groupWait="1m")
        world.happen(fires(*(f"n{number}" for number in range(250))))
        world.run(AT + MINUTE)
        assert len(world.all()) == len({each.delivery_id for each in world.all()}) == 250
        assert world.bundles.next_due() is None


def test_a_restored_store_sends_no_bundle_that_was_open(world: BundleWorld) -> None:
    world.subscribe(groupBy="alert", groupWait="1m", repeatEvery="1h")
    world.happen(fires("ZA"))
    world.run(AT + MINUTE)
    world.happen(fires("US", at=AT + 2 * MINUTE))
    end_unsent(world.database, "restored")
    world.restart()
    world.run(AT + 5 * HOUR)
    assert world.lines() == []
    world.happen(recovers("ZA", "US", at=AT + 6 * HOUR))
    world.run(AT + 7 * HOUR)
    assert world.lines() == ["16:01:00 | bundle: logins/US recovered, logins/ZA recovered"]

"""Bundles that are open while their subscription is changed or deleted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from support.bundle_tables import DAY, DIMENSION, alert_id, read_table
from support.bundle_world import BundleWorld, bundle_world
from tocsin.model.notifications.bundles import GroupTransition
from tocsin.model.notifications.subscription import Subscription
from tocsin.model.severity import Severity

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
AT = DAY + 10 * HOUR
GROUPED = {"groupBy": "alert", "groupWait": "10m", "repeatEvery": "1h"}
CLOSED = "10:05:00 | bundle: logins/US exceeded"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BundleWorld]:
    read_table("groupBy alert\n10:00:00 logins/ZA fires")
    with bundle_world(tmp_path) as opened:
        opened.at = AT
        yield opened


@pytest.fixture
def subscription(world: BundleWorld) -> Subscription:
    """ZA fires since before, and was reported; US is in the open bundle since 10:00."""
    subscription = world.subscribe(**GROUPED)
    world.happen([fires("ZA", -HOUR)])
    world.run(AT - 50 * MINUTE)
    world.happen([fires("US", timedelta(0))])
    world.run(AT + 5 * MINUTE)
    assert world.lines() == ["09:10:00 | bundle: logins/ZA exceeded"]
    return subscription


def fires(name: str, after: timedelta, **members: Any) -> GroupTransition:
    members = {"severity": Severity.WARNING, "is_firing": True, **members}
    return GroupTransition(AT + after, alert_id("logins"), dimensions={DIMENSION: name}, **members)


def lines_after(world: BundleWorld, until: timedelta) -> list[str]:
    """The messages of the next hours, with the recovery of everything after two hours."""
    for minutes in range(5, 120):
        world.run(AT + minutes * MINUTE)
    world.happen([fires(name, 2 * HOUR, is_firing=False) for name in ("ZA", "US")])
    world.run(AT + until)
    return world.lines()[1:]


def test_deleting_it_sends_the_open_bundle_immediately(
    world: BundleWorld, subscription: Subscription
) -> None:
    world.subscriptions.delete(subscription.subscription_id, world.at)
    assert world.lines()[1:] == [CLOSED]
    assert lines_after(world, 3 * HOUR) == [CLOSED]


def test_disabling_it_sends_the_open_bundle_and_ends_the_reminders(
    world: BundleWorld, subscription: Subscription
) -> None:
    world.change(subscription, **GROUPED, enabled=False)
    assert lines_after(world, 3 * HOUR) == [CLOSED]
    world.change(subscription, **GROUPED)
    world.happen([fires("UK", 3 * HOUR)])
    world.run(AT + 4 * HOUR)
    assert world.lines()[-1] == "13:10:00 | bundle: logins/UK exceeded"


def test_without_a_grouping_each_transition_is_sent_alone_from_then_on(
    world: BundleWorld, subscription: Subscription
) -> None:
    world.change(subscription)
    world.happen([fires("UK", 10 * MINUTE)])
    single = "10:10:00 | single: logins/UK exceeded"
    assert lines_after(world, HOUR)[:2] == [CLOSED, single]
    assert "reminder" not in " ".join(world.lines())


def test_groups_that_fire_get_new_keys_when_it_groups_by_something_else(
    world: BundleWorld, subscription: Subscription
) -> None:
    world.change(subscription, **{**GROUPED, "groupBy": [DIMENSION]})
    assert lines_after(world, 3 * HOUR) == [
        CLOSED,
        "11:05:00 | reminder: logins/ZA exceeded",
        "11:05:00 | reminder: logins/US exceeded",
        "12:10:00 | bundle: logins/ZA recovered",
        "12:10:00 | bundle: logins/US recovered",
    ]


def test_a_new_interval_of_reminders_counts_from_the_change(
    world: BundleWorld, subscription: Subscription
) -> None:
    world.change(subscription, **{**GROUPED, "repeatEvery": "90m"})
    assert lines_after(world, 3 * HOUR) == [
        "10:10:00 | bundle: logins/US exceeded",
        "11:35:00 | reminder: logins/US exceeded, logins/ZA exceeded",
        "12:10:00 | bundle: logins/US recovered, logins/ZA recovered",
    ]
    world.change(subscription, **{**GROUPED, "repeatEvery": None})
    world.happen([fires("UK", 3 * HOUR)])
    world.run(AT + 9 * HOUR)
    assert world.lines()[-1] == "13:10:00 | bundle: logins/UK exceeded"


def test_a_new_wait_applies_to_the_next_bundle(
    world: BundleWorld, subscription: Subscription
) -> None:
    world.change(subscription, **{**GROUPED, "groupWait": "1m", "repeatEvery": "2h"})
    world.happen([fires("UK", 20 * MINUTE)])
    assert lines_after(world, 3 * HOUR)[:2] == [
        "10:10:00 | bundle: logins/US exceeded",
        "10:21:00 | bundle: logins/UK exceeded",
    ]


def test_an_open_bundle_is_sent_as_the_subscription_is_when_it_closes(
    world: BundleWorld, subscription: Subscription
) -> None:
    world.change(subscription, **GROUPED, template={"title": "{{ interaction.total }} groups"})
    world.run(AT + 10 * MINUTE)
    assert world.all()[-1].template.title == "{{ interaction.total }} groups"

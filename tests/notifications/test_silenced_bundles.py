"""Bundles leave out what is silenced when they close, and report it when the silence ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from support.bundle_tables import DAY, DIMENSION, alert_id, read_table
from support.bundle_world import BundleWorld, bundle_world
from tocsin.model.notifications.bundles import GroupTransition
from tocsin.model.notifications.delivery import DeliveryStatus
from tocsin.model.severity import Severity

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
AT = DAY + 10 * HOUR
LOGINS = alert_id("logins")
SILENCED = DeliveryStatus.SILENCED


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BundleWorld]:
    read_table("groupBy alert\n10:00:00 logins/ZA fires")
    with bundle_world(tmp_path) as opened:
        opened.at = AT
        opened.subscribe(groupBy="alert", groupWait="1m", repeatEvery="1h")
        yield opened


def happens(name: str, after: timedelta = timedelta(0), **members: Any) -> GroupTransition:
    members = {"severity": Severity.WARNING, "is_firing": True, **members}
    return GroupTransition(AT + after, LOGINS, dimensions={DIMENSION: name}, **members)


def test_a_bundle_leaves_out_what_is_silenced_when_it_closes(world: BundleWorld) -> None:
    world.happen([happens("ZA"), happens("US"), happens("UK")])
    world.at = AT + 30 * timedelta(seconds=1)
    first = world.silence(matchAll=True, to=(AT + MINUTE).isoformat())
    second = world.silence(alertId=str(LOGINS), dimensions={DIMENSION: "ZA"})
    world.run(AT + MINUTE)
    assert world.lines() == ["10:01:00 | bundle: logins/UK exceeded, logins/US exceeded"]
    assert world.lines(SILENCED) == ["10:01:00 | bundle: logins/ZA exceeded"]
    held_back = world.deliveries.page(10, silence_id=second.silence_id).deliveries
    assert [each.status for each in held_back] == [SILENCED]
    assert world.deliveries.page(10, silence_id=first.silence_id).deliveries == []


def test_reminders_leave_out_what_is_silenced(world: BundleWorld) -> None:
    world.happen([happens("ZA"), happens("US")])
    world.run(AT + MINUTE)
    world.silence(
        alertId=str(LOGINS), dimensions={DIMENSION: "ZA"}, to=(AT + 90 * MINUTE).isoformat()
    )
    world.run(AT + HOUR + MINUTE)
    world.run(AT + 2 * HOUR + MINUTE)
    assert world.lines()[1:] == [
        "11:01:00 | reminder: logins/US exceeded",
        "12:01:00 | reminder: logins/US exceeded, logins/ZA exceeded",
    ]
    assert world.lines(SILENCED) == []


def test_groups_that_fire_at_the_end_of_a_silence_are_in_a_bundle_then_once(
    world: BundleWorld,
) -> None:
    world.silence(matchAll=True, to=(AT + 10 * MINUTE).isoformat())
    world.happen([happens("ZA"), happens("US"), happens("UK")])
    world.run(AT + MINUTE)
    world.happen([happens("US", 5 * MINUTE, is_firing=False)])
    world.run(AT + 6 * MINUTE)
    assert world.lines() == []
    world.restart()
    for minutes in range(7, 20):
        world.run(AT + minutes * MINUTE)
    assert world.lines() == ["10:11:00 | bundle: logins/UK exceeded, logins/ZA exceeded"]
    assert world.lines(SILENCED) == [
        "10:01:00 | bundle: logins/UK exceeded, logins/US exceeded, logins/ZA exceeded",
        "10:06:00 | bundle: logins/US recovered",
    ]


def test_groups_that_another_silence_matches_wait_for_its_end(world: BundleWorld) -> None:
    world.silence(matchAll=True, to=(AT + 10 * MINUTE).isoformat())
    world.silence(
        alertId=str(LOGINS), dimensions={DIMENSION: "ZA"}, to=(AT + 20 * MINUTE).isoformat()
    )
    world.happen([happens("ZA"), happens("US")])
    for minutes in range(1, 30):
        world.run(AT + minutes * MINUTE)
    assert world.lines() == [
        "10:11:00 | bundle: logins/US exceeded",
        "10:21:00 | bundle: logins/ZA exceeded",
    ]


def test_deleting_a_silence_ends_it(world: BundleWorld) -> None:
    silence = world.silence(matchAll=True)
    world.happen([happens("ZA")])
    world.run(AT + MINUTE)
    world.silences.delete(silence.silence_id, AT)
    world.run(AT + 2 * MINUTE)
    world.run(AT + 3 * MINUTE)
    assert world.lines() == ["10:03:00 | bundle: logins/ZA exceeded"]


def test_a_severity_that_is_not_held_is_silenced_alone(world: BundleWorld) -> None:
    world.subscriptions.delete(world.subscriptions.all()[0].subscription_id, AT)
    world.subscribe(groupBy="alert", immediately=["critical"])
    world.silence(matchAll=True)
    world.happen([happens("ZA", severity=Severity.CRITICAL)])
    assert world.lines(SILENCED) == ["10:00:00 | single: logins/ZA exceeded"]

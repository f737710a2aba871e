"""Random transitions, waits, restarts and a late worker, against the reference."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from support.bundle_reference import BundleReference, Message
from support.bundle_tables import DAY, DIMENSION, alert_id
from support.bundle_world import BundleWorld, bundle_world, members_of
from tocsin.model.duration import Duration
from tocsin.model.notifications.bundle_payload import BundleKind
from tocsin.model.notifications.bundles import GroupTransition
from tocsin.model.notifications.delivery import Delivery
from tocsin.model.notifications.grouping import BundleKey, Grouping
from tocsin.model.notifications.planned_messages import planned_messages
from tocsin.model.severity import Severity

NAMES = ("a", "b", "c")
ALERTS = ("one", "two")
GROUPINGS = [
    Grouping(by="alert", wait=Duration(30, "s"), repeat=Duration(1, "h")),
    Grouping(by=(), wait=Duration(15, "m"), repeat=Duration(1, "h")),
    Grouping(by=("labels.team",), wait=Duration(1, "s"), immediately=(Severity.CRITICAL,)),
    Grouping(
        by=("labels.team", DIMENSION),
        wait=Duration(5, "m"),
        repeat=Duration(2, "h"),
        immediately=(Severity.CRITICAL, Severity.INFO),
    ),
]


class Steps:
    """Occurrences at growing times. A group fires and recovers in turn."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.at = DAY
        self._fires = {(alert, name): False for alert in ALERTS for name in NAMES}

    def wait(self) -> datetime:
        seconds = self.random.choice([1, 1, 7, 30, 30, 60, 300, 900, 3_600, 10_800])
        self.at += timedelta(seconds=seconds)
        return self.at

    def next(self) -> list[GroupTransition]:
        """Transitions of one alert."""
        alert = self.random.choice(ALERTS)
        names = self.random.sample(NAMES, self.random.randint(1, len(NAMES)))
        return [self._occurrence(alert, name) for name in names]

    def _occurrence(self, alert: str, name: str) -> GroupTransition:
        fires = self._fires[alert, name] = not self._fires[alert, name]
        return GroupTransition(
            at=self.at,
            alert_id=alert_id(alert),
            severity=self.random.choice([Severity.WARNING, Severity.WARNING, *Severity]),
            is_firing=fires,
            dimensions={DIMENSION: name},
            labels={"team": self.random.choice("xy")},
            is_matched=self.random.random() < 0.9,
            is_written=fires or self.random.random() < 0.8,
        )


def sent(delivery: Delivery) -> Message:
    payload = delivery.interaction["interaction"]
    kind = payload.get("kind", "single")
    groups = payload.get("groups", [payload])
    named = {
        ((alert_id(alert), tuple(group["dimensions"].values())), group["status"])
        for group in groups
        for alert in ALERTS
        if str(alert_id(alert)) == group["alertId"]
    }
    key: BundleKey = ()
    if kind in list(BundleKind):
        key = tuple(payload["key"].values())
    return kind, delivery.created_date, key, frozenset(named)


def without_keys_of_singles(messages: list[Message]) -> list[Message]:
    """Sorted. The message of a single transition has no key."""
    keyless = [(m[0], m[1], () if m[0] == "single" else m[2], m[3]) for m in messages]
    return sorted(keyless, key=lambda m: (m[1], m[0], str(m[2]), str(sorted(m[3]))))


@pytest.mark.parametrize("grouping", GROUPINGS, ids=lambda each: str(each.by))
def test_planned_messages_are_those_of_the_reference(grouping: Grouping) -> None:
    for seed in range(10):
        steps, reference = Steps(Random(seed)), BundleReference(grouping)
        occurrences: list[GroupTransition] = []
        for _ in range(100):
            reference.advance(steps.wait())
            evaluation = steps.next()
            reference.happen(evaluation)
            occurrences += evaluation
        until = steps.at + timedelta(days=1)
        reference.advance(until)
        planned = [
            (
                each.kind.value,
                each.at,
                each.key,
                frozenset((g, o.value) for g, o in each.groups.items()),
            )
            for each in planned_messages(grouping, occurrences, until)
        ]
        expected = without_keys_of_singles(reference.messages)
        assert without_keys_of_singles(planned) == expected


def check_store(world: BundleWorld, grouping: Grouping, seed: int, count: int) -> None:
    """Compare the deliveries of a store with the reference, in rounds of 100 steps."""
    random = Random(seed)
    world.subscribe(**members_of(grouping))
    steps, reference = Steps(random), BundleReference(grouping)
    for step in range(count):
        at = steps.wait()
        event = random.random()
        if event < 0.7:
            occurrences = steps.next()
            reference.advance(at, is_late=True)
            world.happen(occurrences)
            reference.happen(occurrences)
        elif event < 0.95:
            reference.advance(at, is_late=True)
            world.run(at)
        else:
            world.restart()
        if step % 100 == 99 or step == count - 1:
            compare(world, reference)


def compare(world: BundleWorld, reference: BundleReference) -> None:
    """Compare what was sent since the last comparison, and forget it."""
    deliveries = world.all()
    messages = [sent(each) for each in deliveries]
    expected = without_keys_of_singles(reference.messages)
    assert without_keys_of_singles(messages) == expected
    reference.messages.clear()
    world.forget_deliveries()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BundleWorld]:
    with bundle_world(tmp_path, limit=100_000) as opened:
        yield opened


@pytest.mark.parametrize("grouping", GROUPINGS, ids=lambda each: str(each.by))
def test_the_store_sends_what_the_reference_demands(world: BundleWorld, grouping: Grouping) -> None:
    check_store(world, grouping, seed=1, count=100)


@pytest.mark.long
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("seed", range(2, 12))
@pytest.mark.parametrize("grouping", GROUPINGS, ids=lambda each: str(each.by))
def test_the_store_sends_what_the_reference_demands_for_long(
    world: BundleWorld, grouping: Grouping, seed: int
) -> None:
    check_store(world, grouping, seed=seed, count=2_500)

"""Random silences over groups that fire and recover, with restarts, against the reference."""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest

from support.silence_reference import Notification, Reference
from support.silenced_world import SilencedWorld, silenced_world
from support.wall_times import NAMES
from tocsin.model.alerts.alert import Alert
from tocsin.model.instant import parse_instant

GROUPS = ("a", "b", None)
# The clocks of Berlin and of Lord Howe change in the days that follow.
STARTS = [
    datetime(2026, 3, 27, 20, tzinfo=UTC),
    datetime(2026, 4, 3, 8, tzinfo=UTC),
    datetime(2026, 10, 2, 20, tzinfo=UTC),
    datetime(2026, 10, 23, 8, tzinfo=UTC),
]
ZONES = ("Europe/Berlin", "Australia/Lord_Howe", "UTC")
CLOCKS = ("00:00", "01:45", "02:00", "02:30", "09:00", "22:15")
LABELS: list[dict[str, str]] = [{"team": "a"}, {"team": "b"}, {}]
SEVERITIES = ("info", "warning", "critical")
CHECKED_EVERY = 20


class Walk:
    """A world and its reference, and random steps of both."""

    def __init__(self, world: SilencedWorld, random: Random) -> None:
        self.world = world
        self._random = random
        world.at = random.choice(STARTS)
        world.subscribe(world.channel())
        self._alerts = [
            world.alert(title=severity, severity=severity, labels=labels)
            for severity, labels in zip(SEVERITIES, LABELS, strict=True)
        ]
        facts = {alert.title: (alert.labels, alert.severity.value) for alert in self._alerts}
        self.reference = Reference(facts)

    def step(self) -> None:
        self.world.at += timedelta(seconds=self._random.choice([20, 60, 300, 900, 3_600]))
        move = self._random.choices(
            [self._evaluate, self._silence, self._change, self._delete, self.world.restart],
            [10, 3, 2, 2, 1],
        )[0]
        move()
        if self._random.random() < 0.7:
            self.world.run()
            self.reference.look(self.world.at)

    def check(self) -> None:
        """After the worker has run, both have notified of the same."""
        self.world.run()
        self.reference.look(self.world.at)
        pending = [each for each in self.world.all() if each.status == "pending"]
        payloads = [each.interaction["interaction"] for each in pending]
        assert Counter(map(notification_of, payloads)) == Counter(self.reference.notified)

    def _evaluate(self) -> None:
        alert = self._random.choice(self._alerts)
        names = {name for name in GROUPS if self._random.random() < 0.5}
        self.world.firing(alert, *names)
        self.reference.evaluate(alert.title, names, self.world.at)

    def _silence(self) -> None:
        if len(self.reference.silences) < 5:
            spec, body = self._drawn()
            self.reference.silences[self.world.silence(**body).silence_id] = spec

    def _change(self) -> None:
        if self.reference.silences:
            id = self._chosen()
            spec, body = self._drawn()
            self.world.change(self.world.silences.get(id), **body)
            self.reference.silences[id] = spec

    def _delete(self) -> None:
        if self.reference.silences:
            id = self._chosen()
            self.world.silences.delete(id, self.world.at)
            del self.reference.silences[id]

    def _chosen(self) -> UUID:
        id: UUID = self._random.choice(list(self.reference.silences))
        return id

    def _drawn(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """A silence as the reference has it, and as the store has it."""
        spec, body = self._matched()
        start = self.world.at + timedelta(minutes=self._random.choice([-30, 0, 0, 45]))
        times: dict[str, Any] = {"from": start.isoformat()}
        if self._random.random() < 0.5:
            length = timedelta(minutes=self._random.choice([50, 240, 900]))
            times["to"] = (start + length).isoformat()
        else:
            begin, end = self._random.sample(CLOCKS, 2)
            weekdays = self._random.choice([list(NAMES), ["saturday", "sunday"], ["friday"]])
            zone = self._random.choice(ZONES)
            recurs = {"weekdays": weekdays, "from": begin, "to": end, "timezone": zone}
            times["recurs"] = recurs
        return {**spec, **times}, {**body, **times}

    def _matched(self) -> tuple[dict[str, Any], dict[str, Any]]:
        alert: Alert = self._random.choice(self._alerts)
        name = self._random.choice(GROUPS)
        title, id = {"title": alert.title}, {"alertId": str(alert.alert_id)}
        severities = {"severities": self._random.sample(SEVERITIES, 2)}
        choices: list[tuple[dict[str, Any], dict[str, Any]]] = [
            ({}, {"matchAll": True}),
            (title, id),
            ({**title, "name": name}, {**id, "dimensions": {"userId": name}}),
            (severities, severities),
            ({"labels": {"team": "a"}}, {"labels": {"team": "a"}}),
        ]
        return self._random.choice(choices)


def notification_of(payload: dict[str, Any]) -> Notification:
    group = payload["alertTitle"], payload["dimensions"]["userId"]
    return payload["status"], group, parse_instant(payload["evaluatedAt"])


def walk(folder: Path, seed: int, steps: int) -> None:
    folder.mkdir()
    with silenced_world(folder, limit=100_000) as world:
        walked = Walk(world, Random(seed))
        for number in range(steps):
            walked.step()
            if number % CHECKED_EVERY == 0:
                walked.check()
        walked.check()
        assert len(walked.reference.notified) > steps // 10
    shutil.rmtree(folder)


@pytest.mark.parametrize("seed", [1])
def test_random_silences_notify_as_the_reference(tmp_path: Path, seed: int) -> None:
    walk(tmp_path / "world", seed, 200)


@pytest.mark.long
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("seed", range(100, 200))
def test_many_random_silences_notify_as_the_reference(tmp_path: Path, seed: int) -> None:
    walk(tmp_path / "world", seed, 1_000)

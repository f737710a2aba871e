"""Retention drops nothing because of one wrong clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import structlog

from support.databases import open_database
from support.deployments import settings_in
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.instant import format_instant, to_milliseconds
from tocsin.runtime import Runtime
from tocsin.storage.retention import MAX_GAP, SETTLING, TRUSTED_AFTER, ObservedClock
from tocsin.store.key_value import KeyValueStore

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
# The scheduler tends every ten minutes; longer turns mean the same, and are fewer.
TURN = timedelta(hours=4)
WRONG = 400 * DAY


class Folder:
    """A data folder whose runtime is opened and closed with clocks that the test sets.

    The scheduler is closed, which may have tended once by the real clock before.
    """

    def __init__(self, path: Path) -> None:
        self._settings = settings_in(path, retention="90d")
        self.runtime = self._opened()
        self.now = datetime.now(UTC)
        self.running = timedelta()

    def restart(self) -> None:
        self.runtime.close()
        self.runtime = self._opened()
        self.running = timedelta()

    def _opened(self) -> Runtime:
        runtime = Runtime(self._settings)
        runtime.maintenance.stop()
        return runtime

    def record(self, *ages: timedelta) -> None:
        named = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
        items = [
            msgspec.json.encode({**named, "timestamp": format_instant(self.now - age)})
            for age in ages
        ]
        batch = self.runtime.recorder.record_batch(items, RequestContext(to_milliseconds(self.now)))
        assert batch.accepted == len(ages)

    def tend_for(self, length: timedelta, ahead: timedelta = timedelta()) -> None:
        """Let time pass, by both clocks, in turns."""
        end = self.running + length
        while self.running < end:
            self.now += TURN
            self.running += TURN
            self.runtime.maintenance.run(self.now + ahead, self.running)

    @property
    def rows(self) -> int:
        return self.runtime.engine.rows()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    opened = Folder(tmp_path)
    yield opened
    opened.runtime.close()


def test_a_start_with_the_clock_400_days_ahead_drops_nothing(folder: Folder) -> None:
    folder.record(*[timedelta()] * 3)
    with structlog.testing.capture_logs() as logged:
        folder.tend_for(timedelta(hours=20), ahead=WRONG)
    assert folder.rows == 3
    held = [line for line in logged if line["event"] == "expired interactions held back"]
    assert [line["reason"] for line in held] == ["the newest month would be dropped"]
    assert held[0]["interactions"] == 3
    folder.restart()
    folder.tend_for(timedelta(hours=2))
    assert folder.rows == 3


def test_a_wrong_clock_is_not_trusted_for_what_a_right_one_has_earned(folder: Folder) -> None:
    folder.record(timedelta())
    folder.tend_for(TRUSTED_AFTER + DAY)
    folder.restart()
    folder.tend_for(timedelta(hours=20), ahead=WRONG)
    assert folder.rows == 1


def test_deliveries_are_not_dropped_on_the_word_of_a_wrong_clock_either(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    instants: list[datetime] = []
    monkeypatch.setattr(folder.runtime.deliveries, "drop_before", instants.append)
    folder.tend_for(timedelta(hours=20), ahead=WRONG)
    assert not instants
    folder.tend_for(timedelta(hours=5), ahead=WRONG)
    assert instants


def test_more_than_a_third_is_held_back_until_the_clock_was_seen_for_a_day(folder: Folder) -> None:
    folder.record(*[timedelta()] * 3, *[WRONG] * 2)
    folder.tend_for(timedelta(hours=20))
    assert folder.rows == 5
    folder.tend_for(timedelta(hours=5))
    assert folder.rows == 3


def test_a_third_or_less_is_dropped_once_ten_minutes_have_passed(folder: Folder) -> None:
    folder.record(*[timedelta()] * 2, WRONG)
    folder.runtime.maintenance.run(folder.now, SETTLING - MINUTE)
    assert folder.rows == 3
    folder.runtime.maintenance.run(folder.now + 2 * MINUTE, SETTLING + MINUTE)
    assert folder.rows == 2


def test_a_restart_each_hour_only_delays_trust(tmp_path: Path) -> None:
    database = open_database(tmp_path / "store.sqlite")
    now, hours = datetime.now(UTC), 0
    clock = ObservedClock(KeyValueStore(database))
    while not clock.is_trusted:
        clock = ObservedClock(KeyValueStore(database))
        for running in (timedelta(), 50 * MINUTE):
            clock.observe(now + running, running)
        now += timedelta(hours=1)
        hours += 1
    assert hours == 29, "24 hours, of which each has 50 minutes"
    database.close()


@pytest.mark.parametrize(("stop", "is_kept"), [(MAX_GAP, True), (MAX_GAP + TURN, False)])
def test_a_stop_of_more_than_a_day_begins_the_day_anew(
    stop: timedelta, is_kept: bool, tmp_path: Path
) -> None:
    database = open_database(tmp_path / "store.sqlite")
    now = datetime.now(UTC)
    clock = ObservedClock(KeyValueStore(database))
    for running in (timedelta(), TRUSTED_AFTER):
        clock.observe(now + running, running)
    assert clock.is_trusted
    clock = ObservedClock(KeyValueStore(database))
    clock.observe(now + TRUSTED_AFTER + stop, timedelta())
    assert clock.is_trusted is is_kept
    database.close()


@pytest.mark.parametrize("set_by", [MAX_GAP + TURN, -MAX_GAP - 2 * TURN])
def test_a_clock_that_is_set_while_the_server_runs_begins_the_day_anew(
    folder: Folder, set_by: timedelta
) -> None:
    folder.record(timedelta(), *[WRONG] * 2)
    folder.tend_for(timedelta(hours=20))
    folder.now += set_by
    folder.tend_for(timedelta(hours=20))
    assert folder.rows == 3
    folder.tend_for(timedelta(hours=5))
    assert folder.rows == 1

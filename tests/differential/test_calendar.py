"""Calendar windows have the values of the oracle in every path, on the days when clocks change.

Half of the interactions are within milliseconds of the starts of local days; the others are spread
over the days around. They are recorded in several parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from support import nasty, oracle
from support.backtests import check_over
from support.deployments import settings_in
from support.nasty_pools import ZONES
from support.oracle import PERIODS, start_of
from support.worlds import (
    World,
    cache_repeated_questions,
    drawn,
    give_units_of_work,
    merge,
    record,
    written,
    written_series,
)
from tocsin.model.alerts.backtest import PastSpan
from tocsin.model.metrics.answer import Answer
from tocsin.runtime import Runtime

DAYS = [
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/Havana", date(2025, 3, 9)),
    ("America/Havana", date(2025, 11, 2)),
    ("Africa/Cairo", date(2026, 4, 24)),
    ("Africa/Cairo", date(2026, 10, 29)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Pacific/Apia", date(2011, 12, 31)),
]
DAY, HOUR, MS = timedelta(days=1), timedelta(hours=1), timedelta(milliseconds=1)
APPENDS = 3
KINDS = (
    *("COUNT", "COUNT", "SUM", "AVG", "MIN", "MAX", "DISTINCT_COUNT"),
    *("RATIO", "PERCENTILE", "LATEST"),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    opened = open_world(tmp_path_factory.mktemp("world"), Random(7), each=40)
    yield opened
    opened.runtime.close()


@pytest.fixture(scope="module")
def large_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    opened = open_world(tmp_path_factory.mktemp("large"), Random(7), each=100)
    yield opened
    opened.runtime.close()


def open_world(folder: Path, random: Random, each: int) -> World:
    """Interactions around each change of clocks."""
    world = World(Runtime(settings_in(folder, query_memory=640 * 1024 * 1024)), [])
    payloads = [nasty.payload(random) for _ in range(len(DAYS) * each)]
    interactions = nasty.interactions(random, len(payloads), datetime.now(UTC), payloads)
    for number, interaction in enumerate(interactions):
        interaction["timestamp"] = moment(random, *DAYS[number % len(DAYS)])
    give_units_of_work(interactions, random)
    random.shuffle(interactions)
    for number in range(APPENDS):
        record(world, interactions[number::APPENDS], random)
    return world


def moment(random: Random, zone: str, day: date) -> datetime:
    """A time near the day on which the clocks of a zone change, mostly at the edge of a day."""
    near = day + random.choice([-2, -1, 0, 0, 1, 1, 2]) * DAY
    if random.random() < 0.5:
        return start_of(zone, near) + random.choice([-2, -1, 0, 1, 2]) * MS
    return start_of(zone, day) + random.randrange(-40 * 86_400_000, 3 * 86_400_000) * MS


def instant(random: Random, zone: str, day: date) -> datetime:
    """A time of a calculation: at the edge of a day, or within the days around."""
    near = start_of(zone, day + random.choice([-1, 0, 0, 1, 1, 2]) * DAY)
    if random.random() < 0.5:
        return near + random.choice([-1, 0, 1]) * MS
    return near + random.randrange(-86_400_000, 86_400_000) * MS


def windowed(random: Random, metric: dict[str, Any], zone: str) -> dict[str, Any]:
    other = random.random() < 0.2
    return {
        **metric,
        "timeWindow": random.choice(PERIODS),
        "timezone": random.choice(ZONES) if other else zone,
    }


def check_alone(world: World, seed: int, count: int) -> None:
    random = Random(seed)
    for plain, limit in drawn(world, seed, count, KINDS):
        zone, day = random.choice(DAYS)
        metric, at = windowed(random, plain, zone), instant(random, zone, day)
        answer = world.runtime.calculator.calculate(world.question(metric), at, limit)
        difference = oracle.disagreement(
            metric, world.interactions, at, written(answer), limit=limit
        )
        assert difference is None, f"seed {seed}, {at}: {metric}: {difference}"


def check_together(world: World, seed: int, count: int, times: int = 3) -> None:
    """The same metrics at times that follow each other, among them windows that slide."""
    random = Random(seed)
    zone, day = random.choice(DAYS)
    metrics = [
        metric if random.random() < 0.3 else windowed(random, metric, zone)
        for metric, _ in drawn(world, seed, count, KINDS)
    ]
    at = instant(random, zone, day)
    for _ in range(times):
        answers = world.runtime.calculator.calculate_all(list(map(world.question, metrics)), at)
        for metric, answer in zip(metrics, answers, strict=True):
            assert isinstance(answer, Answer), answer
            difference = oracle.disagreement(metric, world.interactions, at, written(answer))
            assert difference is None, f"seed {seed}, together, {at}: {metric}: {difference}"
        at += random.choice([MS, timedelta(seconds=59), HOUR, DAY])


def check_series(world: World, seed: int, count: int) -> None:
    random = Random(seed)
    for plain, _ in drawn(world, seed, count, KINDS):
        zone, day = random.choice(DAYS)
        metric = windowed(random, plain, zone)
        to = instant(random, zone, day)
        step = random.choice([MS, timedelta(minutes=17), HOUR, 6 * HOUR, DAY, 31 * DAY])
        span = (to - step * random.randint(1, 24), to, step)
        answer = world.runtime.calculator.series(world.question(metric), *span)
        difference = oracle.series_disagreement(
            metric, world.interactions, *span, written_series(answer)
        )
        assert difference is None, f"seed {seed}, {span}: {metric}: {difference}"


def check_local_days(world: World, seed: int, count: int) -> None:
    """Of metrics with calendar windows, with sliding ones, and without a window."""
    random = Random(seed)
    for plain, _ in drawn(world, seed, count, (*KINDS, "RATE")):
        zone, day = random.choice(DAYS)
        is_windowed = plain["metricType"] != "RATE" and random.random() < 0.4
        metric = windowed(random, plain, zone) if is_windowed else plain
        start = instant(random, zone, day - random.randint(1, 9) * DAY)
        to = max(instant(random, zone, day), start + DAY + 2 * HOUR)
        answer = world.runtime.calculator.series_by_days(world.question(metric), start, to, zone)
        difference = oracle.series_disagreement(
            metric, world.interactions, start, to, None, written_series(answer), zone
        )
        assert difference is None, f"seed {seed}, {start} to {to} in {zone}: {metric}: {difference}"


def check_backtest(world: World, seed: int, count: int) -> int:
    """The number of transitions, which are those of live evaluation."""
    random = Random(seed)
    changes = 0
    for metric, _ in drawn(world, seed, count, KINDS):
        zone, day = random.choice(DAYS)
        question = world.question(windowed(random, metric, zone))
        step, to = random.choice(["17m", "1h", "24h"]), instant(random, zone, day)
        span = PastSpan.model_validate({"from": to - DAY, "to": to, "step": step})
        span = span.model_copy(update={"start": to - 24 * span.step.length})
        changes += check_over(world, random, question, span)
    return changes


def test_a_calendar_window_has_the_value_of_the_oracle(world: World) -> None:
    check_alone(world, seed=71, count=80)


def test_calendar_and_sliding_windows_calculated_together_have_the_values_of_the_oracle(
    world: World,
) -> None:
    for seed in range(72, 75):
        check_together(world, seed, count=20)


def test_a_series_has_the_calendar_window_of_each_point(world: World) -> None:
    check_series(world, seed=77, count=40)


def test_a_series_by_local_days_has_the_values_of_the_oracle(world: World) -> None:
    check_local_days(world, seed=78, count=40)


def test_a_backtest_of_calendar_windows_gives_what_live_evaluation_gave(world: World) -> None:
    assert check_backtest(world, seed=79, count=16) > 4


def test_calendar_windows_from_rollups_have_the_values_of_the_oracle(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache_repeated_questions(monkeypatch)
    random = Random(80)
    for _ in range(3):
        check_alone(world, seed=81, count=15)
        check_together(world, seed=82, count=12)
        late = nasty.interactions(random, 8, datetime.now(UTC))
        for interaction in late:
            interaction["timestamp"] = moment(random, *random.choice(DAYS))
        record(world, late, random)
    check_alone(world, seed=81, count=15)


def test_calendar_windows_are_the_same_after_a_merge(world: World) -> None:
    merge(world)
    check_alone(world, seed=83, count=25)
    check_together(world, seed=84, count=12)
    check_series(world, seed=85, count=10)
    check_local_days(world, seed=86, count=10)


def test_the_series_of_a_months_days_adds_up_to_the_month(world: World) -> None:
    for zone, day in DAYS:
        first = day.replace(day=1)
        following = (first + 31 * DAY).replace(day=1)
        start, end = start_of(zone, first), start_of(zone, following)
        count = world.question({"metricType": "COUNT"})
        (line,) = world.runtime.calculator.series_by_days(count, start, end, zone).lines
        month = world.question({"metricType": "COUNT", "timeWindow": "lastMonth", "timezone": zone})
        (reading,) = world.runtime.calculator.calculate(month, end).readings
        assert sum(value or 0 for _, value in line.points) == reading.value
        assert reading.value


@pytest.mark.long
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("number", range(5))
def test_thousands_of_calendar_windows_have_the_values_of_the_oracle(
    large_world: World, number: int
) -> None:
    check_alone(large_world, seed=900 + number, count=700)
    for seed in range(10):
        check_together(large_world, seed=910 + 10 * number + seed, count=40)
    check_series(large_world, seed=960 + number, count=150)
    check_local_days(large_world, seed=970 + number, count=150)
    check_backtest(large_world, seed=980 + number, count=60)

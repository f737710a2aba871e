"""Properties of PERCENTILE and LATEST that hold for any numbers, and the values of hard cases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from support.deployments import settings_in
from support.worlds import AT, World, cache_repeated_questions, record
from tocsin.clickhouse.sql.selected_numbers import MAX_NUMBERS, level
from tocsin.model.metrics.answer import ReadingValue
from tocsin.runtime import Runtime

PERCENTILES = (0.001, 0.1, 1, 5, 25, 33.333, 50, 66.667, 75, 90, 95, 99, 99.9, 99.999, 100)
NUMBERS = {
    "few": ["1", "2", "3"],
    "equal": ["7", "7.0", '"7"', "70e-1"],
    "zeros": ["0", "-0.0", "0.0", '"-0"'],
    "around-zero": ["-1", "-0.0", "0", "1e-300", "-5e-324"],
    "extreme": ["1.7976931348623157e308", "-1.7976931348623157e308", "5e-324", "9007199254740993"],
    "mixed": ["1.5", "true", '"2"', "null", "[3]", '{"n":4}', "12345678901234567890123", "-3"],
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    opened = World(Runtime(settings_in(tmp_path_factory.mktemp("world"))), [])
    yield opened
    opened.runtime.close()


def an_interaction(action: str, payload: str, ago: timedelta) -> dict[str, Any]:
    own = {"resourceId": "1", "resourceType": "T", "action": action, "origin": "O"}
    return {**own, "timestamp": AT - ago, "payload": payload}


def record_numbers(world: World, action: str, literals: Sequence[str]) -> None:
    """In three appends, so that values come from several parts."""
    random = Random(1)
    for start in range(3):
        chosen = literals[start::3]
        if chosen:
            payloads = [f'{{"n":{literal},"g":{i % 2}}}' for i, literal in enumerate(chosen)]
            seconds = [timedelta(seconds=random.randrange(3_000)) for _ in payloads]
            pairs = zip(payloads, seconds, strict=True)
            record(world, [an_interaction(action, *pair) for pair in pairs], random)


def value_of(world: World, **metric: Any) -> ReadingValue:
    question = world.question({"field": "interaction.n", **metric})
    (reading,) = world.runtime.calculator.calculate(question, AT).readings
    return reading.value


@pytest.mark.parametrize("name", NUMBERS)
def test_a_percentile_is_monotone_and_a_value_that_occurred(world: World, name: str) -> None:
    random = Random(name)
    literals = [random.choice(NUMBERS[name]) for _ in range(random.randrange(20, 90))]
    record_numbers(world, name, literals)

    def percentile(p: float) -> float:
        value = value_of(world, metricType="PERCENTILE", percentile=p, action=name)
        assert value is not None
        return value

    values = [percentile(p) for p in PERCENTILES]
    assert all(less <= more for less, more in pairwise(values))
    for value in set(values):
        equal = [{"field": "interaction.n", "operator": "eq", "value": value}]
        question = world.question({"metricType": "COUNT", "filters": equal, "action": name})
        assert world.runtime.calculator.calculate(question, AT).readings[0].value != 0
    assert values[-1] == value_of(world, metricType="MAX", action=name)
    assert values[0] == value_of(world, metricType="MIN", action=name)
    assert str(percentile(50)) != "-0.0"


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10, 99, 100, 101, 1_000])
def test_the_rank_is_that_of_integer_arithmetic(world: World, count: int) -> None:
    literals = [str(number) for number in range(1, count + 1)]
    Random(count).shuffle(literals)
    record_numbers(world, f"N{count}", literals)
    chosen = {round(100 * rank / count, 3) for rank in range(1, count + 1, max(count // 12, 1))}
    near = {p + off for p in chosen for off in (-0.001, 0, 0.001)}
    for p in sorted({round(p, 3) for p in (*near, *PERCENTILES) if 0 < p <= 100}):
        thousandths = round(p * 1_000)
        expected = -(-thousandths * count // 100_000)
        value = value_of(world, metricType="PERCENTILE", percentile=p, action=f"N{count}")
        assert value == expected, p


def test_the_engines_level_has_the_exact_rank_for_billions_of_numbers() -> None:
    """The engine multiplies the level by the number of numbers and drops the fraction."""
    random = Random(5)
    for _ in range(200_000):
        thousandths = random.randint(1, 100_000)
        whole = 100_000 * random.randint(1, MAX_NUMBERS // 100_000) // random.choice((1, 2, 4, 5))
        count = min(max(whole + random.choice((-1, 0, 0, 1)), 1), MAX_NUMBERS)
        rank = -(-thousandths * count // 100_000) - 1
        assert int(level(thousandths) * count) == rank, (thousandths, count)


def test_of_equal_timestamps_the_last_recorded_number_is_the_latest(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache_repeated_questions(monkeypatch)
    random = Random(6)
    ago = timedelta(minutes=5)
    grouped = {"metricType": "LATEST", "field": "interaction.n", "groupBy": ["interaction.g"]}
    for number in range(40):
        literals = [str(number * 3 + i) for i in range(3)]
        payloads = [f'{{"n":{literal},"g":{number % 2}}}' for literal in literals]
        # Interactions that are older or have no number change nothing.
        others = [
            an_interaction("TIE", '{"n":-1}', ago + timedelta(milliseconds=1)),
            an_interaction("TIE", '{"n":"x"}', ago - timedelta(seconds=1)),
        ]
        tied = [an_interaction("TIE", payload, ago) for payload in payloads]
        record(world, [*tied, *others], random)
        for window in (None, "1h", "10m"):
            scoped = {"action": "TIE", "timeWindow": window}
            last = number * 3 + 2
            assert value_of(world, metricType="LATEST", **scoped) == last
            question = world.question({**grouped, **scoped})
            (together, _) = world.runtime.calculator.calculate_all([question, question], AT)
            answer = world.runtime.calculator.calculate(question, AT)
            assert together == answer
            values = {reading.value for reading in answer.readings}
            assert last in values
            assert number == 0 or last - 3 in values

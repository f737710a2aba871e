"""Sums do not depend on the order of addition, nor on how the rows are split ("Exact decimals").

Numbers of every kind are recorded in many orders and batches. Their sums are calculated by
themselves, together with other metrics, from rollups, and as series.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from support import oracle
from support.deployments import settings_in
from support.worlds import AT, World, written, written_series
from tocsin.clickhouse.sql.exact_sums import BETWEEN, FIRST, GRID, PARTS, parts, whole_parts
from tocsin.clickhouse.sql.query import Aliases, Query
from tocsin.ingestion.request_context import RequestContext
from tocsin.metrics.rollups import cost
from tocsin.model.instant import format_instant
from tocsin.model.metrics.answer import Answer
from tocsin.runtime import Runtime

COUNT = 60
KINDS: dict[str, list[str]] = {
    "money": ["0.01", "0.1", "0.2", "0.7", "9.99", "12.34", "-0.3", "1211.26", "99999.99"],
    "whole": ["1", "-3", "1000000000000000", "9007199254740993"],
    "counted": ["1", "-3", "0", "250", "2251799813685248", "1000000000000001"],
    "mixed": ["1e16", "0.1", "-1e16", "0.2", "1e15", "0.30000000000000004"],
    "cancelling": ["0.1", "0.2", "-0.3", "1e8", "-1e8", "1e-9", "-1e-9"],
    "subnormal": ["5e-324", "-5e-324", "1e-310", "2.2250738585072014e-308"],
    "zero": ["-0.0", "0.0"],
    "overflowing": ["1.7976931348623157e308", "1e308", "-1e308"],
    "small": ["1.5e-9", "0.000123456789", "2e-10"],
}
INTEGERS = ("whole", "counted")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two months of numbers: each kind has the same numbers in several orders, in small batches of
    interactions from any time."""
    random = Random(50)
    runtime = Runtime(settings_in(tmp_path_factory.mktemp("sums")))
    world = World(runtime, [])
    rows = []
    for kind, literals in KINDS.items():
        numbers = [random.choice(literals) for _ in range(COUNT)]
        for order in range(3):
            random.shuffle(numbers)
            rows += [interaction(random, kind, order, number) for number in numbers]
    random.shuffle(rows)
    for start in range(0, len(rows), 500):
        record(world, rows[start : start + 500])
    yield world
    runtime.close()


def interaction(random: Random, kind: str, order: int, number: str) -> dict[str, Any]:
    age = random.choice([60, 3_600, 86_400, 60 * 86_400]) * random.random()
    return {
        "resourceType": "SUM",
        "resourceId": str(random.randrange(4)),
        "action": kind,
        "origin": "TEST",
        "userId": str(order),
        "timestamp": AT - timedelta(milliseconds=int(age * 1_000)),
        "payload": f'{{"n":{number},"w":{number}}}' if kind in INTEGERS else f'{{"n":{number}}}',
    }


def record(world: World, interactions: list[dict[str, Any]]) -> None:
    lines = [
        json.dumps({k: v for k, v in row.items() if k not in ("payload", "timestamp")})[:-1]
        + f',"timestamp":"{format_instant(row["timestamp"])}","interaction":{row["payload"]}}}'
        for row in interactions
    ]
    assert not world.runtime.recorder.record_batch(
        [line.encode() for line in lines], RequestContext(received=0)
    ).rejected
    world.interactions += interactions


def metrics(
    field: str = "interaction.n", kinds: Sequence[str] = tuple(KINDS)
) -> list[dict[str, Any]]:
    return [
        {
            "metricType": aggregation,
            "field": field,
            "action": kind,
            "groupBy": groups,
            "timeWindow": window,
        }
        for aggregation in ("SUM", "AVG")
        for kind in kinds
        for groups in ([], ["userId"])
        for window in (None, "3d")
    ]


@pytest.mark.parametrize(
    ("field", "kinds"),
    # No kind but the integers has numbers in the other field: one of those has its empty sums.
    [("interaction.n", tuple(KINDS)), ("interaction.w", (*INTEGERS, "money"))],
    ids=["any", "integers"],
)
def test_a_single_sum_has_the_value_of_the_oracle(
    world: World, field: str, kinds: Sequence[str]
) -> None:
    for metric in metrics(field, kinds):
        # Without groups there is one row, which no limit cuts.
        for limit in (10_000, 2) if metric["groupBy"] else (10_000,):
            answer = world.runtime.calculator.calculate(world.question(metric), AT, limit)
            difference = oracle.disagreement(metric, world.interactions, AT, written(answer), limit)
            assert difference is None, (metric, difference)


def test_the_parts_of_a_number_are_on_their_grids_and_add_up_to_it(world: World) -> None:
    random = Random(16)
    held = [random.randrange(-(2**53), 2**53) / 2.0 ** random.randrange(1, 82) for _ in range(300)]
    held += [n / 2.0 for n in range(-9, 10)] + [(n + 0.5) / BETWEEN for n in range(-9, 10)]
    held += [2.0**52 - 1, 1.5 - 2.0**52, 2.0**-81, -0.0, 0.1, 1e-9 + 1, 99_999.99]
    others = [2.0**52, 0.5 - 2.0**52, 2.0**-82, 0.1 / BETWEEN**3, 5e-324, 1e16, 1e300, -1.7e308]
    rows = parts_in_engine(world, [*held, *others])
    for number, sums in zip(held, rows, strict=False):
        scales = [int(FIRST), *(int(GRID) * int(BETWEEN) ** n for n in range(1, PARTS))]
        total = sum(Fraction(part) / scale for part, scale in zip(sums, scales, strict=True))
        assert total == Fraction(number)
        assert all(part % GRID == 0 and abs(part) <= GRID * BETWEEN / 2 for part in sums[1:])
    assert not any(all(map(math.isfinite, sums)) for sums in rows[len(held) :])


def parts_in_engine(world: World, numbers: list[float]) -> list[tuple[float, ...]]:
    named = Aliases()
    expressions = parts("x", named)
    text = (
        f"WITH arrayJoin({{numbers:Array(Float64)}}) AS x, {', '.join(named.definitions)} "
        f"SELECT {', '.join(expressions)}"
    )
    return world.runtime.engine.run(Query(text, {"numbers": numbers}))


def test_whole_parts_of_fractions_are_not_finite(world: World) -> None:
    numbers = ["0.5", "-0.1", "5e-324", "1e15 + 0.125", "4503599627370496.", "1.7e308"]
    exact = ["0.", "-1.", "2251799813685247.", "-2251799813685249."]
    named = Aliases()
    first, *others = whole_parts("x", named)
    text = (
        f"WITH arrayJoin([{', '.join(numbers + exact)}]) AS x, {', '.join(named.definitions)} "
        f"SELECT isFinite({first}), {', '.join(others)}"
    )
    rows = world.runtime.engine.run(Query(text))
    assert [bool(row[0]) for row in rows] == [False] * len(numbers) + [True] * len(exact)
    assert {row[1:] for row in rows} == {(0.0, 0.0, 0.0)}


@pytest.mark.parametrize("rows", [1, 300, cost.MODEL.max_rows], ids=["scanned", "both", "fetched"])
def test_cached_sums_have_the_values_of_the_oracle(
    world: World, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(cost, "MODEL", replace(cost.MODEL, max_rows=rows))
    every = metrics()
    questions = [world.question(metric) for metric in every]
    for later in (0, 0, 61_001):
        at = AT + timedelta(milliseconds=later)
        answers = world.runtime.calculator.calculate_all(questions, at)
        for metric, answer in zip(every, answers, strict=True):
            assert isinstance(answer, Answer)
            difference = oracle.disagreement(metric, world.interactions, at, written(answer))
            assert difference is None, (metric, later, difference)


def test_a_series_of_sums_has_the_values_of_the_oracle(
    world: World,
) -> None:
    span = (AT - timedelta(hours=10), AT, timedelta(hours=1))
    for metric in metrics():
        series = world.runtime.calculator.series(world.question(metric), *span)
        difference = oracle.series_disagreement(
            metric, world.interactions, *span, written_series(series)
        )
        assert difference is None, (metric, difference)


def test_the_same_numbers_in_any_order_have_the_same_sum(world: World) -> None:
    for kind in KINDS:
        metric = {
            "metricType": "SUM",
            "field": "interaction.n",
            "action": kind,
            "groupBy": ["userId"],
        }
        answer = world.runtime.calculator.calculate(world.question(metric), AT)
        assert len({reading.value for reading in answer.readings}) == 1, kind


def test_thousands_of_amounts_add_up_to_the_decimal_sum(world: World) -> None:
    random = Random(51)
    amounts = [f"{random.randrange(1, 100_000) / 100:.2f}" for _ in range(5_000)]
    record(world, [interaction(random, "cents", 0, amount) for amount in amounts])
    metric = {"metricType": "SUM", "field": "interaction.n", "action": "cents"}
    answer = world.runtime.calculator.calculate(world.question(metric), AT)
    assert answer.readings[0].value == float(sum(map(Fraction, amounts)))


def ties(world: World, action: str, groups: int) -> dict[str, Any]:
    """A metric whose groups sum to 0.3, or slightly more when added as doubles."""
    random, rows = Random(52), []
    for number in range(groups):
        user = f"{random.randrange(1_000)}-{number}"
        for amount in random.choice([("0.1", "0.2"), ("0.3",), ("0.15", "0.15"), ("0.1",) * 3]):
            row = interaction(random, action, 0, amount)
            rows.append(row | {"userId": user, "timestamp": AT - timedelta(minutes=1)})
    record(world, rows)
    return {
        "metricType": "SUM",
        "field": "interaction.n",
        "action": action,
        "groupBy": ["userId"],
        "timeWindow": "1h",
    }


def test_groups_that_are_equal_once_rounded_are_truncated_by_their_texts(world: World) -> None:
    metric = ties(world, "ties", 150)
    question = world.question(metric)
    for limit in range(1, 150, 6):
        answer = world.runtime.calculator.calculate(question, AT, limit)
        difference = oracle.disagreement(metric, world.interactions, AT, written(answer), limit)
        assert difference is None, (limit, difference)


def test_lines_of_a_series_that_are_equal_once_rounded_are_truncated_by_their_texts(
    world: World,
) -> None:
    metric = ties(world, "more-ties", 130)
    span = (AT - timedelta(minutes=2), AT, timedelta(minutes=1))
    series = world.runtime.calculator.series(world.question(metric), *span)
    difference = oracle.series_disagreement(
        metric, world.interactions, *span, written_series(series)
    )
    assert difference is None, difference

"""Does Tocsin answer what the plain-Python oracle of semantics.md answers?

Random metrics over random and nasty interactions, recorded through the intake in several parts,
asked through the calculator: alone, all together and as series. A seed makes a world: a failure
names the seed and the metric, and can be asked again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import nasty
import oracle
import pytest

from tocsin.config import Settings
from tocsin.ingest import Request
from tocsin.model.draft import read_metric
from tocsin.model.instant import format_instant
from tocsin.model.metric import Answer, Line, Question
from tocsin.runtime import Runtime

AT = datetime(2026, 3, 20, 14, 30, 0, 123_000, tzinfo=UTC)
SAMPLE = 250
ALL = 5_000
SEEDS = range(10)


@dataclass
class World:
    runtime: Runtime
    interactions: list[dict[str, Any]]

    def question(self, metric: dict[str, Any]) -> Question:
        return read_metric(metric, self.runtime.catalog, name_required=False)[1]


def open_world(folder: Path, seed: int) -> World:
    """400 interactions in five appends, so in several parts of the same months."""
    random = Random(seed)
    runtime = Runtime(Settings(data_dir=folder))
    payloads = [nasty.payload(random) for _ in range(360)] + nasty.many_keys(random, 1_200)
    known = nasty.interactions(random, len(payloads), AT, payloads)
    for interaction in known:
        # Left out, the server would make one up.
        interaction["uowId"] = interaction.get("uowId") or str(UUID(int=random.getrandbits(128)))
    for start in range(0, len(known), 90):
        batch = runtime.intake.record_batch(
            [sent(interaction) for interaction in known[start : start + 90]], Request(received=0)
        )
        assert batch.rejected == []
    return World(runtime, known)


def sent(interaction: dict[str, Any]) -> bytes:
    """The interaction as a sender writes it, its payload to the letter."""
    members = {k: v for k, v in interaction.items() if k not in ("payload", "timestamp")}
    members["timestamp"] = format_instant(interaction["timestamp"])
    text = json.dumps(members, ensure_ascii=False)[:-1]
    return f'{text},"interaction":{interaction["payload"]}}}'.encode()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    opened = open_world(tmp_path_factory.mktemp("world"), seed=1)
    yield opened
    opened.runtime.close()


def check_metrics(world: World, seed: int, count: int) -> None:
    random = Random(seed)
    for number in range(count):
        metric = nasty.metric(random, world.interactions)
        limit = random.choice((10_000, 10_000, 10_000, 3))
        answer = world.runtime.calculator.calculate(world.question(metric), AT, limit)
        difference = oracle.disagreement(
            metric, world.interactions, AT, written(answer), limit=limit
        )
        assert difference is None, f"seed {seed}, metric {number}: {metric}: {difference}"


def check_series(world: World, seed: int, count: int) -> None:
    random = Random(seed)
    for number in range(count):
        metric = nasty.metric(random, world.interactions)
        start, to, step = nasty.series_arguments(random, AT)
        series = world.runtime.calculator.series(world.question(metric), start, to, step)
        answer: dict[str, Any] = {"series": [written_line(line) for line in series.lines]}
        if series.group_count is not None:
            answer |= {"truncated": True, "groupCount": series.group_count}
        difference = oracle.series_disagreement(
            metric, world.interactions, start, to, step, answer
        )
        assert difference is None, f"seed {seed}, series {number}: {metric} {step}: {difference}"


def check_all_together(world: World, seed: int, count: int) -> None:
    random = Random(seed)
    metrics = [nasty.metric(random, world.interactions) for _ in range(count)]
    answers = world.runtime.calculator.calculate_all(list(map(world.question, metrics)), AT)
    for metric, answer in zip(metrics, answers, strict=True):
        assert isinstance(answer, Answer)
        difference = oracle.disagreement(metric, world.interactions, AT, written(answer))
        assert difference is None, f"seed {seed}, together: {metric}: {difference}"


def written(answer: Answer) -> dict[str, Any]:
    """The answer as the oracle writes it, which repeats the unit in each row."""
    unit = {"unit": answer.unit} if answer.unit else {}
    rows = [{"value": r.value, "dimensions": r.dimensions, **unit} for r in answer.readings]
    if answer.group_count is None:
        return {"results": rows}
    return {"results": rows, "truncated": True, "groupCount": answer.group_count}


def written_line(line: Line) -> dict[str, Any]:
    points = [{"at": at, "value": value} for at, value in line.points]
    return {"dimensions": line.dimensions, "points": points}


def merge(world: World) -> None:
    """Make one part of each month; the rows stay, the parts and their types change."""
    world.runtime.engine._appender.command("OPTIMIZE TABLE interactions FINAL")


def test_every_metric_is_what_the_oracle_says(world: World) -> None:
    check_metrics(world, seed=11, count=SAMPLE)


def test_every_series_is_what_the_oracle_says(world: World) -> None:
    check_series(world, seed=12, count=SAMPLE // 4)


def test_metrics_calculated_together_are_what_they_are_alone(world: World) -> None:
    check_all_together(world, seed=13, count=SAMPLE // 4)


def test_discovery_finds_the_fields_types_and_occurrences_of_the_oracle(world: World) -> None:
    expected = oracle.discover(world.interactions)
    assert [str(f) for f in world.runtime.calculator.discover()] == sorted(expected)
    reports = world.runtime.calculator.discover_details()
    found = {str(r.field): {"types": list(r.types), "occurrences": r.occurrences} for r in reports}
    assert found == expected


def test_types_learned_from_the_table_are_those_learned_from_the_senders(world: World) -> None:
    """After a restart, a query must look for every type that occurs."""
    engine = world.runtime.engine
    told = {path: engine.field_types.of(path) for path in engine.field_types._types}
    fresh = type(engine.field_types)()
    engine.field_types = fresh
    engine.learn_field_types()
    missing = {path: told[path] - fresh.of(path) for path in told if "" not in path}
    assert {path: types for path, types in missing.items() if types} == {}


def test_after_a_merge_and_types_read_from_the_table_the_answers_are_the_same(
    world: World,
) -> None:
    merge(world)
    check_metrics(world, seed=14, count=SAMPLE // 2)
    check_series(world, seed=15, count=SAMPLE // 8)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("seed", SEEDS)
def test_thousands_of_metrics_over_many_worlds(seed: int, tmp_path: Path) -> None:
    world = open_world(tmp_path, seed=100 + seed)
    try:
        check_metrics(world, seed=200 + seed, count=ALL // len(SEEDS))
        check_series(world, seed=300 + seed, count=ALL // len(SEEDS) // 5)
        merge(world)
        check_all_together(world, seed=400 + seed, count=ALL // len(SEEDS) // 5)
    finally:
        world.runtime.close()

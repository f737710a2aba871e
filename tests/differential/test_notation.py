"""Every key is read as it is spelled, even where the engine has its own meaning for the spelling.

Such keys are at each place of a path, beside those that they would name as notation. Each field is
used in every way in which a path is read, as discovery lists it. The ordinary run takes a sample of
the keys.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from support import nasty, oracle
from support.deployments import settings_in
from support.nasty_pools import NOTATION_KEYS, ODD_KEYS
from support.worlds import AT, World, record, written, written_series
from tocsin.clickhouse.sql.materialized_columns import columns_to_materialize
from tocsin.model.metrics.answer import Answer
from tocsin.model.metrics.draft import read_metric
from tocsin.runtime import Runtime

KEYS = sorted({*NOTATION_KEYS, *ODD_KEYS})
SAMPLE, PER_WORLD, COLUMNS = 6, 60, 24
SPAN = (AT - timedelta(hours=2), AT, timedelta(hours=1))
NAMED_BY_NOTATION = (
    '{"a":-1,"b":-2,"c":-3,"null":-4,"Int64":-5,"String":"s","":-6}',
    '{"a":{"b":-7,"c":-8,"a":-9},"p":-10}',
    '{"a":[{"b":-11,"c":-12}],"p":[{"a":-13}]}',
    '{"p":{"a":-14,"b":"s","c":-15,"Int64":-16,"":-17}}',
    '{"p":{"a":{"c":-18},"b":{"c":"s"}},"a.b":-19}',
)


def chunks() -> list[Any]:
    """The keys of each world; the ordinary run has only the first world."""
    keys = list(KEYS)
    Random(3).shuffle(keys)
    worlds = [keys[:SAMPLE]]
    worlds += [keys[start : start + PER_WORLD] for start in range(SAMPLE, len(keys), PER_WORLD)]
    return [
        pytest.param(world, id=str(number), marks=[pytest.mark.long] * bool(number))
        for number, world in enumerate(worlds)
    ]


@pytest.fixture(scope="module", params=chunks())
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("world")
    folder.joinpath("keys").write_text(json.dumps(request.param))
    return folder


@pytest.fixture(scope="module")
def world(folder: Path) -> Iterator[World]:
    random = Random(4)
    opened = World(Runtime(settings_in(folder / "data")), [])
    texts = payloads(json.loads(folder.joinpath("keys").read_text()))
    random.shuffle(texts)
    interactions = nasty.interactions(random, len(texts), AT, texts)
    for minutes, interaction in enumerate(interactions):
        # All in one or two months, because each part is filled by itself.
        interaction["timestamp"] = AT - timedelta(minutes=minutes)
    half = len(interactions) // 2 + 1
    for start in range(0, len(interactions), half):
        record(opened, interactions[start : start + half], random)
    yield opened
    opened.runtime.close()


def payloads(keys: Sequence[str]) -> list[str]:
    """Each key at each place, with a value of each type."""
    texts = list(NAMED_BY_NOTATION) * 3
    for number, key in enumerate(keys):
        places = ((key,), ("p", key), ("p", key, "c"), (key, "c"))
        values: tuple[Any, ...] = (
            number,
            number + 0.5,
            f"{number}",
            f"t{number}",
            True,
            [number, "x"],
            2**70,
            {},
        )
        texts += [nested(place, value) for place in places for value in values]
    return texts


def nested(path: Sequence[str], value: Any) -> str:
    for key in reversed(path):
        value = {key: value}
    return json.dumps(value)


def metrics_of(field: str) -> list[dict[str, Any]]:
    filters = [
        ("exists", None),
        ("contains", "x"),
        ("in", ["t1", 2.5, True]),
        ("gte", "t"),
        ("lt", 9),
    ]
    return [
        {"metricType": "SUM", "field": field},
        {"metricType": "COUNT", "groupBy": [field]},
        *(
            {"metricType": "DISTINCT_COUNT", "field": field, "filters": [filter_(field, *filter)]}
            for filter in filters
        ),
        {"metricType": "COUNT", "filters": [filter_(field, "not_exists", None)]},
        {"metricType": "COUNT", "filters": [filter_(field, "contains", "x")]},
    ]


def filter_(field: str, operator: str, value: Any) -> dict[str, Any]:
    given = {} if value is None else {"value": value}
    return {"field": field, "operator": operator, **given}


def listed(world: World) -> list[str]:
    return [str(field) for field in world.runtime.discovery.fields().fields]


def check(world: World, metric: dict[str, Any], answer: object) -> None:
    assert isinstance(answer, Answer), metric
    difference = oracle.disagreement(metric, world.interactions, AT, written(answer))
    assert difference is None, f"{metric}: {difference}"


def check_alone(world: World, fields: Sequence[str]) -> None:
    for field in fields:
        for metric in metrics_of(field):
            check(world, metric, world.runtime.calculator.calculate(world.question(metric), AT))


def test_discovery_lists_every_key_as_it_is_spelled(world: World) -> None:
    expected = oracle.discover(world.interactions)
    assert listed(world) == sorted(expected)
    reports = world.runtime.discovery.details().fields
    discovered = {
        str(r.field): {"types": list(r.types), "occurrences": r.occurrences} for r in reports
    }
    assert discovered == expected


def test_each_listed_field_is_read_as_it_is_spelled(world: World) -> None:
    check_alone(world, listed(world))


def test_fields_are_read_the_same_when_metrics_are_cached(world: World) -> None:
    metrics = [metric for field in listed(world) for metric in metrics_of(field)[:3]]
    for start in range(0, len(metrics), 60):
        chunk = metrics[start : start + 60]
        for _ in range(2):
            answers = world.runtime.calculator.calculate_all(list(map(world.question, chunk)), AT)
            for metric, answer in zip(chunk, answers, strict=True):
                check(world, metric, answer)


def test_series_read_fields_as_they_are_spelled(world: World) -> None:
    for field in listed(world)[::3]:
        metric = {"metricType": "SUM", "field": field, "timeWindow": "30d"}
        series = world.runtime.calculator.series(world.question(metric), *SPAN)
        difference = oracle.series_disagreement(
            metric, world.interactions, *SPAN, written_series(series)
        )
        assert difference is None, f"{metric}: {difference}"


def test_all_listed_fields_become_columns_with_the_same_values_after_a_restart(
    world: World, folder: Path
) -> None:
    fields = listed(world)
    saved = [metric for field in fields for metric in metrics_of(field)[:2]]
    for number, metric in enumerate(saved[:COLUMNS]):
        draft, question = read_metric({"name": str(number), **metric}, world.runtime.catalog)
        world.runtime.metrics.create(draft, question, AT)
    wait_until_promoted(world)
    check_alone(world, fields[: COLUMNS // 2])
    world.runtime.close()
    world.runtime = Runtime(settings_in(folder / "data"))
    wait_until_promoted(world)
    check_alone(world, fields[: COLUMNS // 2 : 4])


def wait_until_promoted(world: World) -> None:
    engine, deadline = world.runtime.engine, time.monotonic() + 120
    questions = [metric.question for metric in world.runtime.metrics.all()]
    world.runtime.promoter.wake()
    while set(engine.materialized_columns) != set(
        columns_to_materialize(questions, engine.field_types.of)
    ):
        assert time.monotonic() < deadline
        time.sleep(0.05)

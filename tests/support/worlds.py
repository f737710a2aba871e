"""A world: random, nasty interactions that were really recorded, and how to hold what Tocsin says
of them against the oracle. A seed makes a world: a failure names the seed and the metric."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, TypeVar, cast
from uuid import UUID

import msgspec
import pytest

from support import nasty, oracle
from support.deployments import settings_in
from support.engines import merge_parts
from tocsin.ingestion.request_context import RequestContext
from tocsin.metrics.rollups import admission
from tocsin.model.instant import format_instant
from tocsin.model.metrics.answer import Answer, Line, Series
from tocsin.model.metrics.draft import read_metric
from tocsin.model.metrics.question import Question
from tocsin.runtime import Runtime

AT = datetime(2026, 3, 20, 14, 30, 0, 123_000, tzinfo=UTC)
ASKED_AT_ONCE = 2

Span = tuple[datetime, datetime, timedelta]
Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


@dataclass(frozen=True)
class Size:
    """The number of interactions in a world, and of appends, so of parts of the same months."""

    payloads: int
    many_keys: int
    """Payloads with more keys than a JSON column keeps as paths."""
    appends: int


# Each part costs each query as much as thousands of interactions.
SAMPLE = Size(440, 80, 3)
LARGE = Size(1_320, 240, 5)


@dataclass
class World:
    runtime: Runtime
    interactions: list[dict[str, Any]]

    def question(self, metric: dict[str, Any]) -> Question:
        return read_metric(metric, self.runtime.catalog, name_required=False)[1]


def open_world(
    folder: Path,
    seed: int,
    size: Size = SAMPLE,
    before_append: Callable[[World, int], None] | None = None,
) -> World:
    """`before_append` is called with all that is going to be recorded."""
    random = Random(seed)
    # Keys that cannot be bound are read from the whole payload, and a payload here may have
    # thousands of keys: that has taken a little more than a query may use otherwise.
    runtime = Runtime(settings_in(folder, query_memory=640 * 1024 * 1024, max_months=4_000))
    payloads = [nasty.payload(random) for _ in range(size.payloads)]
    payloads += nasty.many_keys(random, size.many_keys)
    known = nasty.interactions(random, len(payloads), AT, payloads)
    give_units_of_work(known, random)
    world = World(runtime, [])
    each = -(-len(known) // size.appends)
    for number in range(size.appends):
        if before_append:
            before_append(World(runtime, known), number)
        record(world, known[number * each : (number + 1) * each], random)
    return world


def give_units_of_work(interactions: list[dict[str, Any]], random: Random) -> None:
    for interaction in interactions:
        # Left out, the server would make one up.
        interaction["uowId"] = interaction.get("uowId") or str(UUID(int=random.getrandbits(128)))


def record(world: World, interactions: list[dict[str, Any]], random: Random) -> None:
    give_units_of_work(interactions, random)
    lines = [sent(interaction) for interaction in interactions]
    assert world.runtime.recorder.record_batch(lines, RequestContext(received=0)).rejected == []
    world.interactions += interactions


def sent(interaction: dict[str, Any]) -> bytes:
    """The interaction as a sender writes it, its payload to the letter."""
    members = {k: v for k, v in interaction.items() if k not in ("payload", "timestamp")}
    members["timestamp"] = format_instant(interaction["timestamp"])
    text = json.dumps(members, ensure_ascii=False)[:-1]
    return f'{text},"interaction":{interaction["payload"]}}}'.encode()


def check_metrics(
    world: World, seed: int, count: int, at: datetime = AT, kinds: Sequence[str] = nasty.KINDS
) -> None:
    def ask(drawn: tuple[dict[str, Any], int]) -> Answer:
        metric, limit = drawn
        return world.runtime.calculator.calculate(world.question(metric), at, limit)

    def compare(drawn: tuple[dict[str, Any], int], answer: Answer) -> str | None:
        metric, limit = drawn
        return oracle.disagreement(metric, world.interactions, at, written(answer), limit=limit)

    difference = first_difference(list(drawn(world, seed, count, kinds)), ask, compare)
    assert difference is None, f"seed {seed}, metric {difference}"


def first_difference(
    every: Sequence[Asked],
    ask: Callable[[Asked], Answered],
    compare: Callable[[Asked, Answered], str | None],
) -> str | None:
    """Which of what is asked is answered otherwise than the oracle does, and how.

    Two questions run concurrently while the oracle calculates others: the engine does not hold
    the GIL.
    """
    with (
        ThreadPoolExecutor(ASKED_AT_ONCE) as threads,
        closing(cast("Generator[Answered]", threads.map(ask, every))) as answers,
    ):
        for number, (drawn_question, answer) in enumerate(zip(every, answers, strict=True)):
            difference = compare(drawn_question, answer)
            if difference:
                return f"{number}: {drawn_question}: {difference}"
    return None


def drawn(
    world: World, seed: int, count: int, kinds: Sequence[str] = nasty.KINDS
) -> Iterator[tuple[dict[str, Any], int]]:
    """Random metrics, each with the number of rows that are asked for."""
    random = Random(seed)
    for _ in range(count):
        metric = nasty.metric(random, world.interactions, kinds)
        yield metric, random.choice((10_000, 10_000, 10_000, 3))


def check_series(world: World, seed: int, count: int, kinds: Sequence[str] = nasty.KINDS) -> None:
    def ask(drawn: tuple[dict[str, Any], Span]) -> Series:
        metric, span = drawn
        return world.runtime.calculator.series(world.question(metric), *span)

    def compare(drawn: tuple[dict[str, Any], Span], answer: Series) -> str | None:
        metric, span = drawn
        return oracle.series_disagreement(metric, world.interactions, *span, written_series(answer))

    random = Random(seed)
    every = [
        (nasty.metric(random, world.interactions, kinds), nasty.series_arguments(random, AT))
        for _ in range(count)
    ]
    difference = first_difference(every, ask, compare)
    assert difference is None, f"seed {seed}, series {difference}"


def check_all_together(
    world: World, seed: int, count: int, at: datetime = AT, kinds: Sequence[str] = nasty.KINDS
) -> None:
    """The same seed and count make the same metrics, whose partial results may be kept by now."""
    random = Random(seed)
    metrics = [nasty.metric(random, world.interactions[:400], kinds) for _ in range(count)]
    answers = world.runtime.calculator.calculate_all(list(map(world.question, metrics)), at)
    for metric, answer in zip(metrics, answers, strict=True):
        assert isinstance(answer, Answer)
        difference = oracle.disagreement(metric, world.interactions, at, written(answer))
        assert difference is None, f"seed {seed}, together, {at}: {metric}: {difference}"


def written(answer: Answer) -> dict[str, Any]:
    """The answer as the oracle writes it, which repeats the unit in each row."""
    unit = {"unit": answer.unit} if answer.unit else {}
    rows = [{**msgspec.to_builtins(reading), **unit} for reading in answer.readings]
    if answer.group_count is None:
        return {"results": rows}
    return {"results": rows, "truncated": True, "groupCount": answer.group_count}


def written_series(series: Series) -> dict[str, Any]:
    lines = [written_line(line) for line in series.lines]
    if series.group_count is None:
        return {"series": lines}
    return {"series": lines, "truncated": True, "groupCount": series.group_count}


def written_line(line: Line) -> dict[str, Any]:
    points = [{"at": at, "value": value} for at, value in line.points]
    return {"dimensions": line.dimensions, "points": points}


def merge(world: World) -> None:
    """Make one part of each month; the rows stay, the parts and their types change."""
    merge_parts(world.runtime.engine)


def cache_repeated_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each question cached from its second calculation on."""
    monkeypatch.setattr(admission, "SLOW_SECONDS", 0)
    # A query of a few interactions is always faster.
    monkeypatch.setattr(admission, "SLOWER_RESULTS", 1 << 62)


def check_with_late_interactions(
    world: World, random: Random, check: Callable[[], None], rounds: int
) -> None:
    """Check before late interactions are recorded, after each time, and once more at the end."""
    for _ in range(rounds):
        check()
        payloads = [nasty.payload(random) for _ in range(6)]
        record(world, nasty.interactions(random, 6, AT, payloads), random)
    check()

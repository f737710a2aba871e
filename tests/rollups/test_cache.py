"""A cached metric reads only interactions that may have changed it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import pytest

from support.deployments import counts_queries, settings_in
from support.worlds import cache_repeated_questions
from tocsin.clickhouse.sql.query import Query
from tocsin.ingestion.request_context import RequestContext
from tocsin.metrics.rollups import cost
from tocsin.model.instant import format_instant
from tocsin.model.interactions.field import Field
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.answer import Answer
from tocsin.model.metrics.question import Question
from tocsin.process.events import InteractionsDropped
from tocsin.runtime import Runtime

AT = datetime(2026, 3, 20, 14, 30, 20, tzinfo=UTC)
AGES = (timedelta(), timedelta(minutes=4), timedelta(minutes=59), timedelta(days=29))
QUESTIONS = [
    Question.model_validate({"metricType": "COUNT", "timeWindow": window})
    for window in ("5m", "1h", "30d")
]


@pytest.fixture
def cached(tmp_path: Path) -> Iterator[Runtime]:
    """A runtime with one more interaction in each longer window, whose metrics are cached."""
    runtime = Runtime(settings_in(tmp_path))
    for age in AGES:
        record(runtime, AT - age)
    for _ in range(2):
        assert counts(runtime, AT) == [2, 3, 4]
    yield runtime
    runtime.close()


def record(runtime: Runtime, *timestamps: datetime) -> None:
    members = {"resourceType": "A", "action": "B", "origin": "C"}
    lines = [
        json.dumps(
            {**members, "resourceId": str(uuid4()), "timestamp": format_instant(at)}
        ).encode()
        for at in timestamps
    ]
    assert runtime.recorder.record_batch(lines, RequestContext(received=0)).accepted == len(lines)


def counts(runtime: Runtime, at: datetime, questions: Sequence[Question] = QUESTIONS) -> list[Any]:
    answers = runtime.calculator.calculate_all(questions, at)
    return [answer.readings[0].value for answer in answers if isinstance(answer, Answer)]


def queries(runtime: Runtime) -> int:
    """The number of queries that the engine has started, this one included."""
    text = "SELECT value FROM system.events WHERE event = 'SelectQuery'"
    return int(runtime.engine.run(Query(text))[0][0])


def limit_fetched_rows(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(cost, "MODEL", replace(cost.MODEL, max_rows=rows))


@counts_queries
def test_windows_that_slide_within_a_minute_read_nothing(cached: Runtime) -> None:
    before = queries(cached)
    assert counts(cached, AT + timedelta(seconds=30)) == [2, 3, 4]
    assert counts(cached, AT - timedelta(milliseconds=1)) == [1, 2, 3]
    assert queries(cached) == before + 1


@counts_queries
def test_dropping_a_month_leaves_the_partial_aggregates_of_the_others(cached: Runtime) -> None:
    march = AT.replace(day=1, hour=0, minute=0, second=0)
    assert cached.engine.drop_months_before(march) == 1
    cached.events.publish(InteractionsDropped(march))
    before = queries(cached)
    assert counts(cached, AT, QUESTIONS[:2]) == [2, 3]
    assert queries(cached) == before + 1
    for _ in range(2):
        assert counts(cached, AT) == [2, 3, 3]
    cached.events.publish(InteractionsDropped())
    assert counts(cached, AT) == [2, 3, 3]


def test_minutes_of_other_instants_do_not_evict_those_that_are_needed(cached: Runtime) -> None:
    for ago in (0, 20, 40, 60, 80, 0, 100, 20, 80, 0, 40):
        for _ in range(2):
            counts(cached, AT - timedelta(minutes=ago))
    assert counts(cached, AT) == [2, 3, 4]


def test_a_late_interaction_in_an_edge_minute_counts_to_the_millisecond(cached: Runtime) -> None:
    begin = AT - timedelta(hours=1)
    record(cached, begin)
    assert counts(cached, AT) == [2, 3, 5]
    assert counts(cached, AT - timedelta(milliseconds=1)) == [1, 3, 4]


def test_interactions_that_are_too_many_to_fetch_are_aggregated_by_the_engine(
    cached: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_fetched_rows(monkeypatch, 1)
    record(cached, AT)
    record(cached, AT)
    for _ in range(3):
        assert counts(cached, AT) == [4, 5, 6]
        assert counts(cached, AT + timedelta(minutes=2)) == [3, 4, 6]


@pytest.mark.parametrize("rows", [cost.MODEL.max_rows, 1], ids=["fetched", "scanned"])
def test_each_interaction_counts_once_as_soon_as_it_is_acknowledged(
    cached: Runtime, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    limit_fetched_rows(monkeypatch, rows)
    acknowledged = 4
    distinct = [
        question.model_copy(
            update={"aggregation": Aggregation.DISTINCT_COUNT, "field": Field("resourceId")}
        )
        for question in QUESTIONS
    ]

    def send() -> None:
        nonlocal acknowledged
        for number in range(60):
            record(cached, *[AT - timedelta(seconds=second * number) for second in range(5)])
            acknowledged += 5

    with ThreadPoolExecutor(1) as sender:
        sending = sender.submit(send)
        while not sending.done():
            before = acknowledged
            *_, count, _, _, texts = counts(cached, AT, [*QUESTIONS, *distinct])
            assert before <= count <= acknowledged + 5
            assert before <= texts <= acknowledged + 5
        sending.result()
    assert counts(cached, AT, QUESTIONS[2:]) == [acknowledged]


SINGLES = [
    Question.model_validate({"metricType": "COUNT", "timeWindow": "30d"}),
    Question.model_validate(
        {
            "metricType": "COUNT",
            "filters": [{"field": "action", "operator": "eq", "value": "B"}],
        }
    ),
    Question.model_validate({"metricType": "DISTINCT_COUNT", "field": "resourceId"}),
    Question.model_validate({"metricType": "COUNT", "groupBy": ["action"]}),
]
"""Each has a rollup of its own; all of them cover all interactions."""


def calculate_one(runtime: Runtime, question: Question, at: datetime = AT) -> Any:
    (reading,) = runtime.calculator.calculate(question, at).readings
    return reading.value


@pytest.fixture
def cached_singles(cached: Runtime, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """Every question that was calculated by itself a few times is cached."""
    cache_repeated_questions(monkeypatch)
    for _ in range(5):
        assert [calculate_one(cached, question) for question in SINGLES] == [4] * 4
    return cached


@counts_queries
def test_new_interactions_are_read_once_for_all_recently_requested_metrics(
    cached_singles: Runtime,
) -> None:
    record(cached_singles, AT)
    before = queries(cached_singles)
    assert [calculate_one(cached_singles, question) for question in SINGLES] == [5] * 4
    assert queries(cached_singles) == before + 2


@counts_queries
def test_a_metric_that_was_not_requested_recently_is_not_read_with_others(
    cached_singles: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "MODEL", replace(cost.MODEL, recent_seconds=0))
    record(cached_singles, AT)
    before = queries(cached_singles)
    assert [calculate_one(cached_singles, question) for question in SINGLES] == [5] * 4
    assert queries(cached_singles) == before + 5


def test_metrics_that_lack_more_than_new_interactions_are_refreshed_when_they_are_requested(
    cached_singles: Runtime,
) -> None:
    """Only the requested one is read as of another instant."""
    later = AT + timedelta(days=1)
    record(cached_singles, AT, later)
    assert calculate_one(cached_singles, SINGLES[0], later) == 5
    assert [calculate_one(cached_singles, question, later) for question in SINGLES[1:]] == [6] * 3
    assert [calculate_one(cached_singles, question) for question in SINGLES] == [5] * 4


def test_clients_that_calculate_while_interactions_are_recorded_see_whole_batches(
    cached_singles: Runtime,
) -> None:
    acknowledged = 4
    done = Event()

    def send() -> None:
        nonlocal acknowledged
        for number in range(80):
            timestamps = [AT - timedelta(seconds=second * number) for second in range(5)]
            record(cached_singles, *timestamps)
            acknowledged += 5
        done.set()

    def calculate(first: int) -> int:
        number = 0
        while not done.is_set():
            before = acknowledged
            value = calculate_one(cached_singles, SINGLES[(first + number) % len(SINGLES)])
            assert before <= value <= acknowledged + 5
            assert value % 5 == 4
            number += 1
        return number

    with ThreadPoolExecutor(5) as threads:
        clients = [threads.submit(calculate, first) for first in range(4)]
        threads.submit(send).result()
        assert sum(client.result() for client in clients) > 100
    assert [calculate_one(cached_singles, question) for question in SINGLES] == [404] * 4


def test_groupings_by_fields_that_no_interaction_has_are_kept_apart(cached: Runtime) -> None:
    """Such fields are the same empty column, but their groups belong to different dictionaries."""
    fields = ("interaction.nobody", "interaction.sent")
    questions = [
        Question.model_validate({"metricType": "COUNT", "groupBy": [field, "action"]})
        for field in fields
    ]
    for _ in range(3):
        answers = cached.calculator.calculate_all(questions, AT)
        for field, answer in zip(fields, answers, strict=True):
            assert isinstance(answer, Answer)
            (row,) = answer.readings
            key = field.replace(".", "_")
            assert (row.value, row.dimensions) == (4, {key: None, "action": "B"})

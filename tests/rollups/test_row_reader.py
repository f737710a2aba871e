"""Of what was asked before, is only that read which may have changed?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import pytest

from tocsin.clickhouse.sql.query import Query
from tocsin.config import Settings
from tocsin.ingestion.request_context import RequestContext
from tocsin.metrics.rollups import admission, cache, row_reader
from tocsin.model.instant import format_instant
from tocsin.model.interactions.field import Field
from tocsin.model.metrics.metric import Aggregation, Answer, Question
from tocsin.runtime import Runtime

AT = datetime(2026, 3, 20, 14, 30, 20, tzinfo=UTC)
AGO = (timedelta(), timedelta(minutes=4), timedelta(minutes=59), timedelta(days=29))
QUESTIONS = [
    Question.model_validate({"metricType": "COUNT", "timeWindow": window})
    for window in ("5m", "1h", "30d")
]


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Runtime]:
    """A runtime with an interaction in each window more, asked for them twice."""
    runtime = Runtime(Settings(data_dir=tmp_path))
    for ago in AGO:
        record(runtime, AT - ago)
    for _ in range(2):
        assert counts(runtime, AT) == [2, 3, 4]
    yield runtime
    runtime.close()


def record(runtime: Runtime, *timestamps: datetime) -> None:
    said = {"resourceType": "A", "action": "B", "origin": "C"}
    lines = [
        json.dumps({**said, "resourceId": str(uuid4()), "timestamp": format_instant(at)}).encode()
        for at in timestamps
    ]
    assert runtime.recorder.record_batch(lines, RequestContext(received=0)).accepted == len(lines)


def counts(runtime: Runtime, at: datetime, questions: Sequence[Question] = QUESTIONS) -> list[Any]:
    answers = runtime.calculator.calculate_all(questions, at)
    return [answer.readings[0].value for answer in answers if isinstance(answer, Answer)]


def queries(runtime: Runtime) -> int:
    """How many queries the engine has begun, this one included."""
    text = "SELECT value FROM system.events WHERE event = 'SelectQuery'"
    return int(runtime.engine.run(Query(text))[0][0])


def test_windows_that_slide_within_a_minute_read_nothing(asked: Runtime) -> None:
    before = queries(asked)
    assert counts(asked, AT + timedelta(seconds=30)) == [2, 3, 4]
    assert counts(asked, AT - timedelta(milliseconds=1)) == [1, 2, 3]
    assert queries(asked) == before + 1


def test_minutes_of_other_instants_do_not_push_out_those_that_are_wanted(asked: Runtime) -> None:
    for ago in (0, 20, 40, 60, 80, 0, 100, 20, 80, 0, 40):
        for _ in range(2):
            counts(asked, AT - timedelta(minutes=ago))
    assert counts(asked, AT) == [2, 3, 4]


def test_what_comes_late_into_such_a_minute_counts_to_the_millisecond(asked: Runtime) -> None:
    begin = AT - timedelta(hours=1)
    record(asked, begin)
    assert counts(asked, AT) == [2, 3, 5]
    assert counts(asked, AT - timedelta(milliseconds=1)) == [1, 3, 4]


def test_interactions_too_many_to_fetch_are_aggregated_by_the_engine(
    asked: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_reader, "MOST", 1)
    record(asked, AT)
    record(asked, AT)
    for _ in range(3):
        assert counts(asked, AT) == [4, 5, 6]
        assert counts(asked, AT + timedelta(minutes=2)) == [3, 4, 6]


@pytest.mark.parametrize("most", [row_reader.MOST, 1], ids=["fetched", "scanned"])
def test_while_interactions_come_in_each_is_counted_once_as_soon_as_it_is_acknowledged(
    asked: Runtime, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(row_reader, "MOST", most)
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
            record(asked, *[AT - timedelta(seconds=second * number) for second in range(5)])
            acknowledged += 5

    with ThreadPoolExecutor(1) as sender:
        sending = sender.submit(send)
        while not sending.done():
            before = acknowledged
            *_, count, _, _, texts = counts(asked, AT, [*QUESTIONS, *distinct])
            assert before <= count <= acknowledged + 5
            assert before <= texts <= acknowledged + 5
        sending.result()
    assert counts(asked, AT, QUESTIONS[2:]) == [acknowledged]


ALONE = [
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
"""Of a basis each; all of them look at all interactions."""


def alone(runtime: Runtime, question: Question, at: datetime = AT) -> Any:
    (reading,) = runtime.calculator.calculate(question, at).readings
    return reading.value


@pytest.fixture
def asked_alone(asked: Runtime, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """Every question is kept that was asked by itself for a few times."""
    monkeypatch.setattr(admission, "SLOW_SECONDS", 0)
    # Reading so few interactions is always faster.
    monkeypatch.setattr(admission, "SLOWER_RESULTS", 1 << 62)
    for _ in range(5):
        assert [alone(asked, question) for question in ALONE] == [4] * 4
    return asked


def test_what_is_new_is_read_once_for_all_that_were_asked_lately(asked_alone: Runtime) -> None:
    record(asked_alone, AT)
    before = queries(asked_alone)
    assert [alone(asked_alone, question) for question in ALONE] == [5] * 4
    assert queries(asked_alone) == before + 2


def test_what_was_not_asked_lately_is_not_read_with_others(
    asked_alone: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "LATELY_SECONDS", 0)
    record(asked_alone, AT)
    before = queries(asked_alone)
    assert [alone(asked_alone, question) for question in ALONE] == [5] * 4
    assert queries(asked_alone) == before + 5


def test_others_that_lack_more_than_what_is_new_are_left_to_themselves(
    asked_alone: Runtime,
) -> None:
    """Only what one of them asks for is looked at as of another instant."""
    later = AT + timedelta(days=1)
    record(asked_alone, AT, later)
    assert alone(asked_alone, ALONE[0], later) == 5
    assert [alone(asked_alone, question, later) for question in ALONE[1:]] == [6] * 3
    assert [alone(asked_alone, question) for question in ALONE] == [5] * 4


def test_clients_that_ask_while_interactions_come_in_see_whole_batches(
    asked_alone: Runtime,
) -> None:
    acknowledged = 4
    done = Event()

    def send() -> None:
        nonlocal acknowledged
        for number in range(80):
            record(asked_alone, *[AT - timedelta(seconds=second * number) for second in range(5)])
            acknowledged += 5
        done.set()

    def ask(first: int) -> int:
        number = 0
        while not done.is_set():
            before = acknowledged
            found = alone(asked_alone, ALONE[(first + number) % len(ALONE)])
            assert before <= found <= acknowledged + 5
            assert found % 5 == 4
            number += 1
        return number

    with ThreadPoolExecutor(5) as threads:
        clients = [threads.submit(ask, first) for first in range(4)]
        threads.submit(send).result()
        assert sum(client.result() for client in clients) > 100
    assert [alone(asked_alone, question) for question in ALONE] == [404] * 4


def test_groups_by_fields_that_nobody_sent_are_told_apart(asked: Runtime) -> None:
    """Such fields are read alike, as nothing; what is grouped by them is numbered apart."""
    fields = ("interaction.nobody", "interaction.sent")
    questions = [
        Question.model_validate({"metricType": "COUNT", "groupBy": [field, "action"]})
        for field in fields
    ]
    for _ in range(3):
        answers = asked.calculator.calculate_all(questions, AT)
        for field, answer in zip(fields, answers, strict=True):
            assert isinstance(answer, Answer)
            (row,) = answer.readings
            key = field.replace(".", "_")
            assert (row.value, row.dimensions) == (4, {key: None, "action": "B"})

"""Of what was asked before, is only that read which may have changed?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tocsin.config import Settings
from tocsin.model.instant import format_instant
from tocsin.model.metric import Answer, Question
from tocsin.reader import Request
from tocsin.rollups import fetcher
from tocsin.runtime import Runtime
from tocsin.sql.query import Query

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


def record(runtime: Runtime, timestamp: datetime) -> None:
    said = {"resourceType": "A", "resourceId": "1", "action": "B", "origin": "C"}
    line = json.dumps({**said, "timestamp": format_instant(timestamp)}).encode()
    assert runtime.intake.record_batch([line], Request(received=0)).accepted == 1


def counts(runtime: Runtime, at: datetime) -> list[Any]:
    answers = runtime.calculator.calculate_all(QUESTIONS, at)
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


def test_what_comes_late_into_such_a_minute_counts_to_the_millisecond(asked: Runtime) -> None:
    begin = AT - timedelta(hours=1)
    record(asked, begin)
    assert counts(asked, AT) == [2, 3, 5]
    assert counts(asked, AT - timedelta(milliseconds=1)) == [1, 3, 4]


def test_interactions_too_many_to_fetch_are_aggregated_by_the_engine(
    asked: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetcher, "MOST", 1)
    record(asked, AT)
    record(asked, AT)
    for _ in range(3):
        assert counts(asked, AT) == [4, 5, 6]
        assert counts(asked, AT + timedelta(minutes=2)) == [3, 4, 6]

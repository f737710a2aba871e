"""Is what is dated after an instant never counted, though the time need not be looked at?"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tocsin.config import Settings
from tocsin.engine.latest import Latest
from tocsin.model.instant import format_instant
from tocsin.model.metric import Question
from tocsin.reader import Request
from tocsin.runtime import Runtime
from tocsin.sql.compiler import compile_metric
from tocsin.sql.query import Query
from tocsin.sql.table import Table

AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)
ALL_TIME = Question.model_validate({"metricType": "COUNT"})


def record(runtime: Runtime, timestamp: datetime) -> None:
    said = {"resourceType": "A", "resourceId": "1", "action": "B", "origin": "C"}
    line = json.dumps({**said, "timestamp": format_instant(timestamp)}).encode()
    assert runtime.intake.record_batch([line], Request(received=0)).accepted == 1


def count(runtime: Runtime, at: datetime) -> Any:
    return runtime.calculator.calculate(ALL_TIME, at).readings[0].value


def test_a_count_of_all_time_reads_no_interaction_when_nothing_is_dated_after_its_instant(
    tmp_path: Path,
) -> None:
    runtime = Runtime(Settings(data_dir=tmp_path))
    record(runtime, AT)
    record(runtime, AT - timedelta(days=400))
    # The parts know how many they are: that is one row.
    assert runtime.calculator.explain(ALL_TIME, AT + timedelta(hours=1)).rows_read == 1
    assert count(runtime, AT + timedelta(hours=1)) == 2
    assert count(runtime, AT - timedelta(milliseconds=1)) == 1
    runtime.close()


def test_the_latest_is_known_after_a_restart(tmp_path: Path) -> None:
    runtime = Runtime(Settings(data_dir=tmp_path))
    assert count(runtime, AT) == 0
    record(runtime, AT + timedelta(days=90_000))
    runtime.close()
    runtime = Runtime(Settings(data_dir=tmp_path))
    assert runtime.engine.latest.at == AT + timedelta(days=90_000)
    assert count(runtime, AT) == 0
    runtime.close()


def test_what_is_recorded_while_a_query_is_on_its_way_does_not_count_if_it_is_dated_later(
    tmp_path: Path,
) -> None:
    runtime = Runtime(Settings(data_dir=tmp_path))
    record(runtime, AT - timedelta(hours=1))
    asked: list[bool] = []

    def compile(table: Table) -> Query:
        asked.append(table.ends_by(AT))
        if len(asked) == 1:
            record(runtime, AT + timedelta(milliseconds=1))
        return compile_metric(ALL_TIME, AT, 1, table)

    assert runtime.calculator._ask(compile, AT) == [(1,)]
    assert asked == [True, False]
    runtime.close()


def test_the_latest_never_goes_back() -> None:
    latest = Latest()
    latest.note(2_000)
    latest.note(1_000)
    assert latest.at == datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC)

"""Timestamps outside of a window never count, although queries omit unnecessary comparisons."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.deployments import settings_in
from support.engines import IS_CLUSTER, counts_reads
from support.recording import record
from support.trusted_clock import tend_with_trusted_clock
from tocsin.clickhouse.sql.compiler import compile_metric, time_comparisons
from tocsin.clickhouse.sql.extent import EMPTY, Extent
from tocsin.clickhouse.sql.query import Query
from tocsin.clickhouse.sql.table import Table
from tocsin.clickhouse.time_bounds import RecordedExtent
from tocsin.model.metrics.question import Question
from tocsin.runtime import Runtime

AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)
BEGINNING = AT - timedelta(days=30)
MILLISECOND = timedelta(milliseconds=1)
ALL_TIME = Question.model_validate({"metricType": "COUNT"})
MONTH = Question.model_validate({"metricType": "COUNT", "timeWindow": "30d"})
MONTH_BY_ORIGIN = Question.model_validate(
    {"metricType": "COUNT", "timeWindow": "30d", "groupBy": ["origin"]}
)


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    runtime = Runtime(settings_in(tmp_path))
    yield runtime
    runtime.close()


def count(runtime: Runtime, at: datetime, question: Question = ALL_TIME) -> Any:
    return runtime.calculator.calculate(question, at).readings[0].value


def rows_read(runtime: Runtime, at: datetime, question: Question) -> int:
    return runtime.calculator.explain(question, at).rows_read


def ask_while(
    runtime: Runtime, question: Question, meanwhile: Callable[[], None]
) -> tuple[Any, list[list[str]]]:
    """The value as of AT, if an event happens before the first query runs; and the comparisons of
    each query with the time."""
    tests: list[list[str]] = []

    def compile(table: Table) -> Query:
        tests.append([test for test, _ in time_comparisons(question, AT, table.extent)])
        if len(tests) == 1:
            meanwhile()
        return compile_metric(question, AT, 1, table)

    ((value,),) = runtime.calculator.run_as_of(question, AT, compile)
    return value, tests


@counts_reads
def test_a_count_reads_no_row_when_every_timestamp_is_in_its_window(
    runtime: Runtime,
) -> None:
    record(runtime, AT)
    record(runtime, BEGINNING + timedelta(days=2))
    later = AT + timedelta(hours=1)
    # The engine reads the count from the metadata of the parts, as one row.
    assert rows_read(runtime, later, ALL_TIME) == rows_read(runtime, later, MONTH) == 1
    assert count(runtime, later) == count(runtime, later, MONTH) == 2
    assert count(runtime, AT - MILLISECOND) == count(runtime, AT - MILLISECOND, MONTH) == 1


def test_timestamps_before_a_window_or_at_its_beginning_do_not_count(runtime: Runtime) -> None:
    record(runtime, AT - timedelta(days=1))
    record(runtime, BEGINNING + MILLISECOND)
    # Each shard reads its count as one row.
    assert IS_CLUSTER or rows_read(runtime, AT, MONTH) == 1
    assert count(runtime, AT, MONTH) == 2
    record(runtime, BEGINNING)
    assert count(runtime, AT, MONTH) == 2
    record(runtime, BEGINNING - timedelta(days=400))
    assert count(runtime, AT, MONTH) == 2
    assert count(runtime, AT) == 4


def test_groups_are_counted_within_the_window_too(runtime: Runtime) -> None:
    record(runtime, AT - timedelta(days=1))
    assert runtime.calculator.calculate(MONTH_BY_ORIGIN, AT, 0).group_count == 1
    assert runtime.calculator.calculate(MONTH_BY_ORIGIN, AT - timedelta(days=2), 0).readings == []
    assert runtime.calculator.calculate(MONTH_BY_ORIGIN, AT + timedelta(days=30)).readings == []


def test_both_ends_are_known_after_a_restart(tmp_path: Path) -> None:
    runtime = Runtime(settings_in(tmp_path))
    assert runtime.engine.recorded_extent.current == EMPTY
    assert count(runtime, AT) == count(runtime, AT, MONTH) == 0
    first, last = AT - timedelta(days=20_000), AT + timedelta(days=90_000)
    record(runtime, first)
    record(runtime, last)
    runtime.close()
    runtime = Runtime(settings_in(tmp_path))
    assert runtime.engine.recorded_extent.current == Extent(first, last)
    assert count(runtime, AT, MONTH) == 0
    assert count(runtime, AT) == 1
    runtime.close()


def test_a_later_timestamp_recorded_during_a_query_does_not_count(
    runtime: Runtime,
) -> None:
    record(runtime, AT - timedelta(hours=1))
    later = AT + MILLISECOND
    assert ask_while(runtime, ALL_TIME, lambda: record(runtime, later)) == (1, [[], ["<="]])


def test_an_earlier_timestamp_recorded_during_a_query_does_not_count(
    runtime: Runtime,
) -> None:
    record(runtime, AT - timedelta(hours=1))
    earlier = BEGINNING
    assert ask_while(runtime, MONTH, lambda: record(runtime, earlier)) == (1, [[], [">", "<="]])


def test_a_query_is_not_repeated_for_timestamps_that_it_has_compared(
    runtime: Runtime,
) -> None:
    record(runtime, AT - timedelta(hours=1))
    within = BEGINNING + MILLISECOND
    assert ask_while(runtime, MONTH, lambda: record(runtime, within)) == (2, [[]])
    record(runtime, BEGINNING)
    earlier = BEGINNING - MILLISECOND
    assert ask_while(runtime, MONTH, lambda: record(runtime, earlier)) == (2, [[">"]])
    record(runtime, AT)
    later = AT + MILLISECOND
    assert ask_while(runtime, MONTH, lambda: record(runtime, later)) == (3, [[">", "<="]])


def test_during_recording_only_the_end_of_a_window_is_compared_immediately(
    runtime: Runtime,
) -> None:
    record(runtime, AT)
    later = AT + MILLISECOND
    assert ask_while(runtime, MONTH, lambda: record(runtime, later)) == (1, [["<="]])


def test_an_empty_table_is_queried_again_for_a_timestamp_outside_of_the_window(
    runtime: Runtime,
) -> None:
    later = AT + MILLISECOND
    assert ask_while(runtime, MONTH, lambda: record(runtime, later)) == (0, [[], [">", "<="]])


def test_dropping_months_does_not_change_answers(tmp_path: Path) -> None:
    # Longer than the time since AT: maintenance, which uses the clock, drops nothing.
    runtime = Runtime(settings_in(tmp_path, retention="3650d"))
    record(runtime, AT - timedelta(days=90))
    record(runtime, AT)
    tend_with_trusted_clock(runtime, AT + timedelta(days=3620))
    assert runtime.engine.rows() == 1
    assert count(runtime, AT, MONTH) == count(runtime, AT) == 1
    runtime.close()


def test_the_extent_only_widens() -> None:
    known = RecordedExtent()
    known.include(2_000, 3_000)
    known.include(1_000, 1_500)
    known.include(2_500, 2_600)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert known.current == Extent(epoch + timedelta(seconds=1), epoch + timedelta(seconds=3))

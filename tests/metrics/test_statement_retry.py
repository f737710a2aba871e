"""A statement over many items isolates the items that make it fail, and retries them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from tocsin.errors import Stopping, Unavailable
from tocsin.metrics.statement_retry import StatementRetry

AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)


class Statement:
    """Fails for some numbers, and keeps the items of each run."""

    def __init__(self, *bad: int) -> None:
        self.bad = set(bad)
        self.runs: list[list[int]] = []

    def __call__(self, items: Sequence[int]) -> None:
        self.runs.append(list(items))
        if self.bad & set(items):
            raise Unavailable


def test_without_a_failure_the_statement_runs_once() -> None:
    statement = Statement()
    assert StatementRetry("test").run(range(9), AT, statement) == list(range(9))
    assert statement.runs == [list(range(9))]
    assert StatementRetry("test").run([], AT, statement) == []
    assert len(statement.runs) == 1


def test_the_statement_succeeds_for_all_items_but_those_that_fail_alone() -> None:
    assert StatementRetry("test").run(range(9), AT, Statement(0, 5, 8)) == [1, 2, 3, 4, 6, 7]


def test_a_failed_item_is_retried_after_ten_minutes_then_after_twice_as_long() -> None:
    retry, statement = StatementRetry("test"), Statement(1)
    retried_at = []
    for minute in range(0, 5_000, 10):
        statement.runs.clear()
        retry.run([1], AT + timedelta(minutes=minute), statement)
        retried_at += [minute] * bool(statement.runs)
    assert retried_at == [0, 10, 30, 70, 150, 310, 630, 1_270, 2_550, 3_990]


def test_after_a_success_an_item_is_due_immediately() -> None:
    retry, statement = StatementRetry("test"), Statement(1)
    retry.run([1], AT, statement)
    statement.bad.clear()
    assert retry.run([1], AT + timedelta(minutes=9), statement) == []
    assert retry.run([1], AT + timedelta(minutes=10), statement) == [1]
    assert retry.run([1], AT + timedelta(minutes=10), statement) == [1]


def test_a_failed_item_is_logged_once(capsys: pytest.CaptureFixture[str]) -> None:
    retry, statement = StatementRetry("adding"), Statement(3)
    for hours in range(5):
        retry.run(range(9), AT + timedelta(hours=hours), statement)
    assert capsys.readouterr().out.count("adding failed") == 1


def test_a_stop_of_the_server_ends_the_run() -> None:
    def stop(_items: Sequence[int]) -> None:
        raise Stopping

    with pytest.raises(Stopping):
        StatementRetry("test").run(range(9), AT, stop)

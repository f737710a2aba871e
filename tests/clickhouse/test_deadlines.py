"""Processing of the rows of a query ends at the deadline, and when the service stops."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.deployments import IS_ON_SERVERS, settings_in
from support.receivers import wait_for
from tocsin.alerting import backtest
from tocsin.alerting.backtest import BacktestInput
from tocsin.clickhouse.sql.query import Query
from tocsin.errors import QueryTooHeavy, Stopping
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.alerts.alert import Comparison, Rule
from tocsin.model.alerts.backtest import PastSpan
from tocsin.model.metrics.draft import read_metric
from tocsin.model.metrics.question import Question
from tocsin.runtime import Runtime

GROUPS = 10_000
AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)


@pytest.fixture
def opened(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Runtime]:
    """A group for each interaction; a calculation may take a second, or as many as given."""
    runtime = Runtime(settings_in(tmp_path, query_seconds=getattr(request, "param", 1)))
    named = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
    when = {"timestamp": AT.isoformat()}
    lines = [json.dumps({**named, **when, "interaction": {"n": n}}).encode() for n in range(GROUPS)]
    assert runtime.recorder.record_batch(lines, RequestContext(received=0)).accepted == GROUPS
    yield runtime
    runtime.close()


def question(runtime: Runtime, **members: Any) -> Question:
    body = {"name": "N", "metricType": "COUNT", "timeWindow": "1h", "groupBy": ["interaction.n"]}
    return read_metric({**body, **members}, runtime.catalog)[1]


def trial(runtime: Runtime) -> BacktestInput:
    return BacktestInput(Rule(operator=Comparison.GT, threshold=0), question(runtime))


def span(days: int) -> PastSpan:
    start, to = AT - timedelta(days=days), AT + timedelta(hours=2)
    return PastSpan.model_validate({"from": start, "to": to, "step": "10s"})


def queries(runtime: Runtime) -> int:
    text = "SELECT value FROM system.events WHERE event = 'SelectQuery'"
    return int(runtime.engine.run(Query(text))[0][0])


def test_a_backtest_ends_at_the_deadline(opened: Runtime) -> None:
    """The whole backtest would take twenty seconds, one of them in the engine."""
    with pytest.raises(QueryTooHeavy):
        list(opened.backtester.backtest(trial(opened), span(days=50)))


def test_a_backtest_ends_when_the_service_stops(opened: Runtime) -> None:
    groups = opened.backtester.backtest(trial(opened), span(days=1))
    assert next(groups).fired == 1
    opened.stop_calculating()
    with pytest.raises(Stopping):
        next(groups)


@pytest.mark.parametrize("opened", [60], indirect=True)
def test_a_backtest_of_too_many_groups_is_rejected_before_they_are_read(
    opened: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtest, "ANSWERED_GROUPS", GROUPS - 1)

    def count_queries_of_rejection() -> int:
        before = queries(opened)
        with pytest.raises(QueryTooHeavy, match="more than 9,999 groups"):
            next(opened.backtester.backtest(trial(opened), span(days=1)))
        return queries(opened) - before

    if IS_ON_SERVERS:
        # A server counts the queries of all its clients.
        count_queries_of_rejection()
    else:
        # Until no other thread asks meanwhile.
        wait_for(lambda: count_queries_of_rejection() == 2)
    monkeypatch.setattr(backtest, "ANSWERED_GROUPS", GROUPS)
    assert next(opened.backtester.backtest(trial(opened), span(days=1)))


def test_a_series_ends_when_the_service_stops(opened: Runtime) -> None:
    opened.stop_calculating()
    total = question(opened, groupBy=[])
    with pytest.raises(Stopping):
        opened.calculator.series(total, AT - timedelta(hours=1), AT, timedelta(minutes=1))


def test_groups_that_are_in_no_window_of_a_backtest_do_not_count_against_its_limit(
    opened: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtest, "ANSWERED_GROUPS", 0)
    members = {"from": AT - timedelta(days=5), "to": AT + timedelta(hours=2), "step": "24h"}
    daily = PastSpan.model_validate(members)
    assert list(opened.backtester.backtest(trial(opened), daily)) == []

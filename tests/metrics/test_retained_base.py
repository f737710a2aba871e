"""A comparison has no value where its base period begins before the retention cut-off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tocsin.alerting.backtest import BacktestInput
from tocsin.config import Settings
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.alerts.alert import Rule
from tocsin.model.alerts.backtest import PastSpan
from tocsin.model.alerts.draft import read_alert
from tocsin.model.instant import format_instant, to_milliseconds
from tocsin.model.metrics.draft import read_metric
from tocsin.model.metrics.metric import Metric
from tocsin.model.metrics.question import Question
from tocsin.runtime import Runtime

DAY = timedelta(days=1)
RETENTION = 40


@pytest.fixture
def now() -> datetime:
    now = datetime.now(UTC)
    return now.replace(microsecond=0)


@pytest.fixture
def cutoff(now: datetime) -> datetime:
    """The start of the month in which the retention ends."""
    month = (now - RETENTION * DAY).replace(day=1)
    return month.replace(hour=0, minute=0, second=0)


@pytest.fixture
def runtime(tmp_path: Path, now: datetime, cutoff: datetime) -> Iterator[Runtime]:
    """One interaction a day since the cut-off."""
    settings = Settings.model_validate({"data_dir": tmp_path, "retention": f"{RETENTION}d"})
    opened = Runtime(settings)
    context = RequestContext(to_milliseconds(now))
    for day in range((now - cutoff).days + 1):
        head = {"resourceType": "T", "resourceId": "r", "action": "A", "origin": "O"}
        head["timestamp"] = format_instant(now - day * DAY)
        item = json.dumps({**head, "interaction": {"g": "x"}}).encode()
        assert not opened.recorder.record_batch([item], context).rejected
    yield opened
    opened.close()


def definition(offset: int, **members: Any) -> dict[str, Any]:
    return {
        **{"name": "n", "metricType": "COUNT", "timeWindow": "1d", "groupBy": ["interaction.g"]},
        **{"compare": {"offset": f"{offset}d", "as": "difference"}, **members},
    }


def compared(runtime: Runtime, offset: int, **members: Any) -> Question:
    return read_metric(definition(offset, **members), runtime.catalog)[1]


def stored(runtime: Runtime, **members: Any) -> Metric:
    draft, question = read_metric({"name": "n", **members}, runtime.catalog)
    return runtime.metrics.create(draft, question, runtime.now())


def test_the_base_is_null_before_the_cutoff(
    runtime: Runtime, now: datetime, cutoff: datetime
) -> None:
    kept = (now - cutoff).days - 1
    for offset, row in ((kept, (0, 1, 1)), (kept + 1, (None, 1, None)), (900, (None, 1, None))):
        question = compared(runtime, offset)
        alone = runtime.calculator.calculate(question, now)
        for _ in range(3):
            together = runtime.calculator.calculate_all([question, question.current], now)
            assert together[0] == alone
        assert [(each.value, *(each.sides or ())) for each in alone.readings] == [row]


def test_a_series_and_a_backtest_have_no_value_before_the_cutoff(
    runtime: Runtime, now: datetime, cutoff: datetime
) -> None:
    question = compared(runtime, 7)
    series = runtime.calculator.series(question, cutoff, now, DAY)
    (line,) = series.lines
    for at, value in line.points:
        assert (value is None) is (at - 8 * DAY < cutoff), at
    rule = Rule.model_validate({"operator": "lte", "threshold": 0})
    span = PastSpan.model_validate({"from": cutoff, "to": now, "step": "24h"})
    (history,) = runtime.backtester.backtest(BacktestInput(rule, question), span)
    first = next(at for at, value in line.points if value is not None)
    assert [(change.at, change.sides) for change in history.changes] == [(first, (1, 1))]


def test_a_ratio_before_the_cutoff_has_no_base(runtime: Runtime, now: datetime) -> None:
    side = {"metricType": "COUNT"}
    ratio = {"metricType": "RATIO", "numerator": side, "denominator": side}
    (reading,) = runtime.calculator.calculate(compared(runtime, 900, **ratio), now).readings
    assert (reading.value, reading.sides) == (None, (1, None))


def test_a_guard_without_a_row_has_no_value_before_the_cutoff(
    runtime: Runtime, now: datetime, cutoff: datetime
) -> None:
    """An alert on a count fires where the guard, a difference of nothing and nothing, is 0."""
    never = [{"field": "interaction.never", "operator": "exists"}]
    watched = stored(runtime, metricType="COUNT", groupBy=["interaction.g"])
    for offset, fires in ((7, True), (900, False)):
        guard = stored(runtime, **definition(offset, filters=never))
        rule = {"operator": "gte", "threshold": 1}
        only_when = [{"metricId": str(guard.metric_id), "operator": "lte", "threshold": 0}]
        body = {"title": "t", "metricId": str(watched.metric_id), "alertAction": "fired", **rule}
        body["onlyWhen"] = only_when
        draft = read_alert(body, runtime.catalog, runtime.metrics, runtime.channels)
        alert = runtime.alerts.create(draft, now)
        (result,) = runtime.evaluator.evaluate([alert.alert_id], runtime.now())
        assert bool(result.firing) is fires
        input = BacktestInput(
            alert.rule,
            watched.question,
            guards=((alert.only_when[0], guard.question),),
        )
        span = PastSpan.model_validate({"from": cutoff, "to": now, "step": "24h"})
        (history,) = runtime.backtester.backtest(input, span)
        first = cutoff + (1 + offset) * DAY
        assert [change.at - first < DAY for change in history.changes] == [True] * fires

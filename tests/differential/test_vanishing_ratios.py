"""An alert on a RATIO decides about each group alone, also about one that vanishes or is null."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tocsin.alerting.backtest import BacktestInput
from tocsin.config import Settings
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.alerts.alert import NoData, Rule
from tocsin.model.alerts.backtest import PastSpan
from tocsin.model.alerts.evaluation import evaluate_groups
from tocsin.model.alerts.state import AlertState, GroupKey, StateChange
from tocsin.model.instant import to_milliseconds
from tocsin.model.metrics.draft import read_metric
from tocsin.model.metrics.question import Question
from tocsin.runtime import Runtime

START = datetime(2026, 3, 20, 14, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MINUTES = 8
FAILED = {"field": "interaction.ok", "operator": "eq", "value": False}
RATIO = {
    "name": "n",
    "metricType": "RATIO",
    "timeWindow": "2m",
    "groupBy": ["interaction.g"],
    "numerator": {"metricType": "COUNT", "filters": [FAILED]},
    "denominator": {"metricType": "COUNT"},
    "minimumDenominator": 2,
}
# By minute: "fewer" falls below the minimum, "gone" vanishes, "clear" recovers by its value,
# "returning" vanishes and fails again.
RECORDED = {
    1: {"fewer": "--", "gone": "---", "clear": "--", "returning": "--"},
    2: {"clear": "++++"},
    3: {"fewer": "-", "clear": "+"},
    4: {"clear": "++"},
    6: {"returning": "---"},
}


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    folder: Path = tmp_path_factory.mktemp("vanishing")
    opened = Runtime(Settings(data_dir=folder))
    context = RequestContext(to_milliseconds(START))
    for minute, groups in RECORDED.items():
        at = (START + minute * MINUTE).isoformat()
        for group, marks in groups.items():
            for mark in marks:
                ok = "true" if mark == "+" else "false"
                payload = f'{{"g":"{group}","ok":{ok}}}'
                text = (
                    '{"resourceType":"T","resourceId":"r","action":"A","origin":"O",'
                    f'"timestamp":"{at}","interaction":{payload}}}'
                )
                assert not opened.recorder.record_batch([text.encode()], context).rejected
    yield opened
    opened.close()


def rows_of(changes: list[StateChange]) -> list[tuple[Any, ...]]:
    """The group, the minute, the status, the reason, the value and the sides of each change."""
    return sorted(
        (
            (change.dimensions or {})["interaction_g"],
            (change.at - START) // MINUTE,
            change.status.value,
            change.reason.value,
            change.value,
            change.sides,
        )
        for change in changes
    )


def live(runtime: Runtime, question: Question, rule: Rule) -> list[StateChange]:
    states: dict[GroupKey, AlertState] = {}
    changes: list[StateChange] = []
    for minute in range(1, MINUTES + 1):
        at = START + minute * MINUTE
        (answer,) = runtime.calculator.calculate_all([question], at)
        result = evaluate_groups(rule, states, answer.readings, at)  # type: ignore[union-attr]  # no error
        for key, state in result.states.items():
            states.pop(key, None)
            if state:
                states[key] = state
        changes += result.changes
    return changes


FIRED = [
    ("clear", 1, "FIRING", "threshold", 1, (2, 2)),
    ("fewer", 1, "FIRING", "threshold", 1, (2, 2)),
    ("gone", 1, "FIRING", "threshold", 1, (3, 3)),
    ("returning", 1, "FIRING", "threshold", 1, (2, 2)),
]
CLEAR = ("clear", 2, "OK", "recovered", 0.333333333333333, (2, 6))


@pytest.mark.parametrize(
    ("no_data", "expected"),
    [
        (
            NoData.OK,
            [
                *FIRED,
                CLEAR,
                ("fewer", 3, "OK", "recovered", None, (1, 1)),
                ("gone", 3, "OK", "recovered", None, None),
                ("returning", 3, "OK", "recovered", None, None),
                ("returning", 6, "FIRING", "threshold", 1, (3, 3)),
                ("returning", 8, "OK", "recovered", None, None),
            ],
        ),
        (NoData.KEEP, [*FIRED, CLEAR]),
        (
            NoData.FIRING,
            [*FIRED, CLEAR, ("clear", 6, "FIRING", "no-data", None, None)],
        ),
    ],
)
def test_the_rule_for_missing_data_decides_about_each_group(
    runtime: Runtime, no_data: NoData, expected: list[Any]
) -> None:
    _, question = read_metric(RATIO, runtime.catalog)
    rule = Rule.model_validate({"operator": "gt", "threshold": 0.5, "noData": no_data})
    changes = live(runtime, question, rule)
    assert rows_of(changes) == sorted(expected)
    span = PastSpan.model_validate(
        {"from": START, "to": START + MINUTES * MINUTE, "step": "1m"},
    )
    histories = runtime.backtester.backtest(BacktestInput(rule, question), span)
    backtested = [change for history in histories for change in history.changes]
    assert rows_of(backtested) == rows_of(changes)

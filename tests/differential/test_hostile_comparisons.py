"""Comparisons at their limits have the values worked by hand, in every path."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.worlds import cache_repeated_questions
from tocsin.alerting.backtest import BacktestInput
from tocsin.api.bodies import json_response
from tocsin.api.schemas.calculations import Calculation
from tocsin.config import Settings
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.alerts.alert import Rule
from tocsin.model.alerts.backtest import PastSpan
from tocsin.model.instant import format_instant, to_milliseconds
from tocsin.model.metrics.answer import Answer
from tocsin.model.metrics.draft import read_metric
from tocsin.model.metrics.question import Question
from tocsin.runtime import Runtime

AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)

Row = tuple[Any, Any, Any]
"""The value, the current value and the base."""


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """An installation that caches each question from its second calculation on."""
    cache_repeated_questions(monkeypatch)
    opened = Runtime(Settings(data_dir=tmp_path))
    record(opened, "{}", AT - timedelta(days=900))
    yield opened
    opened.close()


def record(runtime: Runtime, payload: str, at: datetime = AT) -> None:
    head = {"resourceType": "T", "resourceId": "r", "action": "A", "origin": "O"}
    head["timestamp"] = format_instant(at)
    text = json.dumps(head)[:-1] + f', "interaction": {payload}}}'
    context = RequestContext(to_milliseconds(AT))
    assert not runtime.recorder.record_batch([text.encode()], context).rejected


def record_pairs(runtime: Runtime, pairs: dict[str, tuple[list[str], list[str]]]) -> None:
    """By group: numbers of the last hour, and numbers of the hour before it."""
    for group, periods in pairs.items():
        for earlier, numbers in enumerate(periods):
            for number in numbers:
                record(runtime, f'{{"g":"{group}","n":{number}}}', AT - earlier * HOUR)


def compared(change: str, kind: str = "SUM", **members: Any) -> dict[str, Any]:
    field = {} if kind in ("COUNT", "RATE", "RATIO") else {"field": "interaction.n"}
    least = {"minimumBase": members.pop("least")} if "least" in members else {}
    return {
        **{"name": "n", "metricType": kind, "timeWindow": "1h", "groupBy": ["interaction.g"]},
        **{**field, "compare": {"offset": "1h", "as": change, **least}, **members},
    }


def question_of(runtime: Runtime, metric: dict[str, Any]) -> Question:
    return read_metric(metric, runtime.catalog)[1]


def rows_in(question: Question, answer: object) -> dict[str | None, Row]:
    """The rows of the answer's JSON by the text of the only dimension; None without groups."""
    assert isinstance(answer, Answer)
    body = json_response(Calculation.of(None, "n", question.aggregation, answer)).body
    rows = json.loads(bytes(body), parse_constant=pytest.fail)["results"]
    return {
        next(iter((row["dimensions"] or {}).values()), None): (
            row["value"],
            row["current"],
            row["base"],
        )
        for row in rows
    }


def check(runtime: Runtime, metric: dict[str, Any], expected: dict[Any, Row]) -> None:
    """The rows in every path; the second calculation builds rollups, the third reads them."""
    question = question_of(runtime, metric)
    calculator = runtime.calculator
    for _ in range(3):
        assert rows_in(question, calculator.calculate(question, AT)) == expected
    for _ in range(3):
        (together, *_) = calculator.calculate_all([question, *question.parts], AT)
        assert rows_in(question, together) == expected
    series = calculator.series(question, AT - HOUR, AT, HOUR)
    last = {
        next(iter((line.dimensions or {}).values()), None): line.points[-1][1]
        for line in series.lines
    }
    assert last == {group: value for group, (value, _, _) in expected.items()}
    assert backtested(runtime, question) == {
        group: row for group, row in expected.items() if row[0] is not None
    }


def backtested(runtime: Runtime, question: Question) -> dict[str | None, Row]:
    """The rows with which an alert fires that holds for every value."""
    rule = Rule.model_validate({"operator": "neq", "threshold": 1e-200})
    span = PastSpan.model_validate({"from": AT - HOUR, "to": AT, "step": "1h"})
    return {
        next(iter((change.dimensions or {}).values()), None): (change.value, *(change.sides or ()))
        for history in runtime.backtester.backtest(BacktestInput(rule, question), span)
        for change in history.changes
    }


def test_a_group_of_one_period_only_has_the_empty_value_of_the_other(runtime: Runtime) -> None:
    record_pairs(runtime, {"both": (["1", "2"], ["4"]), "new": (["5"], []), "gone": ([], ["6"])})
    check(
        runtime,
        compared("difference"),
        {"both": (-1, 3, 4), "new": (5, 5, 0), "gone": (-6, 0, 6)},
    )
    check(
        runtime,
        compared("percent"),
        {"both": (-25, 3, 4), "new": (None, 5, 0), "gone": (-100, 0, 6)},
    )
    check(
        runtime,
        compared("factor", "MAX"),
        {"both": (0.5, 2, 4), "new": (None, 5, None), "gone": (None, None, 6)},
    )
    check(
        runtime,
        compared("difference", "AVG"),
        {"both": (-2.5, 1.5, 4), "new": (None, 5, None), "gone": (None, None, 6)},
    )


def test_negative_zero_and_small_bases(runtime: Runtime) -> None:
    record_pairs(
        runtime,
        {
            "rising": (["-1"], ["-4"]),
            "zero": (["3"], ["0"]),
            "both zero": (["0"], ["1", "-1"]),
            "small": (["3"], ["2"]),
        },
    )
    rows = {"rising": (75, -1, -4), "zero": (None, 3, 0), "both zero": (None, 0, 0)}
    check(runtime, compared("percent"), {**rows, "small": (50, 3, 2)})
    check(runtime, compared("percent", least=3), {**rows, "small": (None, 3, 2)})
    factors = {**rows, "rising": (0.25, -1, -4), "small": (1.5, 3, 2)}
    check(runtime, compared("factor", least=2), factors)


def test_the_minimum_is_compared_before_rounding(runtime: Runtime) -> None:
    # The sum is 0.30000000000000004, which is shown as 0.3.
    record_pairs(runtime, {"x": (["1"], ["0.1", "0.2"])})
    least = 0.30000000000000004
    check(runtime, compared("factor", least=least), {"x": (3.33333333333333, 1, 0.3)})
    check(runtime, compared("factor", least=0.3000000000000001), {"x": (None, 1, 0.3)})


def test_a_difference_is_that_of_the_displayed_decimals(runtime: Runtime) -> None:
    record_pairs(
        runtime,
        {
            "equal": (["0.1", "0.2"], ["0.3"]),
            "cents": (["1000.1"], ["1000"]),
            "money": (["1211.26"], ["1200.01"]),
            "far apart": (["1e15"], ["0.5"]),
        },
    )
    check(
        runtime,
        compared("difference"),
        {
            "equal": (0, 0.3, 0.3),
            "cents": (0.1, 1000.1, 1000),
            "money": (11.25, 1211.26, 1200.01),
            "far apart": (1e15, 1e15, 0.5),
        },
    )


def test_numbers_at_the_limits_of_a_double_are_a_value_or_null(runtime: Runtime) -> None:
    largest = "1.7976931348623157e308"
    record_pairs(
        runtime,
        {
            "overflowing": ([largest, largest], ["1"]),
            "opposite": ([largest], [f"-{largest}"]),
            "product only": ([largest], ["1e308"]),
            "quotient": ([largest], ["0.5"]),
        },
    )
    number = float(largest)
    sides: dict[str, tuple[Any, Any]] = {
        "overflowing": (None, 1),
        "opposite": (number, -number),
        "product only": (number, 1e308),
        "quotient": (number, 0.5),
    }
    values = {
        "difference": (None, None, number - 1e308, number),
        "percent": (None, 200, 79.7693134862316, None),
        "factor": (None, -1, 1.79769313486232, None),
    }
    for change, of_change in values.items():
        rows = zip(sides.items(), of_change, strict=True)
        expected = {group: (value, *pair) for (group, pair), value in rows}
        check(runtime, compared(change), expected)


def test_a_constant_stream_does_not_change(runtime: Runtime) -> None:
    for minute in range(0, 24 * 60, 10):
        record(runtime, '{"g":"x","n":0.1}', AT - timedelta(minutes=minute))
    sides = {"numerator": {"metricType": "COUNT"}, "denominator": {"metricType": "COUNT"}}
    for kind, members in (
        ("COUNT", {}),
        ("SUM", {}),
        ("AVG", {}),
        ("DISTINCT_COUNT", {}),
        ("RATE", {}),
        ("LATEST", {}),
        ("PERCENTILE", {"percentile": 95}),
        ("RATIO", sides),
    ):
        for change, value in (("difference", 0), ("percent", 0), ("factor", 1)):
            metric = compared(change, kind, timeWindow="2h", **members)
            for offset in ("1h", "90m", "3h"):
                metric["compare"]["offset"] = offset
                question = question_of(runtime, metric)
                rows = rows_in(question, runtime.calculator.calculate(question, AT))
                assert [row[0] for row in rows.values()] == [value], (kind, change)


def test_comparisons_with_a_limit_are_cut_by_the_change(runtime: Runtime) -> None:
    for number in range(150):
        record(runtime, f'{{"g":"{number:03}","n":{number}}}')
        record(runtime, f'{{"g":"{number:03}","n":{number % 7}}}', AT - HOUR)
    question = question_of(runtime, compared("difference"))
    expected = sorted(
        ((number - number % 7, f"{number:03}") for number in range(150)),
        key=lambda row: (-row[0], row[1]),
    )
    for limit in (1, 7, 149, 150, 10_000):
        for _ in range(3):
            answer = runtime.calculator.calculate(question, AT, limit)
            rows = [
                (reading.value, (reading.dimensions or {})["interaction_g"])
                for reading in answer.readings
            ]
            assert rows == expected[:limit]
            assert answer.group_count == (150 if limit < 150 else None)

"""Ratios at their limits have the values worked by hand, in every path, as JSON without NaN."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.worlds import cache_repeated_questions
from tocsin.api.bodies import json_response
from tocsin.api.schemas.calculations import Calculation
from tocsin.config import Settings
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.instant import format_instant, to_milliseconds
from tocsin.model.metrics.answer import Answer
from tocsin.model.metrics.draft import read_metric
from tocsin.model.metrics.question import Question
from tocsin.runtime import Runtime

AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)
STEP = timedelta(minutes=30)

Row = tuple[Any, Any, Any]
"""The value, the numerator and the denominator."""


def record(runtime: Runtime, payload: str, at: datetime = AT, action: str = "A") -> None:
    head = {"resourceType": "T", "resourceId": "r", "action": action, "origin": "O"}
    head["timestamp"] = format_instant(at)
    text = json.dumps(head)[:-1] + f', "interaction": {payload}}}'
    context = RequestContext(to_milliseconds(AT))
    batch = runtime.recorder.record_batch([text.encode()], context)
    assert not batch.rejected


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """An installation that caches each question from its second calculation on."""
    cache_repeated_questions(monkeypatch)
    opened = Runtime(Settings(data_dir=tmp_path))
    for action in ("A", "B"):
        record(opened, "{}", AT - timedelta(days=900), action)
    yield opened
    opened.close()


def side(kind: str = "COUNT", field: str | None = None, **members: Any) -> dict[str, Any]:
    return {"metricType": kind, **({"field": f"interaction.{field}"} if field else {}), **members}


def ratio(numerator: dict[str, Any], denominator: dict[str, Any], **members: Any) -> dict[str, Any]:
    body = {"name": "n", "metricType": "RATIO", "timeWindow": "1h", **members}
    return {**body, "numerator": numerator, "denominator": denominator}


def question_of(runtime: Runtime, metric: dict[str, Any]) -> Question:
    return read_metric(metric, runtime.catalog)[1]


def rows_in(question: Question, answer: object) -> dict[Any, Row]:
    """The rows of the answer's JSON by the text of the only dimension; None without groups."""
    assert isinstance(answer, Answer)
    body = json_response(Calculation.of(None, "n", question.aggregation, answer)).body
    rows = json.loads(bytes(body), parse_constant=pytest.fail)["results"]
    assert b"-0," not in bytes(body)
    assert b"-0.0" not in bytes(body)
    return {
        _text_of(row["dimensions"]): (
            row["value"],
            row["numerator"],
            row["denominator"],
        )
        for row in rows
    }


def _text_of(dimensions: dict[str, str | None] | None) -> str | None:
    return next(iter((dimensions or {}).values()), None)


def check(runtime: Runtime, metric: dict[str, Any], expected: dict[Any, Row]) -> None:
    """The rows in every path; the second calculation builds rollups, the third reads them."""
    question = question_of(runtime, metric)
    calculator = runtime.calculator
    for _ in range(3):
        assert rows_in(question, calculator.calculate(question, AT)) == expected
    for _ in range(3):
        (together, *sides) = calculator.calculate_all([question, *question.parts], AT)
        assert rows_in(question, together) == expected
        assert all(isinstance(each, Answer) for each in sides)
    assert len(calculator.cache.store.keys()) >= len(set(question.parts))
    series = calculator.series(question, AT - STEP, AT, STEP)
    last = {_text_of(line.dimensions): line.points[-1][1] for line in series.lines}
    assert last == {texts: value for texts, (value, _, _) in expected.items()}


def test_over_no_interactions_an_ungrouped_ratio_has_one_row_and_a_grouped_one_none(
    runtime: Runtime,
) -> None:
    sides = side(action="A"), side("SUM", "d", action="B")
    check(runtime, ratio(*sides), {None: (None, 0, 0)})
    check(runtime, ratio(*sides, groupBy=["interaction.g"]), {})
    nulls = ratio(side("MIN", "n"), side("AVG", "d"), minimumDenominator=-1, scale=100)
    check(runtime, nulls, {None: (None, None, None)})


def test_a_group_of_one_side_only_has_the_empty_value_of_the_other(runtime: Runtime) -> None:
    record(runtime, '{"g":"both","n":1,"d":2}', action="A")
    record(runtime, '{"g":"both","n":1,"d":4}', action="B")
    record(runtime, '{"g":"numerator","n":5,"d":2}', action="A")
    record(runtime, '{"g":"denominator","n":1,"d":4}', action="B")
    record(runtime, '{"n":3}', action="B")
    grouped = {"groupBy": ["interaction.g"]}
    check(
        runtime,
        ratio(side("SUM", "n", action="A"), side("SUM", "d", action="B"), **grouped),
        {
            "both": (0.25, 1, 4),
            "denominator": (0, 0, 4),
            "numerator": (None, 5, 0),
            None: (None, 0, 0),
        },
    )
    check(
        runtime,
        ratio(side("MAX", "n", action="A"), side(action="B"), **grouped),
        {
            "both": (1, 1, 1),
            "denominator": (None, None, 1),
            "numerator": (None, 5, 0),
            None: (None, None, 1),
        },
    )


@pytest.mark.parametrize(
    ("least", "expected"),
    [
        (None, {"a": (-300, 6, -2), "b": (0, 0, -4), "c": (None, 1, 0), "d": (50, 1, 2)}),
        (0, {"a": (None, 6, -2), "b": (None, 0, -4), "c": (None, 1, 0), "d": (50, 1, 2)}),
        (-2, {"a": (-300, 6, -2), "b": (None, 0, -4), "c": (None, 1, 0), "d": (50, 1, 2)}),
        (2, {"a": (None, 6, -2), "b": (None, 0, -4), "c": (None, 1, 0), "d": (50, 1, 2)}),
        # The scale does not apply to the minimum.
        (100, {"a": (None, 6, -2), "b": (None, 0, -4), "c": (None, 1, 0), "d": (None, 1, 2)}),
    ],
)
def test_zero_negative_and_small_denominators(
    runtime: Runtime, least: float | None, expected: dict[Any, Row]
) -> None:
    record(runtime, '{"g":"a","n":6,"d":-2}')
    record(runtime, '{"g":"b","n":0,"d":-4}')
    record(runtime, '{"g":"c","n":1,"d":3}')
    record(runtime, '{"g":"c","n":0,"d":-3}')
    record(runtime, '{"g":"d","n":"1","d":2}')
    sides = side("SUM", "n"), side("SUM", "d")
    grouped = ratio(*sides, groupBy=["interaction.g"], scale=100, minimumDenominator=least)
    check(runtime, grouped, expected)


def test_numbers_at_the_limits_of_a_double_are_a_value_or_null(runtime: Runtime) -> None:
    largest, smallest = "1.7976931348623157e308", "5e-324"
    for group, numerator, denominator in (
        ("overflowing numerator", largest, "1"),
        ("overflowing denominator", "1", largest),
    ):
        for _ in range(2):
            record(runtime, f'{{"g":"{group}","n":{numerator},"d":{denominator}}}')
    record(runtime, f'{{"g":"product only","n":{largest},"d":1e300}}')
    record(runtime, f'{{"g":"quotient","n":{largest},"d":0.5}}')
    record(runtime, f'{{"g":"least","n":{smallest},"d":{largest}}}')
    record(runtime, f'{{"g":"cancelling","n":{largest},"d":1}}')
    record(runtime, '{"g":"cancelling","n":7,"d":1}')
    record(runtime, f'{{"g":"cancelling","n":-{largest},"d":1}}')
    sides = side("SUM", "n"), side("SUM", "d")
    number = float(largest)
    check(
        runtime,
        ratio(*sides, groupBy=["interaction.g"], scale=100),
        {
            "product only": (17976931348.6232, number, 1e300),
            "cancelling": (233.333333333333, 7, 3),
            "least": (0, 5e-324, number),
            "overflowing denominator": (None, 2, None),
            "overflowing numerator": (None, None, 2),
            "quotient": (None, number, 0.5),
        },
    )


def test_both_sides_may_have_the_same_field_and_filters(runtime: Runtime) -> None:
    for number in ("1", "2.5", '"4"', "null", "true"):
        record(runtime, f'{{"n":{number}}}')
    check(runtime, ratio(side("MAX", "n"), side("MIN", "n")), {None: (4, 4, 1)})
    check(runtime, ratio(side("SUM", "n"), side("SUM", "n")), {None: (1, 7.5, 7.5)})
    check(runtime, ratio(side("SUM", "n"), side("DISTINCT_COUNT", "n")), {None: (1.875, 7.5, 4)})
    is_one = [{"field": "interaction.n", "operator": "eq", "value": 1}]
    is_true = [{"field": "interaction.n", "operator": "eq", "value": True}]
    # The values 1 and true are equal in Python.
    check(runtime, ratio(side(filters=is_one), side(filters=is_true)), {None: (1, 1, 1)})


def test_a_ratio_of_which_one_side_is_cached_includes_new_interactions(runtime: Runtime) -> None:
    question = question_of(
        runtime,
        ratio(side("SUM", "n", action="A"), side(action="B"), groupBy=["interaction.g"]),
    )
    numerator, denominator = question.parts
    calculator = runtime.calculator
    for number in range(1, 5):
        # Late ones, too, in buckets that are cached.
        record(runtime, '{"g":"x","n":10}', AT - timedelta(minutes=number * 7), "A")
        record(runtime, f'{{"g":"{number % 2}"}}', AT - timedelta(minutes=number * 3), "B")
        record(runtime, '{"g":"x"}', AT - timedelta(minutes=50), "B")
        # The cache has the numerator first, then both, then only the denominator.
        alone = denominator if number == 3 else numerator
        calculator.calculate_all([alone], AT)
        calculator.calculate(alone, AT)
        rows = rows_in(question, calculator.calculate(question, AT))
        (together,) = calculator.calculate_all([question], AT)
        assert rows_in(question, together) == rows
        assert rows["x"] == (10, 10 * number, number)
        assert rows["1"] == (0, 0, (number + 1) // 2)


def test_ratios_with_a_limit_are_cut_by_the_ratio(runtime: Runtime) -> None:
    for number in range(150):
        for _ in range(1 + number % 3):
            record(runtime, f'{{"g":"{number:03}","n":{number}}}')
    metric = ratio(side("MAX", "n"), side(), groupBy=["interaction.g"])
    question = question_of(runtime, metric)
    expected = sorted(
        ((number / (1 + number % 3), f"{number:03}") for number in range(150)),
        key=lambda row: (-row[0], row[1]),
    )
    shown: list[Any] = [(pytest.approx(value), text) for value, text in expected]
    for limit in (1, 7, 149, 150, 10_000):
        for _ in range(3):
            answer = runtime.calculator.calculate(question, AT, limit)
            rows = [
                (reading.value, (reading.dimensions or {})["interaction_g"])
                for reading in answer.readings
            ]
            assert rows == shown[:limit]
            assert answer.group_count == (150 if limit < 150 else None)

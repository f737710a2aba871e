"""Definitions with a comparison: the accepted ones, and all problems of the others."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tocsin.errors import InvalidInput
from tocsin.model.metrics.draft import read_metric
from tocsin.model.metrics.question import Question
from tocsin.model.metrics.window import Period
from tocsin.store.catalog import Catalog

COUNT = {"metricType": "COUNT"}
WEEK = {"offset": "7d", "as": "percent"}
AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)


def compared(**members: Any) -> dict[str, Any]:
    return {"name": "n", **COUNT, "timeWindow": "24h", "compare": WEEK, **members}


def problems(catalog: Catalog, body: Any) -> dict[str, str]:
    with pytest.raises(InvalidInput) as raised:
        read_metric(body, catalog)
    fields = [problem.field for problem in raised.value.problems]
    assert len(fields) == len(set(fields)), "no problem is reported twice"
    return {problem.field: problem.message for problem in raised.value.problems}


def question_of(catalog: Catalog, body: Any) -> Question:
    return read_metric(body, catalog)[1]


def test_the_base_is_the_same_question_about_an_earlier_period(catalog: Catalog) -> None:
    body = compared(groupBy=["origin"], action="TWO")
    question = question_of(catalog, body)
    plain = question_of(catalog, {**body, "compare": None})
    assert question.parts == (plain, question.base)
    assert question.current == plain
    current, base = (part.time_window for part in question.parts)
    assert current
    assert base
    assert current.period(AT) == Period(AT - timedelta(days=1), AT)
    assert base.period(AT) == Period(AT - timedelta(days=8), AT - timedelta(days=7))


def test_a_compared_ratio_has_both_sides_in_both_periods(catalog: Catalog) -> None:
    sides = {"numerator": {**COUNT, "action": "TWO"}, "denominator": COUNT}
    body = compared(metricType="RATIO", minimumDenominator=3, **sides)
    question = question_of(catalog, body)
    assert question.parts == (*question.current.parts, *question.base.parts)
    assert len(question.parts) == 4
    assert question.base.minimum_denominator == 3


@pytest.mark.parametrize(
    ("change", "members", "unit"),
    [
        ("percent", {}, "%"),
        ("percent", {"metricType": "RATE"}, "%"),
        ("difference", {}, None),
        ("difference", {"metricType": "RATE"}, "per hour"),
        ("factor", {"metricType": "RATE"}, None),
    ],
)
def test_the_unit_depends_on_the_form_of_the_change(
    catalog: Catalog, change: str, members: dict[str, Any], unit: str | None
) -> None:
    body = compared(compare={"offset": "7d", "as": change}, **members)
    assert question_of(catalog, body).unit == unit


def test_a_comparison_is_the_same_after_it_was_stored(catalog: Catalog) -> None:
    for compare in (WEEK, {**WEEK, "minimumBase": 12.5}):
        question = question_of(catalog, compared(compare=compare))
        stored = question.model_dump(mode="json", by_alias=True)
        assert stored["compare"] == compare
        assert Question.model_validate(stored) == question


def test_other_metrics_are_stored_without_a_comparison(catalog: Catalog) -> None:
    question = question_of(catalog, compared(compare=None))
    assert "compare" not in question.model_dump(mode="json", by_alias=True)


def test_a_comparison_needs_a_window(catalog: Catalog) -> None:
    for kind, reason in (("COUNT", "compare"), ("RATE", "RATE")):
        refused = problems(catalog, compared(metricType=kind, timeWindow=None))
        assert refused == {"timeWindow": f"is required for {reason}, such as 5m, 24h or 7d"}


@pytest.mark.parametrize(
    ("compare", "refused"),
    [
        ("7d", {"compare": "must be a JSON object"}),
        ({}, {"compare.offset": "is required", "compare.as": "is required"}),
        (
            {"offset": "1w", "as": "ratio"},
            {
                "compare.offset": "is not a comparison offset: write a whole number and m, h or d, "
                "such as 7d",
                "compare.as": "must be 'difference', 'percent' or 'factor'",
            },
        ),
        (
            {**WEEK, "offset": "3651d"},
            {"compare.offset": "is too long: a comparison offset is at most 3650d"},
        ),
        ({**WEEK, "minimumBase": "5"}, {"compare.minimumBase": "must be a finite number"}),
        (
            {**WEEK, "minimumBase": -1},
            {
                "compare.minimumBase": "must be at least 0: it is held against the magnitude of "
                "the base"
            },
        ),
        ({**WEEK, "timeWindow": "5m"}, {"compare.timeWindow": "is not a member of this object"}),
        (
            {"offset": "7d", "as": "difference", "minimumBase": 5},
            {"compare.minimumBase": "must be left out: only percent and factor divide by the base"},
        ),
    ],
)
def test_each_problem_of_a_comparison_is_named(
    catalog: Catalog, compare: Any, refused: dict[str, str]
) -> None:
    assert problems(catalog, compared(compare=compare)) == refused

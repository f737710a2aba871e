"""The unit of a RATE, and the unit that is shown beside a value."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from tocsin.errors import InvalidInput
from tocsin.model.metrics.draft import read_metric
from tocsin.model.metrics.question import Question
from tocsin.model.metrics.rates import RateUnit, rate_factor
from tocsin.model.metrics.window import Window
from tocsin.store.catalog import Catalog


@pytest.mark.parametrize(
    ("window", "unit", "factor"),
    [
        ("5m", None, Fraction(1, 5)),
        ("24h", None, Fraction(1, 24)),
        ("7d", None, Fraction(1, 7)),
        ("60m", None, Fraction(1, 60)),
        ("60m", "m", Fraction(1, 60)),
        ("1h", "m", Fraction(1, 60)),
        ("1h", "s", Fraction(1, 3_600)),
        ("90m", "h", Fraction(2, 3)),
        ("5m", "d", Fraction(288)),
    ],
)
def test_the_factor_of_a_rate_is_the_unit_divided_by_the_window(
    window: str, unit: str | None, factor: Fraction
) -> None:
    assert rate_factor(Window.parse(window), RateUnit(unit) if unit else None) == factor


RATE: dict[str, Any] = {"metricType": "RATE", "timeWindow": "60m"}
COUNT = {"metricType": "COUNT"}
RATIO = {"metricType": "RATIO", "numerator": COUNT, "denominator": COUNT, "scale": 100}


def question(catalog: Catalog, **body: Any) -> Question:
    return read_metric(body, catalog, name_required=False)[1]


@pytest.mark.parametrize(
    ("metric", "unit"),
    [
        (COUNT, None),
        (RATE, "per minute"),
        (RATE | {"rateUnit": "s"}, "per second"),
        (RATE | {"rateUnit": "h"}, "per hour"),
        (RATE | {"rateUnit": "d"}, "per day"),
        (RATE | {"rateUnit": "d", "unit": "orders a day"}, "orders a day"),
        (RATIO, "%"),
        (RATIO | {"unit": "of a hundred"}, "of a hundred"),
        (COUNT | {"unit": "€"}, "€"),
    ],
)
def test_the_unit_of_the_definition_replaces_that_of_the_aggregation(
    catalog: Catalog, metric: dict[str, Any], unit: str | None
) -> None:
    assert question(catalog, **metric).unit == unit
    assert question(catalog, **metric).ungrouped.unit == unit


def test_a_definition_is_stored_with_its_units(catalog: Catalog) -> None:
    rate = question(catalog, **RATE, rateUnit="h", unit="1/h")
    stored = rate.model_dump(mode="json", by_alias=True)
    assert (stored["rateUnit"], stored["unit"]) == ("h", "1/h")
    assert Question.model_validate(stored) == rate
    assert not {"rateUnit", "unit"} & question(catalog, **RATE).model_dump(by_alias=True).keys()


def test_another_unit_measures_the_same_and_another_rate_does_not(catalog: Catalog) -> None:
    rate = question(catalog, **RATE, unit="1/m")
    assert rate.measures_as(question(catalog, **RATE, unit="per minute"))
    assert rate.measures_as(question(catalog, **RATE))
    assert not rate.measures_as(question(catalog, **RATE, rateUnit="s"))
    assert not rate.measures_as(question(catalog, **RATE | {"timeWindow": "2h"}))


@pytest.mark.parametrize(
    ("metric", "field", "message"),
    [
        (COUNT | {"rateUnit": "m"}, "rateUnit", "must be left out: only RATE has a rateUnit"),
        (RATIO | {"rateUnit": "m"}, "rateUnit", "must be left out: only RATE has a rateUnit"),
        (RATE | {"rateUnit": "w"}, "rateUnit", "'s', 'm', 'h' or 'd'"),
        (RATE | {"rateUnit": 1}, "rateUnit", "'s', 'm', 'h' or 'd'"),
        (COUNT | {"unit": ""}, "unit", "at least 1 character"),
        (COUNT | {"unit": "seventeen letters"}, "unit", "at most 16 characters"),
        (COUNT | {"unit": "a\nb"}, "unit", "printable"),
        (COUNT | {"unit": "a\0b"}, "unit", "printable"),
        (COUNT | {"unit": 5}, "unit", "string"),
    ],
)
def test_units_that_do_not_apply_are_rejected_by_name(
    catalog: Catalog, metric: dict[str, Any], field: str, message: str
) -> None:
    with pytest.raises(InvalidInput) as rejected:
        question(catalog, **metric)
    assert [problem.field for problem in rejected.value.problems] == [field]
    assert message in rejected.value.problems[0].message


@pytest.mark.parametrize("member", ["rateUnit", "unit"])
def test_a_side_of_a_ratio_has_no_unit(catalog: Catalog, member: str) -> None:
    with pytest.raises(InvalidInput) as rejected:
        question(catalog, **RATIO | {"numerator": COUNT | {member: "m"}})
    assert [problem.field for problem in rejected.value.problems] == [f"numerator.{member}"]

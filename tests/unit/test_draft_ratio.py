"""Definitions of a RATIO: the accepted ones, and all problems of the others."""

from typing import Any

import pytest

from tocsin.errors import InvalidInput
from tocsin.model.interactions.catalog import Kind
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.draft import read_metric
from tocsin.model.metrics.question import Question
from tocsin.store.catalog import Catalog

FAILED = {"field": "interaction.ok", "operator": "eq", "value": False}
COUNT = {"metricType": "COUNT"}


def ratio(**members: Any) -> dict[str, Any]:
    body = {"name": "n", "metricType": "RATIO", "numerator": COUNT, "denominator": COUNT}
    return {**body, **members}


def problems(catalog: Catalog, body: Any) -> dict[str, str]:
    with pytest.raises(InvalidInput) as raised:
        read_metric(body, catalog)
    fields = [problem.field for problem in raised.value.problems]
    assert len(fields) == len(set(fields)), "no problem is reported twice"
    return {problem.field: problem.message for problem in raised.value.problems}


def test_each_side_is_a_question_with_the_scope_and_filters_of_the_metric(
    catalog: Catalog,
) -> None:
    shared = {"field": "userId", "operator": "exists"}
    body = ratio(
        resourceType="one",
        filters=[shared],
        timeWindow="5m",
        groupBy=["origin"],
        scale=100,
        minimumDenominator=50,
        numerator={
            "metricType": "sum",
            "field": "interaction.n",
            "filters": [FAILED],
            "action": "TWO",
        },
    )
    _, question = read_metric(body, catalog)
    numerator, denominator = question.parts
    action = catalog.find(Kind.ACTION, "TWO")
    assert action
    alone = {
        **{"name": "n", "resourceType": "ONE", "timeWindow": "5m", "groupBy": ["origin"]},
    }
    sum_alone = {
        **alone,
        "metricType": "SUM",
        "field": "interaction.n",
        "action": "TWO",
        "filters": [shared, FAILED],
    }
    assert numerator == read_metric(sum_alone, catalog)[1]
    count_alone = {**alone, "metricType": "COUNT", "filters": [shared]}
    assert denominator == read_metric(count_alone, catalog)[1]
    assert (question.unit, question.minimum_denominator) == ("%", 50)


def test_every_other_question_is_its_only_part(catalog: Catalog) -> None:
    _, question = read_metric({"name": "n", **COUNT}, catalog)
    assert question.parts == (question,)
    assert question.unit is None


def test_a_ratio_is_the_same_after_it_was_stored(catalog: Catalog) -> None:
    side = {**COUNT, "filters": [FAILED], "originId": str(catalog.find(Kind.ORIGIN, "ONE").id)}  # type: ignore[union-attr]  # created above
    _, question = read_metric(ratio(numerator=side, scale=100), catalog)
    stored = question.model_dump(mode="json", by_alias=True)
    assert Question.model_validate(stored) == question


def test_other_metrics_are_stored_without_the_members_of_a_ratio() -> None:
    question = Question(aggregation=Aggregation.COUNT)
    members = question.model_dump(mode="json", by_alias=True)
    assert not {"numerator", "denominator", "scale", "minimumDenominator"} & set(members)


def test_a_ratio_without_its_sides_or_with_a_field_is_refused(catalog: Catalog) -> None:
    body = {"name": "n", "metricType": "RATIO", "field": "userId", "denominator": {}}
    refused = problems(catalog, body)
    expected = 'is required for RATIO: an object such as {"metricType": "COUNT"}'
    assert refused["numerator"] == expected
    assert refused["field"] == "must be left out: each side of a RATIO has its own"
    assert refused["denominator.metricType"].startswith("is required: one of COUNT, SUM")


def test_a_side_is_refused_as_a_metric_of_its_type_would_be(catalog: Catalog) -> None:
    refused = problems(
        catalog,
        ratio(
            numerator={"metricType": "SUM", "timeWindow": "5m", "filters": [{"field": "x"}]},
            denominator={"metricType": "RATE", "action": "NONE", "origin": "ONE"},
            origin="TWO",
            scale=10,
            minimumDenominator="many",
        ),
    )
    assert refused["numerator.field"] == "is required for SUM"
    expected = "must be left out: that of the metric applies to both sides"
    assert refused["numerator.timeWindow"] == expected
    assert "numerator.filters[0].field" in refused
    assert refused["denominator.metricType"].startswith("must be one of COUNT, SUM")
    assert "is the mnemonic of no action" in refused["denominator.action"]
    assert refused["denominator.origin"].startswith("names another origin than the metric")
    assert refused["scale"] == "must be 1 or 100"
    assert refused["minimumDenominator"] == "must be a finite number"


@pytest.mark.parametrize("type", ["NO", 3, {}, "RATE", "RATIO"])
def test_a_side_of_another_type_is_refused_with_those_of_sides(catalog: Catalog, type: Any) -> None:
    message = "must be one of COUNT, SUM, AVG, MIN, MAX, DISTINCT_COUNT"
    refused = problems(catalog, ratio(numerator={"metricType": type}))
    assert refused == {"numerator.metricType": message}


@pytest.mark.parametrize("scale", [True, "100", 10, [1], 0])
def test_the_scale_is_the_number_1_or_100(catalog: Catalog, scale: Any) -> None:
    assert problems(catalog, ratio(scale=scale)) == {"scale": "must be 1 or 100"}


@pytest.mark.parametrize("least", [True, "5", [], float("nan"), 10**400])
def test_the_minimum_of_the_denominator_is_a_finite_number(catalog: Catalog, least: Any) -> None:
    refused = problems(catalog, ratio(minimumDenominator=least))
    assert refused == {"minimumDenominator": "must be a finite number"}


@pytest.mark.parametrize("member", ["numerator", "denominator", "scale", "minimumDenominator"])
def test_only_a_ratio_has_the_members_of_a_ratio(catalog: Catalog, member: str) -> None:
    value = COUNT if member.endswith("ator") else 1
    value = 1 if member == "minimumDenominator" else value
    refused = problems(catalog, {"name": "n", **COUNT, member: value})
    assert refused == {member: f"must be left out: only RATIO has a {member}"}

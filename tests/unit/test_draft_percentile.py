"""Definitions of a PERCENTILE and a LATEST: the accepted ones, and the problems of the others."""

from typing import Any

import pytest

from tocsin.errors import InvalidInput
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.draft import read_metric
from tocsin.model.metrics.percentile import thousandths_of
from tocsin.model.metrics.question import Question
from tocsin.store.catalog import Catalog


def percentile(**members: Any) -> dict[str, Any]:
    body = {"name": "n", "metricType": "PERCENTILE", "field": "interaction.ms", "percentile": 95}
    return {**body, **members}


def problems(catalog: Catalog, body: Any) -> dict[str, str]:
    with pytest.raises(InvalidInput) as raised:
        read_metric(body, catalog)
    return {problem.field: problem.message for problem in raised.value.problems}


@pytest.mark.parametrize(
    ("given", "thousandths"),
    [
        *((0.001, 1), (1, 1_000), (50.0, 50_000), (95, 95_000), (99.999, 99_999), (100, 100_000)),
        *((0.29, 290), (1.1, 1_100), (33.333, 33_333), (1e-3, 1), (64.1, 64_100)),
    ],
)
def test_a_percentile_has_at_most_three_decimals(
    catalog: Catalog, given: float, thousandths: int
) -> None:
    _, question = read_metric(percentile(percentile=given), catalog)
    assert question.aggregation is Aggregation.PERCENTILE
    assert question.percentile == given
    assert thousandths_of(question.percentile) == thousandths


def test_every_percentile_of_three_decimals_is_read_exactly(catalog: Catalog) -> None:
    _, question = read_metric(percentile(percentile=12.345), catalog)
    for thousandths in range(1, 100_001, 7):
        assert thousandths_of(thousandths / 1_000) == thousandths
    assert question.percentile == 12.345


@pytest.mark.parametrize(
    "given", [0, -0.0, -5, 100.001, 1e400, 10**400, True, False, "95", "p95", [95], {"p": 95}]
)
def test_a_percentile_is_a_number_greater_than_0_and_at_most_100(
    catalog: Catalog, given: Any
) -> None:
    refused = problems(catalog, percentile(percentile=given))
    assert refused == {"percentile": "must be a number greater than 0 and at most 100"}


@pytest.mark.parametrize("given", [0.0001, 99.9999, 33.33333333333333, 5e-324])
def test_more_than_three_decimals_are_refused(catalog: Catalog, given: float) -> None:
    refused = problems(catalog, percentile(percentile=given))
    assert refused == {"percentile": "must have at most three decimals"}


def test_a_percentile_requires_its_rank_and_a_field(catalog: Catalog) -> None:
    refused = problems(catalog, percentile(percentile=None, field=None))
    assert refused == {
        "percentile": "is required for PERCENTILE, such as 95",
        "field": "is required for PERCENTILE",
    }
    refused = problems(catalog, {"name": "n", "metricType": "LATEST"})
    assert refused == {"field": "is required for LATEST"}


@pytest.mark.parametrize("kind", [kind for kind in Aggregation if kind != "PERCENTILE"])
def test_every_other_type_refuses_a_percentile(catalog: Catalog, kind: str) -> None:
    refused = problems(catalog, percentile(metricType=kind))
    assert refused["percentile"] == "must be left out: only PERCENTILE has a percentile"


@pytest.mark.parametrize("kind", ["PERCENTILE", "LATEST"])
@pytest.mark.parametrize("member", ["numerator", "denominator", "scale", "minimumDenominator"])
def test_the_members_of_a_ratio_are_refused(catalog: Catalog, kind: str, member: str) -> None:
    value = {"metricType": "COUNT"} if member.endswith("tor") and member[0] in "nd" else 1
    body = percentile(metricType=kind, **{member: value})
    del body["percentile"]
    assert problems(catalog, body)[member] == f"must be left out: only RATIO has a {member}"


@pytest.mark.parametrize("kind", ["PERCENTILE", "LATEST"])
def test_the_sides_of_a_ratio_keep_their_six_types(catalog: Catalog, kind: str) -> None:
    side = {"metricType": kind, "field": "interaction.ms"}
    body = {"name": "n", "metricType": "RATIO", "numerator": {"metricType": "COUNT"}}
    refused = problems(catalog, {**body, "denominator": side})
    assert refused == {
        "denominator.metricType": "must be one of COUNT, SUM, AVG, MIN, MAX, DISTINCT_COUNT"
    }


def test_questions_without_a_percentile_are_stored_as_before(catalog: Catalog) -> None:
    _, question = read_metric({"name": "n", "metricType": "COUNT"}, catalog)
    assert "percentile" not in question.model_dump_json(by_alias=True)
    _, question = read_metric(percentile(percentile=99.9), catalog)
    stored = question.model_dump_json(by_alias=True)
    assert Question.model_validate_json(stored) == question
    assert question.unit is None

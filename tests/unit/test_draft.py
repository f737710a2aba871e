"""Definitions of metrics: the accepted ones, and all problems of the others in one error."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from tocsin.errors import InvalidInput
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.field import Field
from tocsin.model.interactions.filter_tree import leaves
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.draft import MetricDraft, read_metric
from tocsin.model.metrics.question import Question
from tocsin.model.metrics.window import Window
from tocsin.store.catalog import Catalog

COUNT = {"name": "n", "metricType": "COUNT"}
NOBODY = str(uuid4())


def id_of(catalog: Catalog, kind: Kind, mnemonic: str) -> UUID:
    entry = catalog.find(kind, mnemonic)
    assert entry
    return entry.id


def problems(catalog: Catalog, body: Any, **options: bool) -> dict[str, str]:
    with pytest.raises(InvalidInput) as raised:
        read_metric(body, catalog, **options)
    fields = [problem.field for problem in raised.value.problems]
    assert len(fields) == len(set(fields)), "no problem is reported twice"
    return {problem.field: problem.message for problem in raised.value.problems}


def test_the_least_that_is_a_metric_counts_everything(catalog: Catalog) -> None:
    draft, question = read_metric(COUNT, catalog)
    assert draft == MetricDraft(name="n", metric_type=Aggregation.COUNT)
    assert question == Question(aggregation=Aggregation.COUNT)
    assert draft.enabled


def test_a_full_definition_becomes_a_question_by_ids(catalog: Catalog) -> None:
    body = {
        "name": "n",
        "description": "d",
        "metricTypeId": str(Aggregation.AVG.type_id),
        "metricType": "AVG",
        "resourceType": "one",
        "actionId": str(id_of(catalog, Kind.ACTION, "TWO")),
        "origin": "One",
        "originId": str(id_of(catalog, Kind.ORIGIN, "ONE")),
        "field": "interaction.total",
        "filters": [{"field": "interaction.ok", "operator": "eq", "value": True}],
        "timeWindow": "5m",
        "groupBy": ["resourceId", "interaction.country"],
        "enabled": False,
    }
    draft, question = read_metric(body, catalog)
    assert not draft.enabled
    assert question.aggregation is Aggregation.AVG
    assert question.resource_type_id == id_of(catalog, Kind.RESOURCE_TYPE, "ONE")
    assert question.action_id == id_of(catalog, Kind.ACTION, "TWO")
    assert question.origin_id == id_of(catalog, Kind.ORIGIN, "ONE")
    assert question.time_window == Window(5, "m")
    assert question.group_by == (Field("resourceId"), Field("interaction.country"))


def test_a_null_is_the_same_as_a_member_that_is_left_out(catalog: Catalog) -> None:
    members = [str(field.alias) for field in MetricDraft.model_fields.values()]
    nulls = {name: None for name in members if name not in COUNT}
    assert read_metric({**COUNT, **nulls}, catalog) == read_metric(COUNT, catalog)


def test_an_integer_of_40_digits_in_a_filter_stays_exact(catalog: Catalog) -> None:
    big = 10**40 + 1
    filters = [{"field": "interaction.a", "operator": "eq", "value": big}]
    _, question = read_metric({**COUNT, "filters": filters}, catalog)
    (leaf,) = leaves(question.filters)
    assert leaf.value == big


def test_a_preview_needs_no_name(catalog: Catalog) -> None:
    draft, _ = read_metric({"metricType": "COUNT"}, catalog, name_required=False)
    assert draft.name is None
    assert problems(catalog, {"metricType": "COUNT"}) == {"name": "is required"}


@pytest.mark.parametrize("body", [None, [], "x", 5, True])
def test_a_body_that_is_no_object_is_refused(catalog: Catalog, body: Any) -> None:
    assert problems(catalog, body) == {"": "must be a JSON object"}


def test_an_empty_object_lacks_a_name_and_a_type(catalog: Catalog) -> None:
    messages = problems(catalog, {})
    assert set(messages) == {"name", "metricTypeId"}
    assert all(aggregation in messages["metricTypeId"] for aggregation in Aggregation)


def test_all_problems_of_a_definition_are_in_one_error(catalog: Catalog) -> None:
    body = {
        "name": "",
        "metricType": "SUM",
        "metricTypeId": str(Aggregation.MAX.type_id),
        "resourceType": "THREE",
        "actionId": NOBODY,
        "origin": 3,
        "filters": [
            {"field": "x", "operator": "like", "value": 1},
            {"field": "interaction.a", "operator": "gt", "value": None},
            {"field": "interaction.a", "operator": "eq"},
            3,
        ],
        "timeWindow": "5x",
        "groupBy": ["interaction.a.b", "interaction.a_b", "nothing", 5],
        "enabled": "yes",
        "colour": "red",
    }
    assert set(problems(catalog, body)) == {
        "name",
        "metricType",
        "field",
        "resourceType",
        "actionId",
        "origin",
        "filters[0].field",
        "filters[0].operator",
        "filters[1].value",
        "filters[2].value",
        "filters[3]",
        "timeWindow",
        "groupBy[1]",
        "groupBy[2]",
        "groupBy[3]",
        "enabled",
        "colour",
    }


@pytest.mark.parametrize("kind", ["SUM", "AVG", "MIN", "MAX", "DISTINCT_COUNT"])
def test_an_aggregation_of_a_field_needs_one(catalog: Catalog, kind: str) -> None:
    assert problems(catalog, {"name": "n", "metricType": kind}) == {
        "field": f"is required for {kind}"
    }


@pytest.mark.parametrize("kind", ["COUNT", "RATE"])
def test_what_counts_interactions_takes_no_field(catalog: Catalog, kind: str) -> None:
    body = {"name": "n", "metricType": kind, "timeWindow": "5m", "field": "interaction.a"}
    assert "must be left out" in problems(catalog, body)["field"]


def test_a_rate_needs_a_window(catalog: Catalog) -> None:
    assert "such as 5m" in problems(catalog, {"name": "n", "metricType": "RATE"})["timeWindow"]


def test_the_type_is_found_by_its_id_and_without_regard_to_case(catalog: Catalog) -> None:
    for named in ({"metricTypeId": str(Aggregation.COUNT.type_id)}, {"metricType": "count"}):
        assert read_metric({"name": "n", **named}, catalog)[1].aggregation is Aggregation.COUNT


def test_a_type_that_is_unknown_is_answered_with_those_there_are(catalog: Catalog) -> None:
    assert (
        "'DISTINCT_COUNT'" in problems(catalog, {"name": "n", "metricType": "MEDIAN"})["metricType"]
    )
    unknown = problems(catalog, {"name": "n", "metricTypeId": NOBODY})["metricTypeId"]
    assert "DISTINCT_COUNT" in unknown
    assert problems(catalog, {"name": "n", "metricTypeId": "x"}) == {
        "metricTypeId": "must be a UUID"
    }


def test_a_type_and_a_type_id_that_disagree_are_refused(catalog: Catalog) -> None:
    body = {**COUNT, "metricTypeId": str(Aggregation.RATE.type_id), "timeWindow": "5m"}
    assert "RATE" in problems(catalog, body)["metricType"]


@pytest.mark.parametrize("kind", list(Kind))
def test_an_id_and_a_mnemonic_that_disagree_are_refused(catalog: Catalog, kind: Kind) -> None:
    body = {**COUNT, kind.id_member: str(id_of(catalog, kind, "ONE")), kind.value: "TWO"}
    assert "ONE" in problems(catalog, body)[kind.value]


@pytest.mark.parametrize("kind", list(Kind))
def test_what_the_catalog_lacks_is_refused_and_never_added(catalog: Catalog, kind: Kind) -> None:
    assert set(problems(catalog, {**COUNT, kind.value: "THREE"})) == {kind.value}
    assert set(problems(catalog, {**COUNT, kind.id_member: NOBODY})) == {kind.id_member}
    assert catalog.find(kind, "THREE") is None


def test_an_id_of_another_kind_is_unknown(catalog: Catalog) -> None:
    action = str(id_of(catalog, Kind.ACTION, "ONE"))
    assert set(problems(catalog, {**COUNT, "originId": action})) == {"originId"}


def test_grouping_twice_by_one_field_is_refused(catalog: Catalog) -> None:
    body = {**COUNT, "groupBy": ["action", "interaction.a", "action"]}
    assert problems(catalog, body) == {"groupBy[2]": "is grouped by already: leave it out"}


def test_fields_that_would_make_one_dimension_are_refused(catalog: Catalog) -> None:
    messages = problems(catalog, {**COUNT, "groupBy": ["interaction.a_b", "interaction.a.b"]})
    assert "interaction_a_b" in messages["groupBy[1]"]


def test_51_filters_and_11_groups_are_refused_by_their_number(catalog: Catalog) -> None:
    filters = [{"field": "action", "operator": "exists"}] * 50
    groups = [f"interaction.k{index}" for index in range(10)]
    read_metric({**COUNT, "filters": filters, "groupBy": groups}, catalog)
    body = {**COUNT, "filters": [{}] * 51, "groupBy": [*groups, "action"]}
    assert problems(catalog, body) == {
        "filters": "must have at most 50 elements, not 51",
        "groupBy": "must have at most 10 elements, not 11",
    }


@pytest.mark.parametrize("name", ["x", "x" * 200, " ", "名前", "a\x1ab"])
def test_a_name_has_1_to_200_characters(catalog: Catalog, name: str) -> None:
    assert read_metric({**COUNT, "name": name}, catalog)[0].name == name


@pytest.mark.parametrize("name", ["", "x" * 201, 5, ["x"], "a\x00b"])
def test_another_name_is_refused(catalog: Catalog, name: Any) -> None:
    assert set(problems(catalog, {**COUNT, "name": name})) == {"name"}

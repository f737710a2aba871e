"""Warnings about fields that have no effect, in the answers to create, replace, patch, preview."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tocsin.model.instant import format_instant

PATH = "/api/interaction-metrics"
ROWS: list[dict[str, Any]] = [
    *({"country": "ZA", "n": number} for number in range(3)),
    {"country": "US", "n": "4"},
    {"country": "US", "n": "four", "deep": {"inner": [1]}, "größe.1": 1},
    {"country": None, "n": None, "only": {}},
]


def record(api: TestClient, action: str, payloads: list[dict[str, Any]]) -> None:
    rows = [
        {
            "resourceId": "1",
            "resourceType": "WARNED",
            "action": action,
            "origin": "TEST",
            "interaction": payload,
            "timestamp": format_instant(datetime.now(UTC) - timedelta(days=2)),
        }
        for payload in payloads
    ]
    assert api.post("/api/interactions/batch", json=rows).status_code == 201


@pytest.fixture(scope="module", autouse=True)
def _interactions(api: TestClient) -> None:
    record(api, "one", ROWS)
    record(api, "two", [{"other": 1, "n": 1.5}])


def warnings(api: TestClient, **members: Any) -> dict[str, str]:
    body = {"metricType": "COUNT", "resourceType": "WARNED", "timeWindow": "5m", **members}
    answer = api.post(f"{PATH}/preview", json=body)
    assert answer.status_code == 200, answer.text
    shown = answer.json().get("warnings", [])
    assert shown or "warnings" not in answer.json()
    return {warning["field"]: warning["message"] for warning in shown}


def where(field: str, operator: str = "eq", value: Any = "x") -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


def test_a_definition_whose_fields_occur_has_no_warnings(api: TestClient) -> None:
    fields = ["interaction.country", "interaction.deep.inner", "interaction.größe\\.1"]
    filters = [
        where(field) for field in (*fields, "interaction.deep", "origin", "interaction.only")
    ]
    assert warnings(api, filters=filters, groupBy=[*fields, "resourceId"]) == {}
    assert warnings(api, metricType="AVG", field="interaction.n", action="two") == {}
    assert warnings(api) == {}


def test_a_field_that_has_never_occurred_is_named_by_its_place(api: TestClient) -> None:
    shown = warnings(
        api,
        metricType="SUM",
        field="interaction.contry",
        filters=[where("interaction.country"), where("interaction.nested.x", "gt", 1)],
        groupBy=["interaction.n", "interaction.größe\\.2"],
    )
    never = "has never occurred in any interaction of the scope"
    assert shown == {"field": never, "filters[1].field": never, "groupBy[1]": never}
    assert warnings(api, resourceType=None, groupBy=["interaction.nowhere"]) == {
        "groupBy[0]": "has never occurred in any interaction"
    }


def test_a_field_that_occurs_in_another_scope_only_has_a_warning(api: TestClient) -> None:
    assert warnings(api, action="one", groupBy=["interaction.other"]).keys() == {"groupBy[0]"}
    assert warnings(
        api, action="two", groupBy=["interaction.other", "interaction.country"]
    ).keys() == {"groupBy[1]"}
    assert warnings(api, groupBy=["interaction.other", "interaction.country"]) == {}
    assert warnings(api, groupBy=["userId"]).keys() == {"groupBy[0]"}


def test_a_scope_without_interactions_has_no_warnings(api: TestClient) -> None:
    for noun, mnemonic in (("actions", "NEVER"), ("resource-types", "EMPTY")):
        body = {"mnemonic": mnemonic, "title": mnemonic}
        assert api.post(f"/api/{noun}", json=body).status_code == 201
    assert warnings(api, action="NEVER", groupBy=["interaction.country"]) == {}
    assert warnings(api, resourceType="EMPTY", metricType="SUM", field="interaction.n") == {}
    side = {"metricType": "SUM", "field": "interaction.missing"}
    shown = warnings(
        api,
        metricType="RATIO",
        numerator={**side, "action": "NEVER"},
        denominator={**side, "action": "one"},
    )
    assert shown.keys() == {"denominator.field"}


def test_a_field_is_counted_where_it_is_not_a_number(api: TestClient) -> None:
    part = "is not a number in 1 of the 6 interactions of the scope that have it: "
    for aggregation in ("SUM", "AVG", "MIN", "MAX"):
        shown = warnings(api, metricType=aggregation, field="interaction.n")
        assert shown == {"field": f"{part}{aggregation} excludes them"}
    shown = warnings(
        api, filters=[where("interaction.n", "gt", 2), where("interaction.n", "eq", 2)]
    )
    assert shown == {"filters[0].field": f"{part}the condition does not hold for them"}
    assert warnings(api, filters=[where("interaction.n", "gt", "five")]) == {}
    assert warnings(api, metricType="DISTINCT_COUNT", field="interaction.n") == {}
    texts = warnings(api, metricType="SUM", field="interaction.country")
    assert texts["field"].startswith("is not a number in 5 of the 5 interactions of the scope")
    assert warnings(api, metricType="SUM", field="resourceId") == {}


def test_a_leaf_of_a_filter_tree_is_named_by_its_place(api: TestClient) -> None:
    tree = {"any": [where("interaction.country"), {"not": where("interaction.n", "gt", 1)}]}
    assert warnings(api, filters=[tree]).keys() == {"filters[0].any[1].not.field"}


def test_a_key_with_the_name_of_a_column_is_explained(api: TestClient) -> None:
    shown = warnings(api, groupBy=["interaction.origin", "interaction.userId"])
    assert shown == {
        f"groupBy[{index}]": f"is no key of a payload in this scope: {name} without interaction. "
        "names that member of the interaction itself"
        for index, name in enumerate(("origin", "userId"))
    }


def test_the_sides_of_a_ratio_have_scopes_of_their_own(api: TestClient) -> None:
    shown = warnings(
        api,
        metricType="RATIO",
        filters=[where("interaction.missing")],
        numerator={"metricType": "SUM", "field": "interaction.other", "action": "two"},
        denominator={
            "metricType": "SUM",
            "field": "interaction.n",
            "action": "one",
            "filters": [where("interaction.other", "gt", 3)],
        },
    )
    assert shown.keys() == {"filters[0].field", "denominator.field", "denominator.filters[0].field"}
    assert "1 of the 5 interactions" in shown["denominator.field"]


def test_create_replace_and_patch_answer_warnings_and_get_does_not(api: TestClient) -> None:
    body = {"name": "warned", "metricType": "COUNT", "groupBy": ["interaction.missing"]}
    answer = api.post(PATH, json=body)
    assert answer.status_code == 201
    expected = [{"field": "groupBy[0]", "message": "has never occurred in any interaction"}]
    assert answer.json()["warnings"] == expected
    address = answer.headers["location"]
    assert api.put(address, json=body).json()["warnings"] == expected
    assert api.patch(address, json={"enabled": False}).json()["warnings"] == expected
    assert "warnings" not in api.get(address).json()
    assert "warnings" not in api.patch(address, json={"groupBy": None}).json()
    assert "warnings" in api.put(address, json={**body, "warnings": []}).text
    assert api.put(address, json={**body, "warnings": []}).status_code == 422


def test_a_warning_ends_with_the_first_interaction_that_has_the_field(api: TestClient) -> None:
    definition = {"action": "two", "groupBy": ["interaction.later"]}
    assert warnings(api, **definition)
    record(api, "two", [{"later": 1}])
    assert warnings(api, **definition) == {}


def test_hostile_fields_have_warnings_too(api: TestClient) -> None:
    fields = ["interaction.a'b", "interaction.\\.", "interaction.a`b", "interaction." + "x" * 300]
    fields += ["interaction.a\nb", "interaction.名前", "interaction.a\x00b", 'interaction.a"b']
    shown = warnings(api, filters=[where(field, "gt", 1) for field in fields])
    assert shown.keys() == {f"filters[{index}].field" for index in range(len(fields))}

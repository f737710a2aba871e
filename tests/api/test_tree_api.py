"""Filter trees and `matches` over HTTP, in every route that takes filters."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tocsin.model.instant import format_instant

PATH = "/api/interaction-metrics"
ALERTS = "/api/interaction-alerts"
AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)
TREE = {
    "any": [
        {"field": "interaction.country", "operator": "matches", "value": "^[A-Z]{2}$"},
        {"not": {"field": "interaction.total", "operator": "exists"}},
    ]
}
METRIC: dict[str, Any] = {
    "name": "Trees",
    "metricType": "COUNT",
    "action": "buy",
    "timeWindow": "1h",
    "filters": [TREE],
}
PAYLOADS = (
    *({"country": "ZA", "total": 1}, {"country": "ZA\n", "total": 1}, {"country": "za"}),
    *({"total": 0}, {"country": "namibia", "total": 0}, {"country": ["ZA"], "total": 5}),
)
MATCHING = 2


@pytest.fixture(scope="module")
def metric(api: TestClient) -> dict[str, Any]:
    rows = [
        {
            **{"resourceId": "1", "resourceType": "USER", "action": "buy", "origin": "WEB"},
            **{"interaction": payload, "timestamp": format_instant(AT - timedelta(minutes=number))},
        }
        for number, payload in enumerate(PAYLOADS)
    ]
    assert api.post("/api/interactions/batch", json=rows).status_code == 201
    answer = api.post(PATH, json=METRIC)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


def post(api: TestClient, path: str, body: Any = None, **query: str) -> dict[str, Any]:
    answer = api.post(path, params=query, json=body)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


def test_every_route_calculates_a_tree(api: TestClient, metric: dict[str, Any]) -> None:
    at = format_instant(AT)
    address = f"{PATH}/{metric['metricId']}"
    assert metric["filters"] == api.get(address).json()["filters"] == [TREE]
    together = post(api, f"{PATH}/calculate-all", at=at)["results"]
    (of_all,) = (each for each in together if each["metricId"] == metric["metricId"])
    alone = post(api, f"{address}/calculate", at=at)
    preview = post(api, f"{PATH}/preview", METRIC, at=at)
    for answer in (of_all, alone, preview):
        assert answer["results"] == [{"value": MATCHING, "dimensions": None}]
    span = {"from": format_instant(AT - timedelta(minutes=5)), "to": at, "step": "5m"}
    series = post(api, f"{address}/series", span)["series"]
    assert series[0]["points"] == [{"at": at, "value": MATCHING}]
    assert "(?-s)^[A-Z]{2}$" in api.get(f"{address}/explain").json()["parameters"].values()


def test_a_tree_in_a_patch_replaces_all_filters(api: TestClient, metric: dict[str, Any]) -> None:
    created = api.post(PATH, json={**METRIC, "name": "To be patched"}).json()
    negated = {"filters": [{"not": {"all": [TREE, {"not": TREE}]}}]}
    patched = api.patch(f"{PATH}/{created['metricId']}", json=negated)
    assert patched.status_code == 200, patched.text
    assert patched.json()["filters"] == negated["filters"]
    result = post(api, f"{PATH}/{created['metricId']}/calculate", at=format_instant(AT))
    assert result["results"][0]["value"] == len(PAYLOADS)
    assert metric["filters"] == [TREE]


def test_a_backtest_and_an_evaluation_of_an_alert_count_by_a_tree(
    api: TestClient, metric: dict[str, Any]
) -> None:
    alert = {
        **{"title": "Trees", "metricId": metric["metricId"], "operator": "gte"},
        **{"threshold": MATCHING, "alertAction": "fired"},
    }
    start, to = AT - timedelta(minutes=10), AT + timedelta(hours=2)
    span = {"from": format_instant(start), "to": format_instant(to), "step": "1m"}
    for threshold, fired in ((MATCHING, 1), (MATCHING + 1, 0)):
        body = {"alert": {**alert, "threshold": threshold}, **span}
        assert post(api, f"{ALERTS}/backtest", body)["fired"] == fired
    created = api.post(ALERTS, json=alert)
    assert created.status_code == 201, created.text
    address = f"{ALERTS}/{created.json()['alertId']}"
    assert post(api, f"{address}/evaluate")["firing"] == 0
    assert api.delete(address).status_code == 204


def test_fields_in_trees_that_never_occur_are_warned_of(
    api: TestClient, metric: dict[str, Any]
) -> None:
    leaf = {"field": "interaction.never", "operator": "eq", "value": 1}
    body = {**METRIC, "filters": [TREE, {"any": [leaf, {"not": leaf}]}]}
    warnings = post(api, f"{PATH}/preview", body, at=format_instant(AT))["warnings"]
    paths = [warning["field"] for warning in warnings]
    assert paths == ["filters[1].any[0].field", "filters[1].any[1].not.field"]
    assert metric["filters"] == [TREE]


def test_the_schema_of_filters_is_recursive(api: TestClient) -> None:
    schemas = api.get("/openapi.json").json()["components"]["schemas"]
    kinds = [
        {"$ref": f"#/components/schemas/{name}"}
        for name in ("Filter", "AnyOf", "AllOf", "Negation")
    ]
    assert schemas["AnyOf"]["properties"]["any"] == {
        **{"type": "array", "minItems": 1, "maxItems": 50},
        "items": {"anyOf": kinds},
    }
    assert schemas["Negation"]["properties"]["not"] == {"anyOf": kinds}
    assert schemas["Metric"]["properties"]["filters"]["items"]["anyOf"] == kinds


def test_a_pattern_that_re2_rejects_is_422_with_its_path_and_reason(api: TestClient) -> None:
    leaf = {"field": "userId", "operator": "matches", "value": "a(b"}
    answer = api.post(PATH, json={**METRIC, "filters": [{"not": {"any": [leaf]}}]})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {
            "field": "filters[0].not.any[0].value",
            "message": "is not a regular expression of RE2: missing ): a(b",
        }
    ]

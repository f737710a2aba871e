"""The OpenAPI document and its page: complete, true, and self-contained."""

import re
from typing import Any

import jsonschema_rs
import pytest
from fastapi.testclient import TestClient


@pytest.fixture(scope="module")
def document(api: TestClient) -> dict[str, Any]:
    openapi: dict[str, Any] = api.get("/openapi.json").json()
    return openapi


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_it_is_openapi_3_1_and_every_reference_has_a_target(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    names = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert names
    assert names <= set(document["components"]["schemas"])


def test_every_route_has_a_description_and_its_failures(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert operation["description"], name
        responses = operation["responses"]
        if "x-required-role" in operation:
            assert {"401", "403"} <= set(responses), name
            assert [list(option) for option in operation["security"]] == [["apiKey"], ["bearer"]]
        for status, response in responses.items():
            if status >= "400":
                assert "application/problem+json" in response["content"], (name, status)


def test_every_body_has_a_schema_and_a_valid_example(document: dict[str, Any]) -> None:
    bodies = [(n, o["requestBody"]) for n, o in operations(document) if "requestBody" in o]
    assert len(bodies) >= 10
    for name, body in bodies:
        content = body["content"]["application/json"]
        schema = {**content["schema"], "components": document["components"]}
        assert jsonschema_rs.is_valid(schema, content["example"]), name


def test_operation_ids_are_unique(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert len(ids) == len(set(ids))


def test_the_documented_limits_are_those_enforced(document: dict[str, Any]) -> None:
    calculate = document["paths"]["/api/interaction-metrics/{id}/calculate"]["post"]
    limit = next(p for p in calculate["parameters"] if p["name"] == "limit")["schema"]
    assert (limit["minimum"], limit["maximum"], limit["default"]) == (1, 100_000, 10_000)
    filters = document["components"]["schemas"]["MetricDraft"]["properties"]["filters"]
    assert filters["anyOf"][0]["maxItems"] == 50


SENT = {
    "resourceId": "1",
    "resourceType": "DOCUMENT",
    "action": "read",
    "origin": "TEST",
    "interaction": {"country": "ZA", "n": 1.5},
}
METRIC = {
    "name": "n",
    "metricType": "RATE",
    "timeWindow": "5m",
    "filters": [{"field": "interaction.n", "operator": "exists"}],
    "groupBy": ["interaction.country"],
}
CHANNEL = {"name": "c", "kind": "webhook", "settings": {"url": "http://127.0.0.1:9/"}}
SILENCE = {"labels": {"team": "a"}, "to": "2299-01-01T00:00:00Z"}
SPAN = {"from": "2026-03-20T00:00:00Z", "to": "2026-03-20T01:00:00Z", "step": "10m"}


def test_real_responses_are_valid_by_the_schemas_of_the_document(
    api: TestClient, document: dict[str, Any]
) -> None:
    metrics = "/api/interaction-metrics"
    metric = api.post(metrics, json=METRIC).json()["metricId"]
    action = api.post("/api/actions", json={"mnemonic": "documented", "title": "t"}).json()
    channel = api.post("/api/channels", json=CHANNEL).json()["channelId"]
    topic = {"resourceType": "DOCUMENT", "action": "read", "channelId": channel}
    for mnemonic, path in (("DOCUMENT", "/api/resource-types"), ("read", "/api/actions")):
        api.post(path, json={"mnemonic": mnemonic, "title": "t"})
    subscription = api.post("/api/subscriptions", json=topic).json()["subscriptionId"]
    silence = api.post("/api/silences", json=SILENCE).json()["silenceId"]
    interaction = api.post("/api/interactions", json=SENT).json()["interactionId"]
    delivery = api.get("/api/deliveries").json()["deliveries"][0]["deliveryId"]
    placeholder = "{id}"
    calls: list[tuple[str, str, str, Any]] = [
        ("POST", "/api/interactions", "", SENT),
        ("POST", "/api/interactions/batch", "", [SENT, {}]),
        ("GET", "/api/interactions", "", None),
        ("GET", f"/api/interactions/{placeholder}", interaction, None),
        ("POST", metrics, "", METRIC),
        ("POST", metrics, "", {}),
        ("GET", metrics, "", None),
        ("GET", f"{metrics}/{placeholder}", metric, None),
        ("PUT", f"{metrics}/{placeholder}", metric, METRIC),
        ("PATCH", f"{metrics}/{placeholder}", metric, {"enabled": None}),
        ("PATCH", f"/api/actions/{placeholder}", action["actionId"], {"icon": "x"}),
        ("PATCH", f"/api/channels/{placeholder}", channel, {"settings": {"secret": None}}),
        ("PATCH", f"/api/subscriptions/{placeholder}", subscription, {"origin": None}),
        ("PATCH", f"/api/silences/{placeholder}", silence, {"alertId": None}),
        ("GET", f"{metrics}/types", "", None),
        ("GET", f"{metrics}/fields/discover", "", None),
        ("GET", f"{metrics}/fields/discover", "?detail=true", None),
        ("POST", f"{metrics}/{placeholder}/calculate", metric, None),
        ("POST", f"{metrics}/calculate-all", "", None),
        ("POST", f"{metrics}/preview", "", METRIC),
        ("POST", f"{metrics}/{placeholder}/series", metric, SPAN),
        ("GET", f"{metrics}/{placeholder}/explain", metric, None),
        ("GET", "/api/actions", "", None),
        ("GET", f"/api/actions/{placeholder}", action["actionId"], None),
        (
            "PUT",
            f"/api/actions/{placeholder}",
            action["actionId"],
            {"mnemonic": "documented", "title": "u"},
        ),
        ("POST", "/api/origins", "", {"mnemonic": "documented", "title": "t"}),
        ("POST", "/api/resource-types", "", {"mnemonic": "documented", "title": "t"}),
        ("GET", "/api/keys", "", None),
        ("POST", "/api/keys", "", {"name": "n", "role": "read"}),
        ("GET", "/api/channels", "", None),
        ("POST", "/api/channels", "", CHANNEL),
        ("GET", f"/api/channels/{placeholder}", channel, None),
        ("PUT", f"/api/channels/{placeholder}", channel, CHANNEL),
        ("POST", f"/api/channels/{placeholder}/test", channel, None),
        ("DELETE", f"/api/channels/{placeholder}", channel, None),
        ("GET", "/api/subscriptions", "", None),
        ("POST", "/api/subscriptions", "", topic),
        ("GET", f"/api/subscriptions/{placeholder}", subscription, None),
        ("PUT", f"/api/subscriptions/{placeholder}", subscription, topic),
        ("GET", "/api/deliveries", "", None),
        ("GET", f"/api/deliveries/{placeholder}", delivery, None),
        ("POST", f"/api/deliveries/{placeholder}/retry", delivery, None),
        ("GET", "/api/silences", "", None),
        ("POST", "/api/silences", "", SILENCE),
        ("GET", f"/api/silences/{placeholder}", silence, None),
        ("PUT", f"/api/silences/{placeholder}", silence, SILENCE),
        ("GET", f"/api/silences/{placeholder}/deliveries", silence, None),
        ("GET", "/healthz", "", None),
        ("GET", "/readyz", "", None),
    ]
    for method, path, id, body in calls:
        address = path.replace(placeholder, id) if placeholder in path else path + id
        answer = api.request(method, address, json=body)
        operation = document["paths"][path][method.lower()]
        content = operation["responses"][str(answer.status_code)]["content"]
        schema = content[answer.headers["content-type"]]["schema"]
        closed = {**schema, "components": document["components"]}
        problems = [error.message for error in jsonschema_rs.iter_errors(closed, answer.json())]
        assert not problems, (method, address, answer.text[:500])


def test_the_page_shows_every_route_and_loads_nothing_else(
    api: TestClient, document: dict[str, Any]
) -> None:
    page = api.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert not re.findall(r"<(?:script|link|img|iframe)|src=|url\(|href=.https?:", page.text)
    for path in document["paths"]:
        assert f"<code>{path}</code>" in page.text
    anchors = set(re.findall(r"href='#(\w+)'", page.text))
    assert anchors
    assert anchors <= set(re.findall(r"id='(\w+)'", page.text))

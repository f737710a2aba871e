"""A query parameter that a route does not have is rejected by name, on every route."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

INTERACTIONS = "/api/interactions"
METRICS = "/api/interaction-metrics"
DISCOVER = f"{METRICS}/fields/discover"


def every_route(api: TestClient) -> list[tuple[str, str]]:
    assert isinstance(api.app, FastAPI)
    paths = api.get("/openapi.json").json()["paths"]
    documented = [
        (method.upper(), path) for path, operations in paths.items() for method in operations
    ]
    return [*documented, ("GET", "/openapi.json"), ("GET", "/docs")]


def errors(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {error["field"]: error["message"] for error in answer.json()["errors"]}


def test_every_route_rejects_an_unknown_parameter_by_name(api: TestClient) -> None:
    for method, path in every_route(api):
        address = path.replace("{id}", str(uuid4()))
        for query in ("colour=red", "colour", "at=2026-03-20T14:30:00Z&colour=", "%C3%A9=1"):
            answer = api.request(method, f"{address}?{query}", json={})
            assert {"colour", "é"} & errors(answer).keys(), (method, path, query)


def test_every_route_rejects_a_parameter_that_is_given_twice(api: TestClient) -> None:
    paths = api.get("/openapi.json").json()["paths"]
    tried = 0
    for path, operations in paths.items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "query":
                    name = parameter["name"]
                    address = path.replace("{id}", str(uuid4()))
                    answer = api.request(method, f"{address}?{name}=1&{name}=1", json={})
                    assert errors(answer)[name] == "is given 2 times; give it once"
                    tried += 1
    assert tried > 30


def test_nothing_is_recorded_or_changed_by_a_request_with_an_unknown_parameter(
    api: TestClient,
) -> None:
    sent = {"resourceType": "T", "resourceId": "unknown", "action": "A", "origin": "O"}
    assert "import" in errors(api.post(f"{INTERACTIONS}?import=true", json=sent))
    assert "imports" in errors(api.post(f"{INTERACTIONS}/batch?imports=true", json=[sent]))
    page = api.get(INTERACTIONS, params={"resourceId": "unknown"}).json()
    assert page["interactions"] == []
    action = api.post("/api/actions", json={"mnemonic": "kept", "title": "t"}).json()["actionId"]
    assert "force" in errors(api.delete(f"/api/actions/{action}?force=true"))
    assert api.get(f"/api/actions/{action}").status_code == 200


def test_the_known_parameters_are_named_and_the_closest_one_first(api: TestClient) -> None:
    metric = api.post(METRICS, json={"name": "n", "metricType": "COUNT"}).json()["metricId"]
    for path in ("calculate-all", f"{metric}/calculate"):
        problems = errors(api.post(f"{METRICS}/{path}?att=2026-03-20T14:30:00Z"))
        assert problems == {"att": "is not a parameter of this route; it accepts at, limit"}
    message = errors(api.get(f"{INTERACTIONS}?Resource_Type=X"))["Resource_Type"]
    assert message.startswith("is not a parameter of this route; it accepts resourceType, ")
    message = errors(api.get("/api/keys?limit=5"))["limit"]
    assert message == "is not a parameter of this route; it accepts none"


def test_all_unknown_parameters_are_named_up_to_twenty(api: TestClient) -> None:
    assert set(errors(api.get(f"{INTERACTIONS}?a=1&b=2&limit=3"))) == {"a", "b"}
    many = "&".join(f"{n}{'x' * 500}" for n in range(100))
    problems = errors(api.get(f"{INTERACTIONS}?{many}"))
    assert len(problems) == 20
    assert max(map(len, problems)) == 65


@pytest.mark.parametrize(("role", "status"), [("", 401), ("ingest", 403), ("read", 422)])
def test_the_key_is_checked_before_the_parameters(
    api: TestClient, keys: dict[str, str], role: str, status: int
) -> None:
    headers = {"x-api-key": keys.get(role, "")}
    assert api.get(f"{INTERACTIONS}?colour=red", headers=headers).status_code == status
    answer = api.post(f"{METRICS}/calculate-all?colour=red", headers=headers)
    assert answer.status_code == status

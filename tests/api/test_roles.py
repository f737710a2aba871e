"""Permissions: every route of the document, with every role and without a key."""

from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tocsin.model.key import Role

OPEN = {"/healthz", "/readyz"}
CALCULATIONS = ("/calculate", "/calculate-all", "/preview", "/series", "/backtest")


def routes(api: TestClient) -> list[tuple[str, str, dict[str, Any]]]:
    paths = api.get("/openapi.json").json()["paths"]
    return [
        (method.upper(), path, operation)
        for path, operations in paths.items()
        for method, operation in operations.items()
    ]


def roles_in_api_md(method: str, path: str) -> list[str] | None:
    """The rule as docs/reference/api.md says it."""
    if path in OPEN:
        return None
    if path.startswith(("/api/keys", "/api/backup", "/api/audit", "/api/erasures")):
        return ["admin"]
    if path.startswith(("/api/interactions", "/api/cloudevents")) and method == "POST":
        return ["ingest"]
    if path.startswith(("/api/resource-types", "/api/actions", "/api/origins")):
        return ["ingest", "read"] if method == "GET" else ["admin"]
    return ["read"] if method == "GET" or path.endswith(CALCULATIONS) else ["admin"]


def call(api: TestClient, method: str, path: str, key: str | None) -> int:
    body: dict[str, Any] | None = None if method in ("GET", "DELETE") else {}
    headers = {"x-api-key": key or ""}
    answer = api.request(method, path.replace("{id}", str(uuid4())), json=body, headers=headers)
    return answer.status_code


def test_every_route_requires_its_role_of_api_md(api: TestClient) -> None:
    declared = {(m, path): operation.get("x-required-role") for m, path, operation in routes(api)}
    assert len(declared) > 30
    assert declared == {(m, path): roles_in_api_md(m, path) for m, path in declared}


@pytest.mark.parametrize("key", [None, "unknown", "tsn_admin_", "é"])
def test_no_route_that_requires_a_key_answers_without_a_valid_one(
    api: TestClient, key: str | None
) -> None:
    header = key.encode() if key else b""
    for method, path, operation in routes(api):
        answer = api.request(
            method, path.replace("{id}", str(uuid4())), headers={b"x-api-key": header}
        )
        # Wrong keys are limited: the eleventh within a minute is refused for their number.
        is_refused = answer.status_code in ((401, 429) if key else (401,))
        assert is_refused is ("x-required-role" in operation), (method, path)


@pytest.mark.parametrize("role", list(Role))
def test_a_role_reaches_its_routes_and_no_others(
    api: TestClient, keys: dict[str, str], role: Role
) -> None:
    for method, path, operation in routes(api):
        may = role.covers(*map(Role, operation.get("x-required-role", [role])))
        status = call(api, method, path, keys[role])
        assert status != 401, (method, path)
        assert (status == 403) is not may, (method, path)


def test_every_route_of_the_application_is_in_the_document(api: TestClient) -> None:
    application = api.app
    assert isinstance(application, FastAPI)
    documented = {path for _, path, _ in routes(api)}
    paths = (
        {path for path in documented if path.startswith("/api/")}
        | OPEN
        | {"/metrics", "/metrics/values"}
    )
    assert documented == paths
    for path in ("/openapi.json", "/docs"):
        assert api.get(path, headers={"x-api-key": ""}).status_code == 200


def test_a_key_may_come_as_a_bearer_token(api: TestClient, keys: dict[str, str]) -> None:
    for scheme in ("Bearer", "bearer", "BEARER"):
        headers = {"x-api-key": "", "authorization": f"{scheme} {keys['read']}"}
        assert api.get("/api/actions", headers=headers).status_code == 200
    for value in (keys["read"], f"Basic {keys['read']}", "Bearer", "Bearer "):
        headers = {"x-api-key": "", "authorization": value}
        assert api.get("/api/actions", headers=headers).status_code == 401


def test_a_refusal_names_the_required_role(api: TestClient, keys: dict[str, str]) -> None:
    without = api.get("/api/keys", headers={"x-api-key": ""})
    assert "x-api-key" in without.json()["detail"]
    assert without.headers["www-authenticate"] == "Bearer"
    refused = api.get("/api/keys", headers={"x-api-key": keys["read"]})
    assert "admin" in refused.json()["detail"]


def test_the_key_is_checked_before_the_body(api: TestClient, keys: dict[str, str]) -> None:
    for path in ("/api/actions", "/api/interaction-metrics", "/api/keys"):
        for content in (b"{", b"x" * 3_000_000):
            assert api.post(path, content=content, headers={"x-api-key": ""}).status_code == 401
            read = {"x-api-key": keys["read"]}
            assert api.post(path, content=content, headers=read).status_code == 403

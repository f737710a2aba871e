"""The hot routes answer as the FastAPI routes that document them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from support.serving import ADMIN_KEY
from tocsin.api.app import create_app
from tocsin.api.hot_routes import ROUTES
from tocsin.runtime import Runtime

METRICS = "/api/interaction-metrics"
AT = "2026-03-20T14:30:00.000Z"
COUNT = {"name": "Count", "metricType": "COUNT", "groupBy": ["interaction.country"]}


@pytest.fixture(scope="module")
def routed(runtime: Runtime) -> Iterator[TestClient]:
    """A client of the same application without the hot routes, as an admin."""
    app = create_app(runtime)
    for route in ROUTES:
        app.router.routes.remove(route)
    with TestClient(app, headers={"x-api-key": ADMIN_KEY}) as client:
        yield client


@pytest.fixture(scope="module")
def metric(api: TestClient) -> str:
    for country in ("ZA", "US", "US"):
        base = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
        interaction = {**base, "timestamp": AT, "interaction": {"country": country}}
        assert api.post("/api/interactions", json=interaction).status_code == 201
    return str(api.post(METRICS, json=COUNT).json()["metricId"])


@pytest.mark.parametrize(
    "params",
    [
        {"at": AT},
        {"at": AT, "limit": 1},
        {"at": "2026-03-20T16:30:00+02:00"},
        {"at": "yesterday"},
        {"at": ""},
        {"at": AT, "limit": 0},
        {"at": AT, "limit": "1.0"},
        {"at": AT, "limit": ""},
        {"at": [AT, "2020-01-01T00:00:00Z"]},
        {"att": AT},
        {"at": AT, "": "1"},
    ],
)
def test_the_responses_are_equal(
    api: TestClient, routed: TestClient, metric: str, params: dict[str, Any]
) -> None:
    requests = {
        f"{METRICS}/{metric}/calculate": None,
        f"{METRICS}/{metric.upper()}/calculate": None,
        f"{METRICS}/calculate-all": None,
        f"{METRICS}/preview": COUNT,
        f"{METRICS}/{uuid4()}/calculate": None,
        "/api/interactions": {},
    }
    for path, body in requests.items():
        hot, by_route = (client.post(path, params=params, json=body) for client in (api, routed))
        assert (hot.status_code, hot.json()) == (by_route.status_code, by_route.json()), path
        assert hot.headers == by_route.headers


@pytest.mark.parametrize("body", [{}, {"metricType": "SUM"}, [], "{", ""])
def test_the_responses_to_a_wrong_definition_are_equal(
    api: TestClient, routed: TestClient, body: Any
) -> None:
    content = {"content": body.encode()} if isinstance(body, str) else {"json": body}
    hot = api.post(f"{METRICS}/preview", **content)
    by_route = routed.post(f"{METRICS}/preview", **content)
    assert hot.status_code >= 400
    assert (hot.status_code, hot.json()) == (by_route.status_code, by_route.json())


@pytest.mark.parametrize("role", ["ingest", "read", "admin", ""])
def test_a_key_has_the_same_rights(
    api: TestClient, routed: TestClient, metric: str, keys: dict[str, str], role: str
) -> None:
    headers = {"x-api-key": keys.get(role, "")}
    for path in (f"{METRICS}/{metric}/calculate", f"{METRICS}/calculate-all"):
        hot = api.post(path, headers=headers)
        by_route = routed.post(path, headers=headers)
        assert hot.status_code == by_route.status_code
        assert hot.headers.get("www-authenticate") == by_route.headers.get("www-authenticate")
        assert (hot.status_code == 200) is (role in ("read", "admin"))


def test_requests_are_counted_under_the_same_route(
    api: TestClient, routed: TestClient, metric: str
) -> None:
    for path in (f"{METRICS}/{metric}/calculate", f"{METRICS}/calculate-all"):
        route = path.replace(metric, "{id}")
        count = f'tocsin_http_requests_total{{method="POST",route="{route}",status="200"}} '
        for client in (api, routed):
            before = counted(client, count)
            client.post(path)
            assert counted(client, count) - before == 1


def counted(api: TestClient, name: str) -> float:
    text = api.get("/metrics").text
    return sum(float(line[len(name) :]) for line in text.splitlines() if line.startswith(name))


def test_the_hot_endpoints_are_answered_without_fastapi(runtime: Runtime, metric: str) -> None:
    app = create_app(runtime)
    app.router.routes[:] = ROUTES
    with TestClient(app, headers={"x-api-key": ADMIN_KEY}) as api:
        for path, body in {
            f"{METRICS}/{metric}/calculate?at={AT}&limit=5": None,
            f"{METRICS}/calculate-all": None,
            f"{METRICS}/preview": COUNT,
        }.items():
            assert api.post(path, json=body).status_code == 200, path
        assert api.post("/api/interactions", json={}).status_code == 422
        assert api.post(f"{METRICS}/{metric}/series", json={}).status_code == 404

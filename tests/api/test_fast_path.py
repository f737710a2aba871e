"""Does what is answered ahead of the framework mean the same as the route that documents it?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from support.serving import ADMIN_KEY
from tocsin.api.app import create_app
from tocsin.api.fast_path import Direct
from tocsin.runtime import Runtime

METRICS = "/api/interaction-metrics"
AT = "2026-03-20T14:30:00.000Z"
COUNT = {"name": "Count", "metricType": "COUNT", "groupBy": ["interaction.country"]}


@pytest.fixture(scope="module")
def routed(runtime: Runtime) -> Iterator[TestClient]:
    """A client of the same application without the middleware, as an admin."""
    app = create_app(runtime)
    app.user_middleware = [one for one in app.user_middleware if one.cls is not Direct]
    with TestClient(app, headers={"x-api-key": ADMIN_KEY}) as client:
        yield client


@pytest.fixture(scope="module")
def metric(api: TestClient) -> str:
    for country in ("ZA", "US", "US"):
        sent = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
        said = {**sent, "timestamp": AT, "interaction": {"country": country}}
        assert api.post("/api/interactions", json=said).status_code == 201
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
def test_the_answers_are_those_of_the_routes(
    api: TestClient, routed: TestClient, metric: str, params: dict[str, Any]
) -> None:
    asked = {
        f"{METRICS}/{metric}/calculate": None,
        f"{METRICS}/{metric.upper()}/calculate": None,
        f"{METRICS}/calculate-all": None,
        f"{METRICS}/preview": COUNT,
        f"{METRICS}/{uuid4()}/calculate": None,
        "/api/interactions": {},
    }
    for path, body in asked.items():
        direct, by_route = (client.post(path, params=params, json=body) for client in (api, routed))
        assert (direct.status_code, direct.json()) == (by_route.status_code, by_route.json()), path
        assert direct.headers == by_route.headers


@pytest.mark.parametrize("body", [{}, {"metricType": "SUM"}, [], "{", ""])
def test_a_wrong_definition_is_answered_as_by_the_route(
    api: TestClient, routed: TestClient, body: Any
) -> None:
    content = {"content": body.encode()} if isinstance(body, str) else {"json": body}
    direct = api.post(f"{METRICS}/preview", **content)
    by_route = routed.post(f"{METRICS}/preview", **content)
    assert direct.status_code >= 400
    assert (direct.status_code, direct.json()) == (by_route.status_code, by_route.json())


@pytest.mark.parametrize("role", ["ingest", "read", "admin", ""])
def test_a_key_may_what_it_may_by_the_route(
    api: TestClient, routed: TestClient, metric: str, keys: dict[str, str], role: str
) -> None:
    headers = {"x-api-key": keys.get(role, "")}
    for path in (f"{METRICS}/{metric}/calculate", f"{METRICS}/calculate-all"):
        direct = api.post(path, headers=headers)
        by_route = routed.post(path, headers=headers)
        assert direct.status_code == by_route.status_code
        assert direct.headers.get("www-authenticate") == by_route.headers.get("www-authenticate")
        assert (direct.status_code == 200) is (role in ("read", "admin"))


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


def test_what_is_asked_most_does_not_reach_the_framework(
    api: TestClient, metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed_on: list[str] = []
    asked = Direct._asked

    def watched(self: Direct, path: str, query: bytes) -> Any:
        found = asked(self, path, query)
        if found is None:
            passed_on.append(path)
        return found

    monkeypatch.setattr(Direct, "_asked", watched)
    api.post(f"{METRICS}/{metric}/calculate", params={"at": AT, "limit": 5})
    api.post(f"{METRICS}/calculate-all")
    api.post(f"{METRICS}/preview", json=COUNT)
    api.post("/api/interactions", json={})
    assert passed_on == []
    api.post(f"{METRICS}/{metric}/series", json={})
    assert passed_on == [f"{METRICS}/{metric}/series"]

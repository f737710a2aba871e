"""Errors over HTTP: always application/problem+json, never a 500 for bad input."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from support.blocking import not_watched
from tocsin.clickhouse.sql.query import Query
from tocsin.errors import QueryTooHeavy, Unavailable
from tocsin.runtime import Runtime

BODIES = [
    "/api/interaction-metrics",
    "/api/interaction-metrics/preview",
    "/api/actions",
    "/api/keys",
]
LIMIT = 2 * 1024 * 1024
NESTED = b'{"metricType":"COUNT","name":"n","filters":[{"field":"action","operator":"eq","value":'


def is_problem(answer: Response, status: int) -> bool:
    problem = answer.json()
    return (
        answer.status_code == status == problem["status"]
        and answer.headers["content-type"] == "application/problem+json"
        and {"type", "title", "status", "detail"} <= set(problem) <= {*problem, "errors"}
        and all(set(error) == {"field", "message"} for error in problem.get("errors", []))
    )


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        b"{",
        b'{"name":"n"',
        b'{"name":"n"}}',
        b"{'name':1}",
        b'{"name":NaN}',
        b'{"name":Infinity}',
        b'{"name":01}',
        b'{"name":"\xff"}',
        b'{"\xff":1}',
        b'{"name":"\x01"}',
        b"\xef\xbb\xbf" * 2 + b"{}",
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b"[" * 10_000,
    ],
)
def test_a_body_that_is_not_json_is_400(api: TestClient, path: str, body: bytes) -> None:
    assert is_problem(api.post(path, content=body), 400)


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b"[]",
        b'"x"',
        b"5",
        b"true",
        b'{"name":1e999}',
        b'{"name":' + b"9" * 400 + b"}",
        b'{"name":' + b"9" * 5_000 + b"}",
        b'{"name":"\\ud800"}',
        b'{"name":{"a":[{}]}}',
        NESTED + b"[" * 300 + b"]" * 300 + b"}]}",
        NESTED + b'{"a":' * 300 + b"1" + b"}" * 300 + b"}]}",
        NESTED + b"9" * 400 + b"}]}",
        b'{"filters":[' + b"{}," * 200_000 + b"{}]}",
        b'{"groupBy":[' + b'"a",' * 200_000 + b'"a"]}',
    ],
)
def test_json_that_is_not_valid_is_422(api: TestClient, path: str, body: bytes) -> None:
    answer = api.post(path, content=body)
    assert is_problem(answer, 422)
    assert answer.json()["errors"]


@pytest.mark.parametrize("path", BODIES)
def test_a_body_of_more_than_2_mib_is_413_with_and_without_a_length(
    api: TestClient, path: str
) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(33):
            yield b" " * 65_536

    assert is_problem(api.post(path, content=b" " * (LIMIT + 1)), 413)
    assert is_problem(api.post(path, content=chunks()), 413)
    assert is_problem(api.post(path, content=b" " * LIMIT), 400)


@pytest.mark.parametrize("path", ["/", "/api", "/nothing", "/api/actions/", "/api/nothing/at/all"])
def test_an_unknown_route_is_404(api: TestClient, path: str) -> None:
    assert is_problem(api.get(path), 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/api/actions", "GET, HEAD, POST"),
        ("DELETE", "/api/actions", "GET, HEAD, POST"),
        (
            "POST",
            "/api/actions/7f1f4b1c-6f0c-4e29-8f7a-0c4d7e1a9b11",
            "DELETE, GET, HEAD, PATCH, PUT",
        ),
        ("GET", "/api/interaction-metrics/preview", "POST"),
        ("DELETE", "/api/interaction-metrics/types", "GET, HEAD"),
        ("OPTIONS", "/api/keys", "GET, HEAD, POST"),
        ("BREW", "/healthz", "GET, HEAD"),
    ],
)
def test_another_method_is_405_with_the_allowed_ones(
    api: TestClient, method: str, path: str, allowed: str
) -> None:
    answer = api.request(method, path)
    assert is_problem(answer, 405)
    assert answer.headers["allow"] == allowed


def test_a_head_request_is_answered_as_a_get_without_the_body(api: TestClient) -> None:
    for path in ("/api/actions", "/healthz", "/metrics", "/docs", "/openapi.json", "/api/nowhere"):
        head, get = api.head(path), api.get(path)
        assert (head.status_code, head.content) == (get.status_code, b""), path
        lengths = head.headers.pop("content-length"), get.headers.pop("content-length")
        assert head.headers == get.headers
        # The text of /metrics grows with each request.
        assert path == "/metrics" or lengths[0] == lengths[1]


def test_a_head_request_to_a_route_without_get_is_405_with_the_type_of_a_problem(
    api: TestClient,
) -> None:
    answer = api.head("/api/interaction-metrics/preview")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_engine_or_store_that_does_not_answer_is_503_with_retry_after(
    api: TestClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise Unavailable

    monkeypatch.setattr(runtime.calculator, "calculate", fail)
    answer = api.post("/api/interaction-metrics/preview", json={"metricType": "COUNT"})
    assert is_problem(answer, 503)
    assert answer.headers["retry-after"] == "1"


def test_a_calculation_that_is_too_heavy_is_422_with_advice(
    api: TestClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise QueryTooHeavy

    monkeypatch.setattr(runtime.calculator, "calculate", fail)
    answer = api.post("/api/interaction-metrics/preview", json={"metricType": "COUNT"})
    assert is_problem(answer, 422)
    assert "narrow" in answer.json()["detail"]


def test_a_metric_that_fails_has_an_error_and_does_not_affect_the_others(
    api: TestClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/api/interaction-metrics"
    marked = [{"field": "interaction.what", "operator": "eq", "value": "bad"}]
    bodies: list[dict[str, Any]] = [
        {"name": name, "metricType": "COUNT"} for name in ("one", "two")
    ]
    bodies.insert(1, {"name": "bad", "metricType": "COUNT", "filters": marked})
    first, failing, second = (api.post(path, json=body).json() for body in bodies)

    def refusing(ask: Callable[..., Any]) -> Callable[..., Any]:
        def sometimes(query: Query, *options: Any, **named: Any) -> Any:
            if "bad" in query.parameters.values():
                raise QueryTooHeavy
            return ask(query, *options, **named)

        return sometimes

    queries = runtime.engine.calculation_queries
    for way in ("run", "run_arrow"):
        monkeypatch.setattr(queries, way, refusing(getattr(queries, way)))
    answer = api.post(f"{path}/calculate-all").json()
    results = {result["metricId"]: result for result in answer["results"]}
    failed = results[failing["metricId"]]
    assert set(failed) == {"metricId", "metricName", "metricType", "calculatedAt", "error"}
    for good in (first, second):
        assert results[good["metricId"]]["results"]
    assert answer["calculated"] == len(results) - 1


def test_an_unexpected_error_is_a_500_without_details(
    api: TestClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime.metrics, "all", lambda: {}["secret"])  # type: ignore[index]
    # Without the server's configuration structlog prints a rich traceback, which takes seconds.
    with not_watched():
        answer = api.get("/api/interaction-metrics")
    assert is_problem(answer, 500)
    assert "secret" not in answer.text

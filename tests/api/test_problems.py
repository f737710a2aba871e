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
    said = answer.json()
    return (
        answer.status_code == status == said["status"]
        and answer.headers["content-type"] == "application/problem+json"
        and {"type", "title", "status", "detail"} <= set(said) <= {*said, "errors"}
        and all(set(error) == {"field", "message"} for error in said.get("errors", []))
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
def test_what_is_no_json_is_400(api: TestClient, path: str, body: bytes) -> None:
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
def test_what_is_json_but_not_acceptable_is_422(api: TestClient, path: str, body: bytes) -> None:
    answer = api.post(path, content=body)
    assert is_problem(answer, 422)
    assert answer.json()["errors"]


@pytest.mark.parametrize("path", BODIES)
def test_a_body_of_more_than_2_mib_is_413_however_it_is_sent(api: TestClient, path: str) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(33):
            yield b" " * 65_536

    assert is_problem(api.post(path, content=b" " * (LIMIT + 1)), 413)
    assert is_problem(api.post(path, content=chunks()), 413)
    assert is_problem(api.post(path, content=b" " * LIMIT), 400)


@pytest.mark.parametrize("path", ["/", "/api", "/nothing", "/api/actions/", "/api/nothing/at/all"])
def test_a_route_that_is_not_there_is_404(api: TestClient, path: str) -> None:
    assert is_problem(api.get(path), 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/api/actions", "GET, HEAD, POST"),
        ("DELETE", "/api/actions", "GET, HEAD, POST"),
        ("POST", "/api/actions/7f1f4b1c-6f0c-4e29-8f7a-0c4d7e1a9b11", "DELETE, GET, HEAD, PUT"),
        ("GET", "/api/interaction-metrics/preview", "POST"),
        ("DELETE", "/api/interaction-metrics/types", "GET, HEAD"),
        ("OPTIONS", "/api/keys", "GET, HEAD, POST"),
        ("BREW", "/healthz", "GET, HEAD"),
    ],
)
def test_a_method_that_a_route_does_not_take_is_405_with_those_it_takes(
    api: TestClient, method: str, path: str, allowed: str
) -> None:
    answer = api.request(method, path)
    assert is_problem(answer, 405)
    assert answer.headers["allow"] == allowed


def test_a_head_request_is_answered_as_a_get_without_the_body(api: TestClient) -> None:
    for path in ("/api/actions", "/healthz", "/metrics", "/docs", "/openapi.json", "/api/nowhere"):
        asked, got = api.head(path), api.get(path)
        assert (asked.status_code, asked.content) == (got.status_code, b""), path
        lengths = asked.headers.pop("content-length"), got.headers.pop("content-length")
        assert asked.headers == got.headers
        # What /metrics says grows with each request.
        assert path == "/metrics" or lengths[0] == lengths[1]


def test_a_head_request_to_a_route_without_get_is_405_with_the_type_of_a_problem(
    api: TestClient,
) -> None:
    answer = api.head("/api/interaction-metrics/preview")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.headers["content-type"] == "application/problem+json"


def test_what_does_not_answer_is_503_with_retry_after(
    api: TestClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise Unavailable

    monkeypatch.setattr(runtime.calculator, "calculate", fail)
    answer = api.post("/api/interaction-metrics/preview", json={"metricType": "COUNT"})
    assert is_problem(answer, 503)
    assert answer.headers["retry-after"] == "1"


def test_a_calculation_that_is_too_heavy_is_422_and_says_what_helps(
    api: TestClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise QueryTooHeavy

    monkeypatch.setattr(runtime.calculator, "calculate", fail)
    answer = api.post("/api/interaction-metrics/preview", json={"metricType": "COUNT"})
    assert is_problem(answer, 422)
    assert "narrow" in answer.json()["detail"]


def test_a_metric_that_fails_has_an_error_and_takes_no_other_down(
    api: TestClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/api/interaction-metrics"
    marked = [{"field": "interaction.what", "operator": "eq", "value": "bad"}]
    bodies: list[dict[str, Any]] = [
        {"name": name, "metricType": "COUNT"} for name in ("one", "two")
    ]
    bodies.insert(1, {"name": "bad", "metricType": "COUNT", "filters": marked})
    one, bad, two = (api.post(path, json=body).json() for body in bodies)

    def refusing(ask: Callable[..., Any]) -> Callable[..., Any]:
        def sometimes(query: Query, *options: Any, **named: Any) -> Any:
            if "bad" in query.parameters.values():
                raise QueryTooHeavy
            return ask(query, *options, **named)

        return sometimes

    queries = runtime.engine.calculation_queries
    for way in ("run", "columns"):
        monkeypatch.setattr(queries, way, refusing(getattr(queries, way)))
    answer = api.post(f"{path}/calculate-all").json()
    results = {result["metricId"]: result for result in answer["results"]}
    failed = results[bad["metricId"]]
    assert set(failed) == {"metricId", "metricName", "metricType", "calculatedAt", "error"}
    for good in (one, two):
        assert results[good["metricId"]]["results"]
    assert answer["calculated"] == len(results) - 1


def test_an_error_that_nobody_expected_is_a_500_that_gives_nothing_away(
    api: TestClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime.metrics, "all", lambda: {}["secret"])  # type: ignore[index]
    # Without the server's configuration structlog prints a rich traceback, which takes seconds.
    with not_watched():
        answer = api.get("/api/interaction-metrics")
    assert is_problem(answer, 500)
    assert "secret" not in answer.text

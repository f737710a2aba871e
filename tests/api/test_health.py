"""Liveness, readiness and the metrics of the service."""

import re

import pytest
from fastapi.testclient import TestClient

from support.deployments import folder_only, servers_only
from tocsin.api.app import create_app
from tocsin.errors import Unavailable
from tocsin.model.zones import data_version
from tocsin.runtime import Runtime

SENT = {"resourceId": "1", "resourceType": "R", "action": "a", "origin": "o"}


def measured(api: TestClient, name: str) -> float:
    """The value of a sample, spelled as Prometheus does; 0 if it is not there."""
    text = api.get("/metrics").text
    match = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(match[1]) if match else 0


def fail(*_: object) -> None:
    raise Unavailable


def test_liveness_and_readiness_are_answered_without_a_key(api: TestClient) -> None:
    for path in ("/healthz", "/readyz"):
        assert api.get(path, headers={"x-api-key": ""}).status_code == 200


@folder_only
def test_a_process_with_a_folder_has_no_role(api: TestClient) -> None:
    assert api.get("/readyz").json() == {"status": "ready", "tzdata": data_version()}
    assert "tocsin_leader" not in api.get("/metrics").text


@servers_only
def test_a_node_states_its_role_and_how_it_keeps_up(api: TestClient) -> None:
    node = api.get("/readyz").json()["node"]
    assert node["role"] == "leader"
    assert 0 <= node["secondsBehind"] < 5
    assert 0 <= node["oldestAppendSeconds"] < 5
    assert measured(api, "tocsin_leader") == 1
    assert 0 <= measured(api, "tocsin_append_log_behind_seconds") < 5


@pytest.mark.parametrize(("part", "method"), [("engine", "check_ready"), ("database", "ping")])
def test_it_is_not_ready_but_alive_while_the_engine_or_the_store_does_not_answer(
    api: TestClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, part: str, method: str
) -> None:
    monkeypatch.setattr(getattr(runtime, part), method, fail)
    answer = api.get("/readyz")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert api.get("/healthz").status_code == 200


def test_interactions_are_counted_by_outcome(api: TestClient) -> None:
    def counts() -> list[float]:
        names = ("accepted", "duplicate", "rejected")
        return [measured(api, f'tocsin_interactions_total{{outcome="{name}"}}') for name in names]

    before = counts()
    same = {**SENT, "interactionId": "7f1f4b1c-6f0c-4e29-8f7a-0c4d7e1a9b11"}
    api.post("/api/interactions/batch", json=[SENT, SENT, same, same, {}])
    api.post("/api/interactions", json=same)
    api.post("/api/interactions", json={})
    gained = [now - then for now, then in zip(counts(), before, strict=True)]
    assert gained == [3, 2, 2]
    assert measured(api, "tocsin_engine_rows") == 3
    assert measured(api, "tocsin_engine_bytes_on_disk") > 0


def test_requests_are_counted_by_route_and_not_by_address(api: TestClient) -> None:
    name = 'tocsin_http_requests_total{method="GET",route="/api/actions/{id}",status="404"}'
    before = measured(api, name)
    for number in range(3):
        api.get(f"/api/actions/7f1f4b1c-6f0c-4e29-8f7a-0c4d7e1a9b1{number}")
    assert measured(api, name) - before == 3
    api.get("/no/such/route")
    unknown = 'tocsin_http_requests_total{method="GET",route="unknown",status="404"}'
    assert measured(api, unknown) >= 1
    api.request("BREW", "/healthz")
    assert 'method="BREW"' not in api.get("/metrics").text


def test_calculations_and_requests_have_latency_histograms(api: TestClient) -> None:
    count = 'tocsin_calculation_duration_seconds_count{operation="preview"}'
    before = measured(api, count)
    api.post("/api/interaction-metrics/preview", json={"metricType": "COUNT"})
    assert measured(api, count) - before == 1
    route = 'method="POST",route="/api/interaction-metrics/preview"'
    assert measured(api, f"tocsin_http_request_duration_seconds_count{{{route}}}") >= 1


def test_an_engine_that_does_not_answer_hides_no_other_metric(
    api: TestClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime.engine, "rows", fail)
    answer = api.get("/metrics")
    assert answer.status_code == 200
    assert "tocsin_interactions_total" in answer.text
    assert "tocsin_engine_rows " not in answer.text


def test_each_application_measures_for_itself(api: TestClient, runtime: Runtime) -> None:
    api.get("/healthz")
    with TestClient(create_app(runtime), headers=dict(api.headers)) as other:
        assert 'route="/healthz"' not in other.get("/metrics").text

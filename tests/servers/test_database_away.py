"""While PostgreSQL is away, each request is answered from memory or with a 503 that says when to
try again; afterwards a node works without a restart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from support.definitions import KEYS, METRICS, SILENCES, definitions
from support.deployments import servers_only, settings_in
from support.receivers import wait_for
from support.serving import ADMIN_KEY
from support.tcp_proxy import TcpProxy
from tocsin.api.app import create_app
from tocsin.runtime import Runtime

pytestmark = servers_only

INTERACTION = {"resourceType": "A", "resourceId": "1", "action": "B", "origin": "C"}
# Within these seconds a node has its locks again.
RECOVERS_WITHIN = 15


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TcpProxy]:
    settings = settings_in(tmp_path_factory.getbasetemp() / "away", admin_key=ADMIN_KEY)
    assert settings.database_url
    server = make_url(settings.database_url.get_secret_value())
    with TcpProxy(server.host or "", server.port or 5432) as running:
        yield running


@pytest.fixture(scope="module")
def api(proxy: TcpProxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A node whose connections to PostgreSQL can be broken."""
    settings = settings_in(tmp_path_factory.getbasetemp() / "away", admin_key=ADMIN_KEY)
    assert settings.database_url
    server = make_url(settings.database_url.get_secret_value())
    behind = server.set(host="127.0.0.1", port=proxy.port)
    url = SecretStr(behind.render_as_string(hide_password=False))
    runtime = Runtime(settings.model_copy(update={"database_url": url}))
    try:
        runtime.key_service.adopt(settings.admin_key)
        app = create_app(runtime)
        yield TestClient(app, raise_server_exceptions=False, headers={"x-api-key": ADMIN_KEY})
    finally:
        runtime.close()


def requests_of(api: TestClient) -> list[tuple[str, str, Any]]:
    """Every GET, with ids that nothing has, and some changes."""
    paths = api.get("/openapi.json").json()["paths"]
    gets = [path for path, methods in paths.items() if "get" in methods]
    changes = [(path, body) for path, body in definitions(api).items() if path != KEYS]
    entry = {"mnemonic": uuid4().hex, "title": "t"}
    return [
        *(("GET", "/".join(_filled(step) for step in path.split("/")), None) for path in gets),
        *(("POST", path, body) for path, body in changes if "mnemonic" not in body),
        ("POST", "/api/actions", entry),
        ("POST", KEYS, {"name": "k", "role": "read"}),
        ("POST", "/api/interactions", {**INTERACTION, "action": uuid4().hex}),
        ("POST", f"{METRICS}/preview", {"name": "n", "metricType": "COUNT"}),
    ]


def _filled(step: str) -> str:
    return str(uuid4()) if step.startswith("{") else step


def test_every_request_is_answered_or_refused_with_retry_after(
    api: TestClient, proxy: TcpProxy
) -> None:
    requests = requests_of(api)
    assert api.post("/api/interactions", json=INTERACTION).status_code == 201
    proxy.is_down = True
    try:
        for method, path, body in requests:
            answer = api.request(method, path, json=body)
            if method == "GET" and answer.status_code != 503:
                assert answer.status_code < 500, (path, answer.text)
                continue
            if path.endswith("/preview") and answer.status_code == 200:
                continue
            assert answer.status_code == 503, (method, path, answer.text)
            if path.startswith("/api"):
                assert int(answer.headers["retry-after"]) >= 1, path
                assert "://" not in answer.json()["detail"]
    finally:
        proxy.is_down = False
    for method, path, body in requests:
        recovered = wait_for_status(api, method, path, body)
        assert recovered < 500, (method, path)


def test_readiness_names_the_database_that_is_away(api: TestClient, proxy: TcpProxy) -> None:
    assert api.get("/healthz").status_code == 200
    proxy.is_down = True
    try:
        wait_for(lambda: api.get("/readyz").status_code == 503, RECOVERS_WITHIN)
        assert api.get("/healthz").status_code == 200
    finally:
        proxy.is_down = False
    wait_for(lambda: api.get("/readyz").status_code == 200, RECOVERS_WITHIN)


def test_what_was_refused_is_absent_and_can_be_repeated(api: TestClient, proxy: TcpProxy) -> None:
    body = {**definitions(api)[SILENCES], "reason": uuid4().hex}
    interaction = {**INTERACTION, "interactionId": str(uuid4())}
    proxy.is_down = True
    try:
        assert api.post(SILENCES, json=body).status_code == 503
        status = api.post("/api/interactions", json=interaction).status_code
    finally:
        proxy.is_down = False
    assert wait_for_status(api, "GET", SILENCES, None) == 200
    assert body["reason"] not in api.get(SILENCES).text
    assert status in (201, 503)
    repeated = wait_for_status(api, "POST", "/api/interactions", interaction)
    assert repeated == (200 if status == 201 else 201)
    path = f"/api/interactions/{interaction['interactionId']}"
    assert wait_for_status(api, "GET", path, None) == 200


def wait_for_status(api: TestClient, method: str, path: str, body: Any) -> int:
    """The status, once it is none of a server that is away."""
    statuses: list[int] = []

    def is_answered() -> bool:
        statuses.append(api.request(method, path, json=body).status_code)
        return statuses[-1] != 503

    wait_for(is_answered, RECOVERS_WITHIN)
    return statuses[-1]

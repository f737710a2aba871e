"""Hostile input never causes a 5xx, is never stored in part, and never becomes SQL text."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from support import nasty
from support.blocking import not_watched
from support.receivers import wait_for
from tocsin.runtime import Runtime

NAMED = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
METRICS = "/api/interaction-metrics"
BODIES = [
    b"",
    b" ",
    b"{",
    b'{"a":',
    b"NaN",
    b'{"a":Infinity}',
    b"null",
    b"[]",
    b"7",
    b'"x"',
    b"\xff\xfe",
    b'{"a":"\xff"}',
    b'{"name":"\\ud800"}',
    b'{"a":1e999}',
    b"[" * 10_000,
    b"[" * 10_000 + b"]" * 10_000,
    b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
]
UNKNOWN = UUID(int=7)
INJECTIONS = [
    "'; DROP TABLE interactions; --",
    "`) OR 1=1 --",
    "{p0:String}",
    "{p0:Identifier}",
    "\\' OR 1=1",
    '"; SELECT sleep(3)',
    "/*",
    "%s%d{}",
    "a\x00b",
    "x' UNION ALL SELECT 1",
]
ROUTES = [
    ("POST", "/api/interactions"),
    ("POST", "/api/interactions/batch"),
    ("POST", METRICS),
    ("POST", f"{METRICS}/preview"),
    ("PUT", f"{METRICS}/{UNKNOWN}"),
    ("POST", f"{METRICS}/{UNKNOWN}/series"),
    ("POST", "/api/resource-types"),
    ("PUT", f"/api/actions/{UNKNOWN}"),
    ("POST", "/api/keys"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_an_invalid_body_is_a_client_error(api: TestClient, method: str, path: str) -> None:
    for body in BODIES:
        answer = api.request(method, path, content=body)
        assert 400 <= answer.status_code < 500 or answer.json() == _nothing(), (path, body[:40])
        if answer.status_code >= 400 and "accepted" not in answer.json():
            assert answer.headers["content-type"] == "application/problem+json"


def _nothing() -> dict[str, Any]:
    """The response to an empty batch."""
    return {"accepted": 0, "duplicates": 0, "rejected": []}


@pytest.mark.parametrize("path", ["/api/interactions", "/api/interactions/batch", METRICS])
def test_a_hundred_megabytes_are_refused_before_they_are_read(api: TestClient, path: str) -> None:
    read = 0

    def endless() -> Any:
        nonlocal read
        for _ in range(100):
            read += 1
            yield b" " * (1 << 20)

    # The client joins the whole body before it sends any of it.
    with not_watched():
        assert api.post(path, content=endless()).status_code == 413
    assert api.post(path, headers={"content-length": str(100 << 20)}).status_code == 413


@pytest.mark.parametrize(("name", "text"), nasty.bad_payloads())
def test_a_bad_payload_is_refused_and_its_neighbours_are_stored(
    api: TestClient, name: str, text: str
) -> None:
    bad = json.dumps({**NAMED, "resourceId": name})[:-1] + f',"interaction":{text}}}'
    answer = api.post("/api/interactions", content=bad.encode())
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == ["interaction"]
    good = json.dumps(NAMED)
    batch = api.post("/api/interactions/batch", content=f"[{good},{bad},{good}]".encode())
    assert batch.status_code == 207, batch.text
    assert batch.json()["accepted"] == 2
    assert [rejection["index"] for rejection in batch.json()["rejected"]] == [1]
    page = api.get("/api/interactions", params={"resourceId": name}).json()
    assert page["interactions"] == []


@pytest.mark.parametrize("text", INJECTIONS)
def test_injections_are_values_in_every_member(api: TestClient, text: str) -> None:
    payload = {text: text, "nested": {text: 1}}
    recorded = api.post(
        "/api/interactions",
        json={**NAMED, "resourceId": text, "userId": text, "interaction": payload},
    )
    assert recorded.status_code == 201
    for params in ({"resourceId": text}, {"userId": text}):
        interactions = api.get("/api/interactions", params=params).json()["interactions"]
        assert [i["interactionId"] for i in interactions] == [recorded.json()["interactionId"]]
    for name in ("resourceType", "action", "origin", "cursor", "from", "limit", "uowId"):
        assert api.get("/api/interactions", params={name: text}).status_code == 422
    assert api.post("/api/interactions", json={**NAMED, "action": text}).status_code == 422
    assert api.get(f"/api/interactions/{quote(text)}").status_code in (404, 405, 422)


@pytest.mark.parametrize("text", INJECTIONS)
def test_injections_as_keys_never_reach_the_sql(
    api: TestClient, runtime: Runtime, text: str
) -> None:
    # Until the types are known, after the start, the SQL reads all of them.
    wait_for(lambda: runtime.engine.field_types.is_complete)

    def metric_of(key: str) -> dict[str, Any]:
        field = "interaction." + key.replace("\\", "\\\\").replace(".", "\\.")
        return {
            "name": key.replace("\0", ""),
            "metricType": "DISTINCT_COUNT",
            "field": field,
            "filters": [
                {"field": field, "operator": "neq", "value": key + "?"},
                {"field": field, "operator": "contains", "value": key},
            ],
            "groupBy": [field],
            # The field of an enabled one may become a column while it is asked.
            "enabled": False,
        }

    def explained(key: str) -> str:
        api.post("/api/interactions", json={**NAMED, "interaction": {key: key}})
        created = api.post(METRICS, json=metric_of(key))
        assert created.status_code == 201, created.text
        path = f"{METRICS}/{created.json()['metricId']}"
        rows = api.post(f"{path}/calculate").json()["results"]
        (dimension,) = rows[0]["dimensions"].values()
        assert (rows[0]["value"], dimension) == (1, key)
        return str(api.get(f"{path}/explain").json()["sql"])

    sql = explained(text)
    assert text not in sql or text == "{p0:Identifier}"
    # A key that the engine cannot bind as an Identifier is read another way.
    assert sql in (explained(f"harmless {uuid4().hex}"), explained(f"harmless ' {uuid4().hex}"))

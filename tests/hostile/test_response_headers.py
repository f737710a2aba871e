"""The headers of every answer for browsers and caches, and HEAD on a real connection."""

from __future__ import annotations

from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from support.raw_client import RawClient
from support.serving import Server

SENT = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}


def test_every_answer_of_the_api_forbids_keeping_and_guessing_its_type(api: TestClient) -> None:
    paths = api.get("/openapi.json").json()["paths"]
    calls = [(method.upper(), path) for path, operations in paths.items() for method in operations]
    answers = [
        api.request(method, path.replace("{id}", str(uuid4())), headers={"x-api-key": key})
        for method, path in calls
        for key in ("", api.headers["x-api-key"])
    ]
    answers += [
        api.post("/api/interactions", json=SENT),
        api.post("/api/keys", json={"name": "n", "role": "read"}),
        api.get("/api/nowhere"),
        api.get("/openapi.json"),
    ]
    assert len(answers) > 80
    for answer in answers:
        assert answer.headers.get_list("cache-control") == ["no-store"], answer.request.url
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"]


def test_no_other_site_may_show_the_documentation_in_a_frame(api: TestClient) -> None:
    headers = api.get("/docs").headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/healthz", "/docs", "/web/sign-in", "/api/actions", "/nowhere"])
def test_head_answers_the_headers_of_get_and_leaves_the_connection_usable(
    path: str, server: Server
) -> None:
    with server.client() as client:
        answers = [client.head(path) for _ in range(2)]
        got = client.get(path)
    for answer in answers:
        assert (answer.status_code, answer.content) == (got.status_code, b"")
        assert answer.headers["content-length"] == got.headers["content-length"]
        assert answer.headers["content-type"] == got.headers["content-type"]


def test_head_sends_no_body_on_the_wire(server: Server) -> None:
    with RawClient(server) as client:
        client.send(b"HEAD /healthz HTTP/1.1\r\nHost: x\r\nconnection: close\r\n\r\n")
        answer = client.answer()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\n")


def test_refusals_of_the_connection_itself_say_the_same(server: Server) -> None:
    with RawClient(server) as client:
        client.send(b"NONSENSE\r\n\r\n")
        answer = client.answer().lower()
    assert b"x-content-type-options: nosniff" in answer
    assert b"cache-control: no-store" in answer

"""Heads and chunk framing are bounded, and invalid HTTP is rejected briefly."""

from __future__ import annotations

import pytest

from support.raw_client import RawClient
from support.serving import Server

MIB = 1 << 20
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\nconnection: close\r\n"
POST = b"POST /api/interactions HTTP/1.1\r\nHost: x\r\ntransfer-encoding: chunked\r\n\r\n"


def answer_to(server: Server, request: bytes) -> bytes:
    with RawClient(server) as client:
        client.send(request)
        return client.answer()


@pytest.mark.parametrize(
    "request_bytes",
    [
        GET + b"x-a: " + b"a" * (8 * MIB),
        GET + b"cookie: a=" + b"a" * 70_000 + b"\r\n\r\n",
        GET + b"".join(b"x-%d: a\r\n" % n for n in range(10_000)) + b"\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\r\n" * 40_000,
    ],
    ids=["one header", "a cookie", "many headers", "a path", "blank lines"],
)
def test_a_head_of_more_than_64_kib_is_answered_with_431(
    request_bytes: bytes, server: Server
) -> None:
    assert answer_to(server, request_bytes).startswith(b"HTTP/1.1 431 ")


def test_a_head_of_less_than_64_kib_is_served(server: Server) -> None:
    filler = b"x-a: " + b"a" * 60_000 + b"\r\n\r\n"
    assert answer_to(server, GET + filler).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("framing", [b"1;", b"0\r\nx-trailer: "], ids=["extension", "trailer"])
def test_the_framing_of_chunks_is_bounded_too(framing: bytes, server: Server) -> None:
    """No key is given, so that the request is answered before its body ends: once."""
    answer = answer_to(server, POST + framing + b"a" * MIB)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_requests_that_arrive_together_are_answered_one_after_the_other(server: Server) -> None:
    together = GET.replace(b"connection: close\r\n", b"") + b"x-a: " + b"a" * 1000 + b"\r\n\r\n"
    answer = answer_to(server, together * 200 + GET + b"\r\n")
    assert answer.count(b"HTTP/1.1 200 ") == 201


def test_a_large_body_that_arrives_with_its_head_is_taken_whole(server: Server) -> None:
    with server.client() as client:
        body = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
        sent = {**body, "interaction": {"text": "x" * 900_000}}
        answer = client.post("/api/interactions", json=sent)
    assert answer.status_code == 201
    assert answer.json()["interaction"] == sent["interaction"]


def test_invalid_http_is_a_problem_and_not_a_line_of_the_log_each(server: Server) -> None:
    before = server.log.count("Invalid HTTP request")
    for _ in range(300):
        answer = answer_to(server, b"NONSENSE\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"application/problem+json" in answer
    assert server.log.count("Invalid HTTP request") - before < 60


def test_a_form_of_too_many_fields_is_413_without_a_traceback(server: Server) -> None:
    fields = "&".join(f"f{n}=" for n in range(2_001))
    headers = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
    with server.client() as client:
        posted = client.post("/web/sign-in", content=fields, headers=headers)
        client.post("/web/sign-in", data={"key": server.admin_key}, headers=headers)
        conditions = "&".join(["filterField="] * 2_001)
        read = client.get(f"/web/interactions?{conditions}")
    assert (posted.status_code, read.status_code) == (413, 413)
    assert "Traceback" not in server.log

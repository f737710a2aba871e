"""Headers as a connection carries them: blanks around a value, and letters beyond ASCII."""

from __future__ import annotations

import gzip
import http.client
import json
from typing import Any
from uuid import uuid4

import pytest

from support.serving import ADMIN_KEY, Server

NAMED = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
ONE = json.dumps(NAMED).encode()
KEY = ADMIN_KEY.encode()
UOW = b"0190a1b2-0000-7000-8000-00000000000f"

Headers = list[tuple[str, bytes]]


def post(
    server: Server, headers: Headers, body: bytes = ONE, path: str = "/api/interactions"
) -> tuple[http.client.HTTPResponse, bytes]:
    """Headers byte for byte, which no client library leaves alone."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.putrequest("POST", path)
        for name, value in headers:
            connection.putheader(name, value)
        connection.putheader("content-length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def recorded(server: Server, *headers: tuple[str, bytes], **sent: Any) -> Any:
    answer, content = post(server, [("x-api-key", KEY), *headers], **sent)
    assert answer.status == 201, content
    return json.loads(content)


@pytest.mark.parametrize("blanks", [b" ", b"\t", b" \t  "])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-api-key", KEY),
        ("authorization", b"Bearer " + KEY),
        ("authorization", b"bEARER   " + KEY),
    ],
)
def test_a_key_is_known_with_blanks_around_it(
    server: Server, name: str, value: bytes, blanks: bytes
) -> None:
    for sent in (value + blanks, blanks + value, blanks + value + blanks):
        answer, content = post(server, [(name, sent)])
        assert answer.status == 201, content


def test_a_key_of_blanks_counts_as_missing_and_the_other_header_is_used(
    server: Server,
) -> None:
    answer, _ = post(server, [("x-api-key", b"  ")])
    assert answer.status == 401
    answer, _ = post(server, [("x-api-key", b" "), ("authorization", b"Bearer " + KEY)])
    assert answer.status == 201


@pytest.mark.parametrize("blanks", [b" ", b"\t", b" \t  "])
def test_the_headers_of_an_interaction_are_trimmed(server: Server, blanks: bytes) -> None:
    interaction = recorded(
        server,
        ("x-interaction-timestamp", b"2026-03-20T14:30:00Z" + blanks),
        ("x-uowid", blanks + UOW + blanks),
        ("x-userid", blanks + b"ann  lee" + blanks),
    )
    assert interaction["timestamp"] == "2026-03-20T14:30:00.000Z"
    assert interaction["uowId"] == UOW.decode()
    assert interaction["userId"] == "ann  lee"


@pytest.mark.parametrize("blanks", [b"", b" ", b" \t  "])
def test_an_empty_header_of_an_interaction_counts_as_not_given(
    server: Server, blanks: bytes
) -> None:
    names = ("x-interaction-timestamp", "x-uowid", "x-userid")
    interaction = recorded(server, *((name, blanks) for name in names))
    plain = recorded(server)
    assert interaction["userId"] is None
    assert interaction["uowId"] != plain["uowId"]
    assert interaction["timestamp"][:10] == plain["timestamp"][:10]
    packed = recorded(
        server,
        ("x-userid", blanks),
        body=b"[" + ONE + b"]",
        path="/api/interactions/batch",
    )
    assert packed["accepted"] == 1
    with server.client() as client:
        newest = client.get("/api/interactions", params={"limit": 1}).json()["interactions"]
    assert newest[0]["userId"] is None


@pytest.mark.parametrize("blanks", [b" ", b"\t", b" \t  "])
def test_the_type_and_the_coding_of_a_body_are_trimmed(server: Server, blanks: bytes) -> None:
    sent = recorded(
        server,
        ("content-type", b"application/x-ndjson" + blanks),
        ("content-encoding", b"gzip" + blanks),
        body=gzip.compress(ONE + b"\n" + ONE),
        path="/api/interactions/batch",
    )
    assert sent["accepted"] == 2


@pytest.mark.parametrize("user", ["José", "à", "voilà", "Ünal", "日本", "😀", "a\u00a0b"])
def test_a_user_in_utf_8_is_the_one_of_the_body(server: Server, user: str) -> None:
    resource_id = str(uuid4())
    body = json.dumps({**NAMED, "resourceId": resource_id}).encode()
    by_body = json.dumps({**NAMED, "resourceId": resource_id, "userId": user}).encode()
    for blanks in (b"", b" "):
        interaction = recorded(server, ("x-userid", user.encode() + blanks), body=body)
        assert interaction["userId"] == user
    recorded(server, body=by_body)
    with server.client() as client:
        query = {"userId": user, "resourceId": resource_id}
        page = client.get("/api/interactions", params=query).json()
    assert len(page["interactions"]) == 3


@pytest.mark.parametrize("user", ["José", "Ünal", "à la carte"])
def test_a_user_in_latin_1_is_read_as_such(server: Server, user: str) -> None:
    interaction = recorded(server, ("x-userid", user.encode("latin-1")))
    assert interaction["userId"] == user


def test_headers_that_a_page_relies_on_are_trimmed(server: Server) -> None:
    form = b"key=" + KEY
    headers = [("sec-fetch-site", b"same-origin "), ("x-forwarded-proto", b"https ")]
    answer, _ = post(server, headers, form, "/web/sign-in")
    assert answer.status == 303
    assert "; Secure" in (answer.getheader("set-cookie") or "")
    answer, _ = post(server, [("origin", f"{server.url} ".encode())], form, "/web/sign-in")
    assert answer.status == 303

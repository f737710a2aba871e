"""Every response of a server or a proxy becomes a value or an error with a readable message."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx2 as httpx
import pytest

from tocsin.cli.client import Client, RejectedByServer, Unreachable
from tocsin.errors import TocsinError

Handler = Callable[[httpx.Request], httpx.Response]


def client(handler: Handler) -> Client:
    return Client("http://tocsin.test", "key", httpx.MockTransport(handler))


def refusal(status: int, **answer: Any) -> RejectedByServer:
    with pytest.raises(RejectedByServer) as caught:
        client(lambda _: httpx.Response(status, **answer)).get("/api/keys")
    return caught.value


def test_a_request_carries_the_key_and_only_the_parameters_given() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["x-api-key"] == "key"
        assert request.url == "http://tocsin.test/api/interaction-metrics?limit=3"
        return httpx.Response(200, json={"ok": True})

    assert client(answer).get("/api/interaction-metrics", limit=3, at=None) == {"ok": True}


def test_a_problem_document_is_shown_field_by_field() -> None:
    errors = [{"field": "name", "message": "is required"}, {"field": "", "message": "is odd"}]
    body = {"title": "Invalid input", "status": 422, "detail": "Not acceptable.", "errors": errors}
    error = refusal(422, json=body)
    assert str(error) == "Not acceptable.\n  name: is required\n  is odd"
    assert error.status_code == 422


def test_an_unknown_key_is_reported() -> None:
    message = str(refusal(401, json={"title": "Key required", "status": 401}))
    assert "http://tocsin.test does not accept this key" in message


@pytest.mark.parametrize("answer", [{"text": "<html>"}, {"json": [1]}, {"json": {"a": 1}}, {}])
def test_an_error_without_a_problem_document_is_shown_by_its_status(answer: dict[str, Any]) -> None:
    assert "answered 502 Bad Gateway, without a problem document" in str(refusal(502, **answer))


def test_a_success_without_json_is_an_error() -> None:
    assert "is not Tocsin" in str(refusal(200, text="<html>hello</html>"))


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7), ("soon", None), ("Sun Nov  6 08:49:37 1994", 0)]
)
def test_retry_after_is_read_as_seconds(header: str, seconds: float | None) -> None:
    assert refusal(503, headers={"retry-after": header}).retry_after == seconds


@pytest.mark.parametrize(("hours", "seconds"), [(1, 3600), (-1, 0)])
def test_retry_after_is_read_as_a_date(hours: int, seconds: float) -> None:
    # Not a parameter: tests may be collected minutes earlier.
    date = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)
    after = refusal(503, headers={"retry-after": date}).retry_after
    assert after == pytest.approx(seconds, abs=60)


@pytest.mark.parametrize("kind", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError])
def test_a_server_that_does_not_answer_is_unreachable(kind: type[httpx.TransportError]) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise kind("[Errno 111] Connection refused")

    with pytest.raises(Unreachable, match=r"http://tocsin\.test"):
        client(answer).get("/api/keys")


@pytest.mark.parametrize("url", ["", "localhost:8420", "ftp://a", "http://", "http://a:b"])
def test_an_invalid_url_is_rejected(url: str) -> None:
    with pytest.raises(TocsinError, match=r"is not (a|the) URL"):
        Client(url, "key")


@pytest.mark.parametrize("key", [None, "", "schlüssel", "two\nlines"])
def test_an_invalid_key_is_not_sent(key: str | None) -> None:
    with pytest.raises(TocsinError, match="key"):
        Client("http://tocsin.test", key)


def test_content_that_cannot_be_encoded_as_json_is_not_sent() -> None:
    with pytest.raises(TocsinError, match="cannot be encoded as JSON"):
        client(lambda _: httpx.Response(200)).post("/api/x", {"value": "\ud800"})


def test_the_response_to_a_batch_that_was_rejected_whole_is_no_error() -> None:
    body = {"accepted": 0, "duplicates": 0, "rejected": [{"index": 0, "errors": []}]}
    response = client(lambda _: httpx.Response(422, json=body)).post_lines("/x", b"", "zstd")
    assert response == body

"""Clients that never finish a request lose their connection, and honest slow ones keep it.

All of them are started together, so that the tests of this module wait for the deadlines once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from support.raw_client import RawClient, trickle
from support.serving import ADMIN_KEY, Server

ONE = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
HEAD = b"POST /api/interactions HTTP/1.1\r\nHost: x\r\n"
KEY = f"x-api-key: {ADMIN_KEY}\r\n".encode()
BODY = json.dumps({**ONE, "interaction": {"text": "x" * 60_000}}).encode()
BODY_HEAD = HEAD + KEY + f"content-length: {len(BODY)}\r\n\r\n".encode()


def status_of(server: Server, send: Callable[[RawClient], None]) -> int | None:
    with RawClient(server) as client:
        send(client)
        return client.status()


def send_half_a_head_in_pieces(client: RawClient) -> None:
    client.send(HEAD)
    trickle(client, (b"x-%d: 1\r\n" % n for n in range(120)), 0.5)


def send_blank_lines(client: RawClient) -> None:
    trickle(client, (b"\r\n" for _ in range(120)), 0.5)


def send_a_body_in_bytes(client: RawClient) -> None:
    client.send(BODY_HEAD)
    trickle(client, (BODY[n : n + 1] for n in range(240)), 0.25)


def send_a_chunked_body_in_bytes(client: RawClient) -> None:
    client.send(HEAD + KEY + b"transfer-encoding: chunked\r\n\r\n")
    trickle(client, (b"1\r\nx\r\n" for _ in range(240)), 0.25)


def send_most_of_a_body_and_rest(client: RawClient) -> None:
    client.send(BODY_HEAD + BODY[:-1])


def sign_in_slowly(client: RawClient) -> None:
    head = b"POST /web/sign-in HTTP/1.1\r\nHost: x\r\nsec-fetch-site: same-origin\r\n"
    client.send(head + b"content-length: 1000\r\n\r\nkey=")


def fall_silent_after_an_answer(client: RawClient) -> None:
    client.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert client.socket.recv(65536).startswith(b"HTTP/1.1 200")
    client.send(b"G")


def send_a_body_at_twice_the_pace(client: RawClient) -> None:
    client.send(BODY_HEAD.replace(b"Host", b"connection: close\r\nHost"))
    trickle(client, (BODY[n : n + 1024] for n in range(0, len(BODY), 1024)), 0.5)


def rest_on_a_kept_connection(client: RawClient) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
    client.send(request + b"\r\n")
    assert client.socket.recv(65536).startswith(b"HTTP/1.1 200")
    time.sleep(35)
    client.send(request + b"connection: close\r\n\r\n")


SLOW = {
    "a head in pieces": send_half_a_head_in_pieces,
    "blank lines": send_blank_lines,
    "a body in bytes": send_a_body_in_bytes,
    "a chunked body in bytes": send_a_chunked_body_in_bytes,
    "a body without its end": send_most_of_a_body_and_rest,
    "a sign-in without a key": sign_in_slowly,
    "a second request without its end": fall_silent_after_an_answer,
}
HONEST = {"a slow upload": send_a_body_at_twice_the_pace, "a rest": rest_on_a_kept_connection}


@pytest.fixture(scope="module")
def outcomes(server: Server) -> Iterator[dict[str, Future[int | None]]]:
    senders = {**SLOW, **HONEST, "nothing": lambda _client: None}
    with ThreadPoolExecutor(len(senders)) as threads:
        yield {name: threads.submit(status_of, server, send) for name, send in senders.items()}


@pytest.mark.parametrize("name", SLOW)
def test_a_request_that_is_not_finished_in_time_is_answered_with_408(
    name: str, outcomes: dict[str, Future[int | None]]
) -> None:
    assert outcomes[name].result() == 408


def test_a_connection_that_sends_nothing_is_closed_without_an_answer(
    outcomes: dict[str, Future[int | None]],
) -> None:
    assert outcomes["nothing"].result() is None


@pytest.mark.parametrize(("name", "status"), [("a slow upload", 201), ("a rest", 200)])
def test_an_honest_slow_client_is_answered(
    name: str, status: int, outcomes: dict[str, Future[int | None]]
) -> None:
    assert outcomes[name].result() == status


def test_slow_clients_are_logged_at_most_once_a_second_and_leave_no_traceback(
    server: Server, outcomes: dict[str, Future[int | None]]
) -> None:
    for outcome in outcomes.values():
        outcome.result()
    assert "request timed out" in server.log
    assert "Traceback" not in server.log

"""Batches are retried until the server responds, and every response is counted."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator

import httpx2 as httpx
import pytest
import tenacity
import zstandard

from tocsin.cli import uploader
from tocsin.cli.client import Client, RejectedByServer, Unreachable
from tocsin.cli.ndjson import LineBatch
from tocsin.cli.uploader import BatchUploader, UploadTally
from tocsin.ingestion.decompression import Unreadable

Handler = Callable[[httpx.Request], httpx.Response]


def send(
    handler: Handler, batches: Iterator[LineBatch] | list[LineBatch], tally: UploadTally
) -> None:
    with Client("http://tocsin.test", "key", httpx.MockTransport(handler)) as client:
        BatchUploader(client, tally, lambda _: None).send_all(batches, lambda: None)


def batch(*lines: bytes, first: int = 1) -> LineBatch:
    return LineBatch("june", list(range(first, first + len(lines))), list(lines))


def accept(request: httpx.Request) -> httpx.Response:
    lines = zstandard.decompress(request.content).split(b"\n")
    return httpx.Response(201, json={"accepted": len(lines), "duplicates": 0, "rejected": []})


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploader, "BACKOFF", tenacity.wait_none())


def test_every_line_of_every_batch_is_counted() -> None:
    tally = UploadTally(keep=5)
    send(accept, [batch(b"1", b"2")] * 50, tally)
    assert (tally.accepted, tally.answered) == (100, 100)


def test_a_bounded_number_of_batches_is_read_ahead() -> None:
    answered = threading.Semaphore(0)
    read = 0

    def slow(request: httpx.Request) -> httpx.Response:
        assert answered.acquire(timeout=10)
        return accept(request)

    def batches() -> Iterator[LineBatch]:
        nonlocal read
        for read in range(1, 101):
            if read >= uploader.IN_FLIGHT:
                answered.release()
            yield batch(b"1")
            assert read <= tally.answered + uploader.IN_FLIGHT
        answered.release(uploader.IN_FLIGHT)

    tally = UploadTally(keep=0)
    send(slow, batches(), tally)
    assert tally.accepted == 100


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_is_retried(status: int) -> None:
    busy = [httpx.Response(status, headers={"retry-after": "0"})] * 3
    tally = UploadTally(keep=0)
    send(lambda request: busy.pop() if busy else accept(request), [batch(b"1")], tally)
    assert tally.accepted == 1


def test_an_interrupted_connection_is_retried() -> None:
    breaks = [1, 2, 3]

    def answer(request: httpx.Request) -> httpx.Response:
        if breaks:
            breaks.pop()
            raise httpx.ReadError("broke")
        return accept(request)

    tally = UploadTally(keep=0)
    send(answer, [batch(b"1")], tally)
    assert tally.accepted == 1


def test_retry_after_is_the_time_until_the_next_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    def instantly(_event: threading.Event) -> Callable[[float], None]:
        return waited.append

    monkeypatch.setattr(tenacity, "sleep_using_event", instantly)
    busy = [httpx.Response(429, headers={"retry-after": "17"})]
    send(
        lambda request: busy.pop() if busy else accept(request), [batch(b"1")], UploadTally(keep=0)
    )
    assert waited == [17]


@pytest.mark.parametrize("status", [400, 401, 403, 413, 500])
def test_a_permanent_error_stops_the_import_and_other_batches_are_counted(status: int) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        refused = zstandard.decompress(request.content) == b"bad"
        return httpx.Response(status) if refused else accept(request)

    tally = UploadTally(keep=0)
    with pytest.raises(RejectedByServer) as caught:
        send(answer, [batch(b"1"), batch(b"bad"), batch(b"2")], tally)
    assert caught.value.status_code == status
    assert tally.accepted == 2


def test_retries_end_after_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploader, "PATIENCE_SECONDS", 0.2)

    def answer(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(Unreachable):
        send(answer, [batch(b"1")], UploadTally(keep=0))


def test_batches_before_an_unreadable_part_are_sent() -> None:
    def batches() -> Iterator[LineBatch]:
        yield batch(b"1", b"2")
        raise Unreadable("june is cut off")

    tally = UploadTally(keep=0)
    with pytest.raises(Unreadable):
        send(accept, batches(), tally)
    assert tally.accepted == 2


def test_a_rejected_line_is_reported_with_its_line_number() -> None:
    errors = [{"field": "action", "message": "is required"}, {"field": "", "message": "is odd"}]
    body = {"accepted": 1, "duplicates": 2, "rejected": [{"index": 1, "errors": errors}]}
    sink = io.StringIO()
    tally = UploadTally(keep=1, sink=sink)
    send(lambda _: httpx.Response(207, json=body), [batch(b"1", b"2", first=10)] * 2, tally)
    assert (tally.accepted, tally.duplicates, tally.rejected) == (2, 4, 2)
    assert [str(rejection) for rejection in tally.first] == ["june:11: action: is required; is odd"]
    written = [json.loads(line) for line in sink.getvalue().splitlines()]
    assert written == [{"file": "june", "line": 11, "errors": errors}] * 2


def test_a_line_that_is_too_long_is_rejected_without_a_request() -> None:
    tally = UploadTally(keep=1)
    send(accept, [LineBatch("june", too_long=[7])], tally)
    assert str(tally.first[0]) == "june:7: is longer than 16,777,216 bytes"

"""The meaning of answers: only one that accounts for each interaction counts as recorded."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

from tocsin_client._answers import Failed, Recorded, TooLarge, judge
from tocsin_client._backoff import delay_after, read_retry_after
from tocsin_client._rejection import FieldError

NOW = datetime(2026, 11, 29, 12, tzinfo=timezone.utc)
JSON = "application/json"
PROBLEM = "application/problem+json"


def body(accepted: int, duplicates: int = 0, *rejected: int) -> bytes:
    errors = [{"field": "action", "message": "is required"}]
    listed = [{"index": index, "errors": errors} for index in rejected]
    counts = {"accepted": accepted, "duplicates": duplicates, "rejected": listed}
    return json.dumps(counts).encode()


def test_repeats_count_as_recorded() -> None:
    assert judge(201, JSON, body(1, 2), None, 3) == Recorded()


@pytest.mark.parametrize(("status", "accepted"), [(207, 1), (422, 0)])
def test_rejected_interactions_carry_their_fields(status: int, accepted: int) -> None:
    outcome = judge(status, JSON, body(accepted, 0, accepted), None, accepted + 1)
    assert outcome == Recorded({accepted: (FieldError("action", "is required"),)})


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (201, b"<html>sign in to the network</html>"),
        (201, b"[]"),
        (201, b'{"accepted": "many"}'),
        (201, body(2)),
        (207, body(2, 0, 7)),
        (200, body(3)),
        (204, b""),
        (301, b""),
        (401, b""),
        (404, b""),
        (422, b"{}"),
        (429, b""),
        (500, b""),
        (502, b"<html>"),
        (503, b""),
        (400, b"<html>a proxy"),
    ],
)
def test_every_other_answer_is_retried(status: int, content: bytes) -> None:
    outcome = judge(status, "text/html", content, 5.0, 3)
    assert outcome == Failed(f"HTTP {status}", 5.0)


def test_a_limit_of_a_proxy_and_a_body_that_the_server_cannot_read_split_the_batch() -> None:
    assert judge(413, "text/html", b"", None, 3) == TooLarge("HTTP 413")
    problem = b'{"title": "Bad Request", "detail": "The body is not valid JSON"}'
    outcome = judge(400, PROBLEM, problem, None, 3)
    assert outcome == TooLarge("HTTP 400: The body is not valid JSON")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Sun, 29 Nov 2026 12:00:30 GMT", 30.0),
        ("Sun, 29 Nov 2026 11:00:00 GMT", 0.0),
        ("Sunday, 29-Nov-26 12:00:30 GMT", 30.0),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_has_seconds_or_a_date(text: str | None, seconds: float | None) -> None:
    assert read_retry_after(text, NOW) == seconds


def test_a_retry_after_is_kept_is_spread_and_is_bounded() -> None:
    delays = {delay_after(9, 10.0) for _ in range(50)}
    assert len(delays) > 40
    assert min(delays) >= 10
    assert max(delays) <= 11
    assert delay_after(1, timedelta(days=9).total_seconds()) <= 3601

"""The demo's page shows what was really told, once, and nothing that somebody else sends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx2 as httpx
import pytest

from tocsin.cli.demo.receiver import Receiver, receiving
from tocsin.notifications.senders.webhook import signature

AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as listening:
        yield listening


def tell(receiver: Receiver, id: str, title: str, secret: str | None = None) -> int:
    said = {"type": "ALERT.fired", "timestamp": "2026-03-20T14:30:00.000Z", "title": title}
    body = json.dumps(said).encode()
    headers = signature(secret or receiver.secret, id, AT, body)
    return httpx.post(receiver.url, content=body, headers=headers).status_code


def test_a_signed_message_is_shown_the_newest_first(receiver: Receiver) -> None:
    assert "Nothing yet" in httpx.get(receiver.url).text
    assert tell(receiver, "1", "It burns") == 204
    assert tell(receiver, "2", "It burns no more") == 204
    page = httpx.get(receiver.url).text
    assert page.index("It burns no more") < page.index(">It burns<")
    assert 'class="fired"' in page


def test_a_message_that_comes_twice_is_shown_once(receiver: Receiver) -> None:
    assert [tell(receiver, "1", "It burns") for _ in range(3)] == [204] * 3
    assert [message.title for message in receiver.messages()] == ["It burns"]


def test_what_is_signed_with_another_secret_is_refused(receiver: Receiver) -> None:
    assert tell(receiver, "1", "It burns", secret="whsec_AAAA") == 401
    assert httpx.post(receiver.url, content=b"{}").status_code == 401
    assert receiver.messages() == []


def test_a_title_is_text_whatever_it_holds(receiver: Receiver) -> None:
    tell(receiver, "1", "<script>alert(1)</script>")
    assert "<script>" not in httpx.get(receiver.url).text

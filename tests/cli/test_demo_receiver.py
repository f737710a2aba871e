"""The demo's page lists each signed message once, and rejects unsigned ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx2 as httpx
import pytest

from tocsin.cli.demo.receiver import Receiver, receiving
from tocsin.notifications.senders.webhook import signature

AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as listening:
        yield listening


def send(receiver: Receiver, id: str, title: str, secret: str | None = None, **members: Any) -> int:
    at = "2026-03-20T14:30:00.000Z"
    content = {"type": "ALERT.fired", "timestamp": at, "title": title, **members}
    body = json.dumps(content).encode()
    headers = signature(secret or receiver.secret, id, AT, body)
    return httpx.post(receiver.url, content=body, headers=headers).status_code


def test_signed_messages_are_listed_newest_first(receiver: Receiver) -> None:
    assert "No notifications yet" in httpx.get(receiver.url).text
    assert send(receiver, "1", "It burns") == 204
    assert send(receiver, "2", "It burns no more") == 204
    page = httpx.get(receiver.url).text
    assert page.index("It burns no more") < page.index(">It burns<")
    assert 'class="fired"' in page


def test_a_repeated_message_is_listed_once(receiver: Receiver) -> None:
    assert [send(receiver, "1", "It burns") for _ in range(3)] == [204] * 3
    assert [message.title for message in receiver.messages()] == ["It burns"]


def test_a_message_that_is_signed_with_another_secret_is_rejected(receiver: Receiver) -> None:
    assert send(receiver, "1", "It burns", secret="whsec_AAAA") == 401
    assert httpx.post(receiver.url, content=b"{}").status_code == 401
    assert receiver.messages() == []


def test_markup_in_a_title_is_escaped(receiver: Receiver) -> None:
    send(receiver, "1", "<script>alert(1)</script>")
    assert "<script>" not in httpx.get(receiver.url).text


def test_a_bundle_is_listed_with_its_groups(receiver: Receiver) -> None:
    group = {"alertTitle": "Guessing", "dimensions": {"country": "<ZA>"}, "status": "exceeded"}
    data = {"interaction": {"groups": [group]}}
    assert send(receiver, "1", "2 fired", type="ALERT.bundle", data=data) == 204
    page = httpx.get(receiver.url).text
    assert 'class="bundle"' in page
    assert "Guessing, &lt;ZA&gt;: exceeded" in page

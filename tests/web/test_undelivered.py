"""The pages show why a delivery is not sent yet, and when it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from fastapi.testclient import TestClient

from tocsin.model.instant import format_instant
from tocsin.model.notifications.delivery import Attempt, SendResult
from tocsin.model.notifications.retries import CompletedAttempt, next_step
from tocsin.runtime import Runtime
from tocsin.store.delivery_queue import DeliveryQueue

TOPIC = {"resourceType": "SHOP", "action": "CLOSED"}
CHANNEL = {"name": "The desk", "kind": "webhook", "settings": {"url": "http://127.0.0.1:9/"}}


def subscribed(api: TestClient, **members: Any) -> dict[str, Any]:
    """A channel with a subscription."""
    channel: dict[str, Any] = api.post("/api/channels", json={**CHANNEL, **members}).json()
    topic = {**TOPIC, "channelId": channel["channelId"]}
    assert api.post("/api/subscriptions", json=topic).status_code == 201
    return channel


def record(api: TestClient) -> None:
    interaction = {**TOPIC, "resourceId": "1", "origin": "WEB"}
    assert api.post("/api/interactions", json=interaction).status_code == 201


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_pages_show_why_a_delivery_was_skipped_and_until_when_a_channel_is_paused(
    api: TestClient, site: Callable[..., TestClient], runtime: Runtime
) -> None:
    # The first interaction adds the catalog entries that the subscriptions name.
    record(api)
    off, paused = subscribed(api, name="Off", enabled=False), subscribed(api, name="Paused")
    until = runtime.now() + timedelta(hours=1)
    runtime.channels.pause(UUID(paused["channelId"]), until)
    record(api)
    pages = site()

    skipped = pages.get("/web/deliveries?status=skipped").text
    assert "The channel was disabled" in text_of(skipped)
    assert "skipped 1" in text_of(skipped)
    assert "Send anyway" in skipped
    pending = pages.get(f"/web/deliveries?channel={paused['channelId']}").text
    assert "not attempted yet, next attempt at" in text_of(pending)
    assert format_instant(until) in pending

    channels = pages.get("/web/channels").text
    assert "Paused until" in text_of(channels)
    assert format_instant(until) in channels
    (delivery,) = api.get("/api/deliveries", params={"status": "skipped"}).json()["deliveries"]
    retried = pages.post(f"/web/deliveries/{delivery['deliveryId']}/retry")
    assert retried.status_code == 303
    waiting = pages.get(f"/web/deliveries?channel={off['channelId']}").text
    assert "waiting: the channel is disabled" in text_of(waiting)


def test_the_page_shows_why_a_delivery_was_skipped_after_an_attempt(
    api: TestClient, site: Callable[..., TestClient], runtime: Runtime
) -> None:
    record(api)
    channel = subscribed(api, name="Pager")
    until = runtime.now() + timedelta(hours=1)
    runtime.channels.pause(UUID(channel["channelId"]), until)
    record(api)
    queue = DeliveryQueue(runtime.database)
    for result in (SendResult("answered 500", 500), SendResult(skip_reason="It is obsolete")):
        (claimed,) = queue.claim({UUID(channel["channelId"]): 1}, until)
        step = next_step(claimed.tries + 1, result, runtime.now(), 0.0)
        attempt = Attempt(runtime.now(), result, timedelta(0))
        queue.finish([CompletedAttempt(claimed, attempt, step)])
    page = text_of(site().get("/web/deliveries?status=skipped").text)
    assert "1 attempt" in page
    assert "It is obsolete" in page

"""A channel of PagerDuty, set up on the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi.testclient import TestClient

from tocsin.runtime import Runtime

FORM = {"name": "Pager", "kind": "pagerduty", "routingKey": "R0123secret", "enabled": "on"}
US = "https://events.pagerduty.com/v2/enqueue"
EU = "https://events.eu.pagerduty.com/v2/enqueue"


def stored(runtime: Runtime) -> dict[str, Any]:
    (channel,) = runtime.channels.all()
    return channel.spec.settings.with_secrets()


def test_the_key_is_stored_and_not_shown_again(
    site: Callable[..., TestClient], runtime: Runtime
) -> None:
    pages = site()
    pages.post("/web/channels/new", data=FORM)
    assert stored(runtime) == {"routingKey": "R0123secret", "url": US}
    (channel,) = runtime.channels.all()
    path = f"/web/channels/{channel.channel_id}"
    for page in (pages.get("/web/channels"), pages.get(path)):
        assert US in page.text
        assert "R0123secret" not in page.text
    kept = {**FORM, "name": "Renamed", "routingKey": "***", "pagerdutyUrl": US}
    pages.post(path, data=kept)
    assert stored(runtime)["routingKey"] == "R0123secret"
    moved = pages.post(path, data={**kept, "pagerdutyUrl": EU})
    assert moved.status_code == 422
    assert "give the secret itself for another host" in moved.text
    pages.post(path, data={**FORM, "routingKey": "R9", "pagerdutyUrl": EU})
    assert stored(runtime) == {"routingKey": "R9", "url": EU}


def test_a_missing_key_is_shown_beside_its_field(site: Callable[..., TestClient]) -> None:
    answer = site().post("/web/channels/new", data={**FORM, "routingKey": ""})
    assert answer.status_code == 422
    assert "Field required" in answer.text or "is required" in answer.text

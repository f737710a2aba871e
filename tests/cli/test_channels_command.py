"""`tocsin channels` against a real server."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from support.running import Run

CHANNEL = {"name": "on-call", "kind": "webhook", "settings": {"url": "http://127.0.0.1:9/"}}


def test_channels_are_listed_and_tried(at_server: Run, server: Any) -> None:
    with server.client() as client:
        assert client.post("/api/channels", json=CHANNEL).status_code == 201
    assert "on-call" in at_server("channels", "list").stdout
    tried = at_server("channels", "test", "on-call")
    assert tried.returncode == 1
    assert "It could not be sent: This address is private or reserved" in tried.stderr


def test_what_a_disabled_channel_skipped_is_listed_and_retried(at_server: Run, server: Any) -> None:
    with server.client() as client:
        made = client.post("/api/channels", json={**CHANNEL, "name": "off", "enabled": False})
        sent = {"resourceType": "SHOP", "resourceId": "1", "action": "CLOSED", "origin": "WEB"}
        assert client.post("/api/interactions", json=sent).status_code == 201
        topic = {"resourceType": "SHOP", "action": "CLOSED", "channelId": made.json()["channelId"]}
        assert client.post("/api/subscriptions", json=topic).status_code == 201
        assert client.post("/api/interactions", json=sent).status_code == 201
        (skipped,) = client.get("/api/deliveries", params={"status": "skipped"}).json()[
            "deliveries"
        ]
    listed = at_server("deliveries", "list", "--status", "skipped")
    assert "The channel was disabled" in listed.stdout
    assert skipped["deliveryId"] in listed.stdout
    retried = at_server("deliveries", "retry", skipped["deliveryId"])
    assert retried.stdout == f"{skipped['deliveryId']}: waits for its channel\n"
    assert "There is no delivery" in at_server("deliveries", "retry", str(uuid4())).stderr


def test_a_channel_that_is_not_there_is_named(at_server: Run) -> None:
    failed = at_server("channels", "test", "nobody")
    assert failed.returncode == 1
    assert "There is no channel named nobody" in failed.stderr

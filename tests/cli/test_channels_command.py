"""`tocsin channels` against a real server."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from support.running import Run
from support.serving import Server

CHANNEL = {"name": "on-call", "kind": "webhook", "settings": {"url": "http://127.0.0.1:9/"}}


@pytest.fixture(scope="module")
def server(shared_server: Server) -> Server:
    return shared_server


def test_channels_are_listed_and_tested(at_server: Run, server: Any) -> None:
    with server.client() as client:
        assert client.post("/api/channels", json=CHANNEL).status_code == 201
    assert "on-call" in at_server("channels", "list").stdout
    test = at_server("channels", "test", "on-call")
    assert test.returncode == 1
    assert "The test message was not sent: This address is private or reserved" in test.stderr


def test_deliveries_that_a_disabled_channel_skipped_are_listed_and_retried(
    at_server: Run, server: Any
) -> None:
    with server.client() as client:
        channel = client.post("/api/channels", json={**CHANNEL, "name": "off", "enabled": False})
        topic = {"resourceType": "SHOP", "action": "CLOSED"}
        interaction = {**topic, "resourceId": "1", "origin": "WEB"}
        assert client.post("/api/interactions", json=interaction).status_code == 201
        subscription = {**topic, "channelId": channel.json()["channelId"]}
        assert client.post("/api/subscriptions", json=subscription).status_code == 201
        assert client.post("/api/interactions", json=interaction).status_code == 201
        (skipped,) = client.get("/api/deliveries", params={"status": "skipped"}).json()[
            "deliveries"
        ]
    listed = at_server("deliveries", "list", "--status", "skipped")
    assert "The channel was disabled" in listed.stdout
    assert skipped["deliveryId"] in listed.stdout
    retried = at_server("deliveries", "retry", skipped["deliveryId"])
    assert retried.stdout == f"{skipped['deliveryId']}: waiting until its channel is enabled\n"
    assert "There is no delivery" in at_server("deliveries", "retry", str(uuid4())).stderr


def test_an_unknown_channel_is_named_in_the_error(at_server: Run) -> None:
    failed = at_server("channels", "test", "nobody")
    assert failed.returncode == 1
    assert "There is no channel nobody;" in failed.stderr

"""A channel, a subscription, a delivery and a silence, all set up on the pages."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from support.browsing import Browser

if TYPE_CHECKING:
    from support.serving import Server


class KeepingReceiver(BaseHTTPRequestHandler):
    """A receiver that accepts and keeps every message."""

    bodies: list[bytes] = []

    def do_POST(self) -> None:
        KeepingReceiver.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Logs nothing."""


@pytest.fixture
def receiver() -> Iterator[str]:
    KeepingReceiver.bodies = []
    serving = HTTPServer(("127.0.0.1", 0), KeepingReceiver)
    thread = threading.Thread(target=serving.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{serving.server_port}/hook"
    serving.shutdown()
    thread.join()
    serving.server_close()


@pytest.fixture(scope="module")
def deliverable(server: Server) -> Server:
    """A server that may send to this machine, with a metric whose value is 1."""
    server.stop()
    server.environment = {"TOCSIN_ALLOW_PRIVATE_TARGETS": "true"}
    server.start()
    with server.client() as client:
        interaction = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
        assert client.post("/api/interactions", json=interaction).status_code == 201
        metric = {"name": "One", "metricType": "COUNT", "action": "A"}
        assert client.post("/api/interaction-metrics", json=metric).status_code == 201
    return server


def test_from_a_channel_over_a_silence_to_a_delivery(
    browser: Browser, deliverable: Server, receiver: str
) -> None:
    browser.sign_in(deliverable.url, deliverable.admin_key)
    browser.open("/web/channels/new")
    browser.type("Name", "The desk")
    browser.type("URL", receiver)
    browser.press("Save")
    browser.until_says("shown only once")
    browser.press("Send test message")
    browser.until_says("The test message was sent through The desk")

    browser.press("Subscriptions")
    browser.press("New subscription")
    browser.press("Save")
    # The desk is the only channel, so it is selected.
    browser.until(lambda: browser.path == "/web/subscriptions")
    browser.until_says("The desk")

    browser.open("/web/alerts/new")
    browser.type("Title", "There is one")
    browser.choose("Metric", "One")
    browser.type("Threshold", "0")
    browser.press("Create alert")
    browser.until_says("all interactions")
    browser.open("/web/deliveries")
    browser.until(lambda: "The desk" in browser.refreshed() and browser.all("td .tag.sent"))
    assert any(b"There is one" in body for body in KeepingReceiver.bodies)

    browser.open("/web/alerts")
    browser.press("There is one")
    browser.press("Silence")
    browser.type("Reason", "we know")
    browser.press("Silence")
    browser.until_says("we know")
    browser.until_says("There is one")

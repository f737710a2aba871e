"""Somebody is told, without a request written by hand: a channel, a subscription, a delivery."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from support.browsing import Browser

if TYPE_CHECKING:
    from support.serving import Server


class Desk(BaseHTTPRequestHandler):
    """A receiver that takes whatever comes, and remembers it."""

    heard: list[bytes] = []

    def do_POST(self) -> None:
        Desk.heard.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """It says nothing."""


@pytest.fixture
def receiver() -> Iterator[str]:
    Desk.heard = []
    serving = HTTPServer(("127.0.0.1", 0), Desk)
    thread = threading.Thread(target=serving.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{serving.server_port}/hook"
    serving.shutdown()
    thread.join()
    serving.server_close()


@pytest.fixture(scope="module")
def telling(server: Server) -> Server:
    """Receivers of this machine are allowed, and a metric stands at 1."""
    server.stop()
    server.environment = {"TOCSIN_ALLOW_PRIVATE_TARGETS": "true"}
    server.start()
    with server.client() as client:
        sent = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
        assert client.post("/api/interactions", json=sent).status_code == 201
        said = {"name": "One", "metricType": "COUNT", "action": "A"}
        assert client.post("/api/interaction-metrics", json=said).status_code == 201
    return server


def test_from_a_channel_over_a_silence_to_a_delivery(
    browser: Browser, telling: Server, receiver: str
) -> None:
    browser.sign_in(telling.url, telling.admin_key)
    browser.open("/web/channels/new")
    browser.type("Name", "The desk")
    browser.type("URL", receiver)
    browser.press("Save")
    browser.until_says("shown this once")
    browser.press("Send a sample")
    browser.until_says("The sample was sent through The desk")

    browser.press("Subscriptions")
    browser.press("New subscription")
    browser.press("Save")
    # The form itself offers the desk already.
    browser.until(lambda: browser.path == "/web/subscriptions")
    browser.until_says("The desk")

    browser.open("/web/alerts/new")
    browser.type("Title", "There is one")
    browser.choose("Metric", "One")
    browser.type("Threshold", "0")
    browser.press("Create alert")
    browser.until_says("all together")
    browser.open("/web/deliveries")
    browser.until(lambda: "The desk" in browser.refreshed() and browser.all("td .tag.sent"))
    assert any(b"There is one" in body for body in Desk.heard)

    browser.open("/web/alerts")
    browser.press("There is one")
    browser.press("Silence")
    browser.type("Reason", "we know")
    browser.press("Silence")
    browser.until_says("we know")
    browser.until_says("There is one")

"""Both themes, the width of a phone, and requests to the server only."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from support.browsing import Browser

if TYPE_CHECKING:
    from support.serving import Server

MAIN = ("/", "/web/metrics", "/web/metrics/new", "/web/alerts", "/web/interactions")
MORE = (
    *("/web/alerts/new", "/web/catalog", "/web/catalog/action/new", "/web/keys"),
    *("/web/channels", "/web/channels/new", "/web/subscriptions", "/web/subscriptions/new"),
    *("/web/deliveries", "/web/silences", "/web/silences/new", "/web/audit", "/web/erasures"),
)
PHONE = (390, 844)


@pytest.fixture(scope="module")
def busy(server: Server) -> Server:
    """A server with one definition of each kind, with names of the greatest length."""
    with server.client() as client:
        for number in range(60):
            interaction = {
                **{"resourceType": "A" * 64, "resourceId": "r" * 512, "action": "B" * 64},
                **{"origin": "C" * 64, "userId": "u" * 200},
                "interaction": {"country": f"country {number % 12}", "k" * 90: "v" * 900},
            }
            assert client.post("/api/interactions", json=interaction).status_code == 201
        hook = {"name": "H" * 200, "kind": "webhook", "settings": {"url": "https://a.example"}}
        channel = client.post("/api/channels", json=hook).json()["channelId"]
        subscription = {"channelId": channel, "resourceType": "ALERT", "action": "fired"}
        assert client.post("/api/subscriptions", json=subscription).status_code == 201
        silence = {"labels": {"l" * 200: "v" * 200}, "to": "2299-01-01T00:00:00Z"}
        assert client.post("/api/silences", json={**silence, "reason": "r" * 900}).is_success
        spec = {"name": "N" * 200, "metricType": "COUNT", "groupBy": ["interaction.country"]}
        metric = client.post("/api/interaction-metrics", json=spec).json()["metricId"]
        alert = {"title": "T" * 200, "metricId": metric, "operator": "gt", "threshold": 1}
        client.post("/api/interaction-alerts", json={**alert, "alertAction": "fired"})
        client.post("/api/interaction-alerts/evaluate-all")
    return server


def pages(server: Server) -> list[str]:
    """The address of every page, with one of each kind of detail page."""
    with server.client() as client:
        metric = client.get("/api/interaction-metrics").json()[0]["metricId"]
        alert = client.get("/api/interaction-alerts").json()[0]["alertId"]
        (interaction,) = client.get("/api/interactions?limit=1").json()["interactions"]
    own = (f"/web/metrics/{metric}", f"/web/metrics/{metric}/edit", f"/web/alerts/{alert}")
    return [
        *MAIN,
        *MORE,
        *own,
        f"/web/alerts/{alert}/edit",
        f"/web/interactions/{interaction['interactionId']}",
    ]


def test_every_page_fits_a_phone(browser: Browser, busy: Server) -> None:
    browser.resize(*PHONE)
    browser.sign_in(busy.url, busy.admin_key)
    for path in pages(busy):
        browser.open(path)
        wide = browser.script("return document.documentElement.scrollWidth")
        assert wide <= PHONE[0], (path, browser.widest())


def test_the_menu_of_a_phone_opens_and_links_to_pages(browser: Browser, busy: Server) -> None:
    browser.resize(*PHONE)
    browser.sign_in(busy.url, busy.admin_key)
    assert not browser.find("#navigation").is_displayed()
    browser.press("Menu")
    browser.press("Metrics")
    browser.until(lambda: browser.path == "/web/metrics")


@pytest.mark.parametrize(("theme", "is_dark"), [("light", False), ("dark", True)])
def test_a_chosen_theme_is_kept(browser: Browser, busy: Server, theme: str, is_dark: bool) -> None:
    browser.sign_in(busy.url, busy.admin_key)
    browser.press(theme)
    for path in MAIN:
        browser.open(path)
        assert (brightness(browser, "backgroundColor") < 80) is is_dark, path
        assert (brightness(browser, "color") > 175) is is_dark, path


def brightness(browser: Browser, of: str) -> float:
    colour = browser.script(f"return getComputedStyle(document.body).{of}")
    parts = colour.removeprefix("rgb(").removesuffix(")").split(",")
    return sum(map(float, parts)) / 3


def test_pages_load_from_the_server_only_and_log_no_errors(browser: Browser, busy: Server) -> None:
    browser.sign_in(busy.url, busy.admin_key)
    browser.complaints()
    for path in pages(busy):
        browser.open(path)
        browser.until(lambda: browser.script("return document.readyState") == "complete")
        loaded = browser.script("return performance.getEntriesByType('resource').map(r => r.name)")
        assert loaded
        assert {urlsplit(address).netloc for address in loaded} == {urlsplit(busy.url).netloc}
    assert browser.complaints() == []


def test_every_field_and_button_has_a_name(browser: Browser, busy: Server) -> None:
    """The accessible name, as the browser computes it."""
    browser.sign_in(busy.url, busy.admin_key)
    for path in pages(busy):
        browser.open(path)
        for control in browser.all(
            "main input:not([type=hidden]), main select, main button, main a"
        ):
            if control.is_displayed():
                assert control.accessible_name, (path, control.get_attribute("outerHTML"))

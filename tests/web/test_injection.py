"""Markup in interactions, names and keys is shown as text on every page."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from support.browsing import Browser

if TYPE_CHECKING:
    from support.serving import Server

# Each leaves a mark on the page if it becomes markup, whether or not a script may run.
MARK = "injected"
SCRIPT = f'"\'><img class={MARK} src=x onerror="window.{MARK}=1"><script>window.{MARK}=1</script>'
TEMPLATE = "{{ 7*7 }}{% raw %}${7*7}"
HOSTILE = f"{SCRIPT}{TEMPLATE}</textarea></pre></datalist></template></title>&lt;b&gt;javascript:0"


@pytest.fixture(scope="module")
def hostile(server: Server) -> Server:
    """A server with script in every text that it stores."""
    with server.client() as client:

        def create(path: str, **spec: object) -> dict[str, str]:
            answer = client.post(path, json=spec)
            assert answer.is_success, answer.text
            return dict(answer.json())

        for path in ("/api/resource-types", "/api/actions", "/api/origins"):
            spec = {"mnemonic": "M", "title": HOSTILE[:200], "description": HOSTILE}
            create(path, **spec, icon=HOSTILE[:200])
        create(
            "/api/interactions",
            **{"resourceType": "M", "action": "M", "origin": "M", "resourceId": HOSTILE},
            **{"userId": HOSTILE, "externalReference": HOSTILE},
            interaction={"a": HOSTILE, HOSTILE: {HOSTILE: [HOSTILE]}},
            externalResponse={HOSTILE: HOSTILE},
        )
        channel = create(
            "/api/channels",
            **{"name": HOSTILE[:200], "kind": "webhook", "enabled": False},
            settings={
                "url": f"https://a.example/{quote(HOSTILE)}",
                "headers": {"X-A": HOSTILE[:80]},
            },
        )
        create(
            "/api/subscriptions",
            **{"channelId": channel["channelId"], "resourceType": "M", "action": "M"},
            template={"title": SCRIPT, "body": SCRIPT},
        )
        create(
            "/api/silences",
            **{"labels": {HOSTILE: HOSTILE}, "dimensions": {HOSTILE: HOSTILE}},
            **{"to": "2299-01-01T00:00:00Z", "author": HOSTILE[:200], "reason": HOSTILE},
        )
        metric = create(
            "/api/interaction-metrics",
            **{"name": HOSTILE[:200], "description": HOSTILE, "metricType": "COUNT"},
            filters=[{"field": "interaction.a", "operator": "eq", "value": HOSTILE}],
            groupBy=["interaction.a"],
        )
        create(
            "/api/interaction-alerts",
            **{"title": HOSTILE[:200], "description": HOSTILE, "labels": {HOSTILE[:200]: "x"}},
            **{"metricId": metric["metricId"], "operator": "gt", "threshold": 0},
            **{"alertAction": "fired", "runbookUrl": f"https://example.com/{quote(HOSTILE)}"},
        )
        create("/api/interaction-alerts/evaluate-all")
        create("/api/keys", name=HOSTILE[:200], role="read")
    return server


def addresses(server: Server) -> list[str]:
    with server.client() as client:
        metric = client.get("/api/interaction-metrics").json()[0]["metricId"]
        alert = client.get("/api/interaction-alerts").json()[0]["alertId"]
        entry = client.get("/api/actions").json()
        action = next(each["actionId"] for each in entry if each["mnemonic"] == "M")
        interactions = client.get("/api/interactions?limit=10").json()["interactions"]
        channel = client.get("/api/channels").json()[0]["channelId"]
        subscription = client.get("/api/subscriptions").json()[0]["subscriptionId"]
    text = quote(HOSTILE)
    return [
        *("/web/audit", f"/web/audit?keyName={text}&kind={text}&from={text}"),
        *(f"/web/metrics/{metric}/history", f"/web/alerts/{alert}/history"),
        *("/", "/web/keys", "/web/catalog", f"/web/catalog/action/{action}"),
        *("/web/metrics", f"/web/metrics?q={text}&sort={text}", f"/web/metrics/{metric}"),
        *(f"/web/metrics/{metric}/edit", f"/web/metrics/new?like={metric}"),
        f"/web/metrics/new?action=M&filterField=interaction.a&filterValue={text}&name={text}",
        *("/web/alerts", f"/web/alerts?q={text}", f"/web/alerts/{alert}"),
        *(f"/web/alerts/{alert}/edit", f"/web/alerts/new?metric={metric}"),
        *("/web/interactions", f"/web/interactions?resourceId={text}&userId={text}"),
        f"/web/interactions?action={text}&uowId={text}&from={text}&cursor={text}",
        *(f"/web/interactions/{each['interactionId']}" for each in interactions),
        *("/web/channels", f"/web/channels/{channel}", "/web/subscriptions", "/web/deliveries"),
        *(f"/web/subscriptions/{subscription}", "/web/silences", f"/web/deliveries?cursor={text}"),
        *(f"/web/sign-in?next={text}", f"/web/{text}", f"/web/metrics?page={text}"),
    ]


def test_script_in_any_text_is_shown_as_text_on_every_page(
    browser: Browser, hostile: Server
) -> None:
    browser.sign_in(hostile.url, hostile.admin_key)
    shown = 0
    for path in addresses(hostile):
        browser.open(path)
        browser.until(lambda: browser.script("return document.readyState") == "complete")
        browser.until(lambda: not browser.all("#preview[aria-busy]"))
        assert browser.script(f"return window.{MARK}") is None, path
        assert browser.all(f".{MARK}") == [], path
        assert browser.all("script:not([src])") == [], path
        shown += f"<img class={MARK}" in browser.text
    assert shown > 10
    blocked = [message for message in browser.complaints() if "Content Security Policy" in message]
    assert blocked == [], "text that is no markup violates no policy"


def test_a_runbook_must_be_an_http_address(hostile: Server) -> None:
    with hostile.client() as client:
        alert = client.get("/api/interaction-alerts").json()[0]
        spec = {"title": "t", "metricId": alert["metricId"], "operator": "gt", "threshold": 1}
        for address in ("javascript:alert(1)", "data:text/html,x", " javascript:alert(1)"):
            body = {**spec, "alertAction": "fired", "runbookUrl": address}
            assert client.post("/api/interaction-alerts", json=body).status_code == 422


def test_a_downloaded_table_has_no_formula(browser: Browser, hostile: Server) -> None:
    with hostile.client() as client:
        interaction = {"resourceType": "M", "resourceId": "r", "action": "F", "origin": "M"}
        client.post("/api/interactions", json={**interaction, "interaction": {"b": "=1+1"}})
        spec = {"name": "f", "metricType": "COUNT", "action": "F", "groupBy": ["interaction.b"]}
        metric = client.post("/api/interaction-metrics", json=spec).json()["metricId"]
    browser.sign_in(hostile.url, hostile.admin_key)
    text = browser.fetch(f"/web/metrics/{metric}/rows.csv")
    assert text.splitlines() == ["interaction_b,value", "'=1+1,1"]

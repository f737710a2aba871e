"""Whatever stands in an interaction, a name or a key is text, and stays text."""

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
    """A service with script in every text that it takes."""
    with server.client() as client:

        def made(path: str, **said: object) -> dict[str, str]:
            answer = client.post(path, json=said)
            assert answer.is_success, answer.text
            return dict(answer.json())

        for path in ("/api/resource-types", "/api/actions", "/api/origins"):
            said = {"mnemonic": "M", "title": HOSTILE[:200], "description": HOSTILE}
            made(path, **said, icon=HOSTILE[:200])
        made(
            "/api/interactions",
            **{"resourceType": "M", "action": "M", "origin": "M", "resourceId": HOSTILE},
            **{"userId": HOSTILE, "externalReference": HOSTILE},
            interaction={"a": HOSTILE, HOSTILE: {HOSTILE: [HOSTILE]}},
            externalResponse={HOSTILE: HOSTILE},
        )
        channel = made(
            "/api/channels",
            **{"name": HOSTILE[:200], "kind": "webhook", "enabled": False},
            settings={
                "url": f"https://a.example/{quote(HOSTILE)}",
                "headers": {"X-A": HOSTILE[:80]},
            },
        )
        made(
            "/api/subscriptions",
            **{"channelId": channel["channelId"], "resourceType": "M", "action": "M"},
            template={"title": SCRIPT, "body": SCRIPT},
        )
        made(
            "/api/silences",
            **{"labels": {HOSTILE: HOSTILE}, "dimensions": {HOSTILE: HOSTILE}},
            **{"to": "2299-01-01T00:00:00Z", "author": HOSTILE[:200], "reason": HOSTILE},
        )
        metric = made(
            "/api/interaction-metrics",
            **{"name": HOSTILE[:200], "description": HOSTILE, "metricType": "COUNT"},
            filters=[{"field": "interaction.a", "operator": "eq", "value": HOSTILE}],
            groupBy=["interaction.a"],
        )
        made(
            "/api/interaction-alerts",
            **{"title": HOSTILE[:200], "description": HOSTILE, "labels": {HOSTILE[:200]: "x"}},
            **{"metricId": metric["metricId"], "operator": "gt", "threshold": 0},
            **{"alertAction": "fired", "runbookUrl": f"https://example.com/{quote(HOSTILE)}"},
        )
        made("/api/interaction-alerts/evaluate-all")
        made("/api/keys", name=HOSTILE[:200], role="read")
    return server


def addresses(server: Server) -> list[str]:
    with server.client() as client:
        metric = client.get("/api/interaction-metrics").json()[0]["metricId"]
        alert = client.get("/api/interaction-alerts").json()[0]["alertId"]
        entry = client.get("/api/actions").json()
        action = next(one["actionId"] for one in entry if one["mnemonic"] == "M")
        found = client.get("/api/interactions?limit=10").json()["interactions"]
        channel = client.get("/api/channels").json()[0]["channelId"]
        told = client.get("/api/subscriptions").json()[0]["subscriptionId"]
    text = quote(HOSTILE)
    return [
        *("/", "/web/keys", "/web/catalog", f"/web/catalog/action/{action}"),
        *("/web/metrics", f"/web/metrics?q={text}&sort={text}", f"/web/metrics/{metric}"),
        *(f"/web/metrics/{metric}/edit", f"/web/metrics/new?like={metric}"),
        f"/web/metrics/new?action=M&filterField=interaction.a&filterValue={text}&name={text}",
        *("/web/alerts", f"/web/alerts?q={text}", f"/web/alerts/{alert}"),
        *(f"/web/alerts/{alert}/edit", f"/web/alerts/new?metric={metric}"),
        *("/web/interactions", f"/web/interactions?resourceId={text}&userId={text}"),
        f"/web/interactions?action={text}&uowId={text}&from={text}&cursor={text}",
        *(f"/web/interactions/{one['interactionId']}" for one in found),
        *("/web/channels", f"/web/channels/{channel}", "/web/subscriptions", "/web/deliveries"),
        *(f"/web/subscriptions/{told}", "/web/silences", f"/web/deliveries?cursor={text}"),
        *(f"/web/sign-in?next={text}", f"/web/{text}", f"/web/metrics?page={text}"),
    ]


def test_script_in_every_text_is_shown_as_text_on_every_page(
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
    blocked = [said for said in browser.complaints() if "Content Security Policy" in said]
    assert blocked == [], "it was no markup, so there was nothing to forbid"


def test_a_runbook_leads_to_the_web_and_nowhere_else(hostile: Server) -> None:
    with hostile.client() as client:
        alert = client.get("/api/interaction-alerts").json()[0]
        said = {"title": "t", "metricId": alert["metricId"], "operator": "gt", "threshold": 1}
        for address in ("javascript:alert(1)", "data:text/html,x", " javascript:alert(1)"):
            body = {**said, "alertAction": "fired", "runbookUrl": address}
            assert client.post("/api/interaction-alerts", json=body).status_code == 422


def test_a_downloaded_table_holds_no_formula(browser: Browser, hostile: Server) -> None:
    with hostile.client() as client:
        sent = {"resourceType": "M", "resourceId": "r", "action": "F", "origin": "M"}
        client.post("/api/interactions", json={**sent, "interaction": {"b": "=1+1"}})
        said = {"name": "f", "metricType": "COUNT", "action": "F", "groupBy": ["interaction.b"]}
        metric = client.post("/api/interaction-metrics", json=said).json()["metricId"]
    browser.sign_in(hostile.url, hostile.admin_key)
    text = browser.fetch(f"/web/metrics/{metric}/rows.csv")
    assert text.splitlines() == ["interaction_b,value", "'=1+1,1"]

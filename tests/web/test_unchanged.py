"""In a real browser, saving an unchanged form changes nothing, and a search becomes a metric."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from selenium.webdriver.support.ui import Select

from support import nasty_definitions as nasty
from support.browsing import Browser

if TYPE_CHECKING:
    import httpx2 as httpx

    from support.serving import Server

ALL = "".join(nasty.PIECES)
# Only values of payloads may have U+0000.
TEXT = ALL.replace("\0", "")
FIELD = 'interaction.a \n\r\t=\\.\\\\:"'
MODIFIED = re.compile(r'"modifiedDate":"[^"]+"')
FILTERS: list[dict[str, Any]] = [
    {"field": FIELD, "operator": "in", "value": ["US", None, "", 12, "12", 12.0, True, "true"]},
    {"field": FIELD, "operator": "not_in", "value": [ALL, "x"]},
    {"field": "interaction.a", "operator": "in", "value": [" US", "ZA "]},
    {"field": "interaction.a", "operator": "in", "value": [1, -0.0, 1e22, 10**30]},
    {"field": "interaction.a", "operator": "in", "value": [None]},
    *({"field": "interaction.a", "operator": "eq", "value": v} for v in (ALL, "", None, "12", 12)),
    {"field": "interaction.a", "operator": "neq", "value": 0.30000000000000004},
    {"field": "interaction.a", "operator": "neq", "value": False},
    {"field": "interaction.a", "operator": "not_exists"},
]
METRIC = {
    **{"name": TEXT, "description": f"\n{TEXT}\r\n", "metricType": "SUM", "field": FIELD},
    **{"filters": FILTERS, "timeWindow": "60m", "groupBy": [FIELD, "interaction.b "]},
    "enabled": False,
    "expose": True,
}
LABELS = {TEXT: TEXT, "a=b": "c=d\n", "": "", " x ": " y ", '"q"': '"q"', "n": "null"}


@pytest.fixture
def admin(browser: Browser, server: Server) -> Browser:
    browser.sign_in(server.url, server.admin_key)
    return browser


def create(client: httpx.Client, path: str, spec: dict[str, Any]) -> str:
    answer = client.post(path, json=spec)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def check(browser: Browser, client: httpx.Client, address: str, page: str) -> None:
    """Save a definition on its page: the API then returns the same bytes as before."""
    before = client.get(address)
    browser.open(page.format(address.rsplit("/", 1)[1]))
    browser.until(lambda: browser.script("return document.readyState") == "complete")
    browser.until(lambda: not browser.all("#preview[aria-busy]"))
    form = browser.path
    browser.press("Save")
    browser.until(lambda: browser.path != form, f"not saved: {browser.text}")
    after = client.get(address)
    assert MODIFIED.sub("", after.text) == MODIFIED.sub("", before.text)
    assert after.json()["modifiedDate"] > before.json()["modifiedDate"]


def test_every_kind_of_definition_is_saved_as_it_was(admin: Browser, server: Server) -> None:
    with server.client() as client:
        metric = create(client, "/api/interaction-metrics", METRIC)
        check(admin, client, metric, "/web/metrics/{}/edit")
        alert = create(
            client,
            "/api/interaction-alerts",
            {
                **{"title": TEXT, "description": "", "labels": LABELS, "operator": "gt"},
                **{"runbookUrl": f" https://a.example/{TEXT} ".strip(" "), "for": "60s"},
                **{"metricId": metric.rsplit("/", 1)[1], "threshold": 0.30000000000000004},
                **{"recoveryThreshold": 1e-7, "alertAction": "fired", "enabled": False},
            },
        )
        check(admin, client, alert, "/web/alerts/{}/edit")
        hook = {"url": "https://a.example/%?q", "headers": {"X-A": " b ", "Authorization": "c"}}
        spec = {"name": TEXT, "kind": "webhook", "settings": hook, "enabled": False}
        channel = create(client, "/api/channels", spec)
        check(admin, client, channel, "/web/channels/{}")
        topic = {"channelId": channel.rsplit("/", 1)[1], "resourceType": "ALERT", "action": "fired"}
        template = {"title": f"{TEXT} ", "body": f"\n\n{TEXT}\r\n"}
        subscription = create(client, "/api/subscriptions", {**topic, "template": template})
        check(admin, client, subscription, "/web/subscriptions/{}")
        silence = create(
            client,
            "/api/silences",
            {
                **{
                    "labels": LABELS,
                    "dimensions": {**LABELS, ALL: ALL, "gone": None},
                    "reason": TEXT,
                },
                **{"from": "2026-03-20T14:00:00.123Z", "to": "2299-12-31T23:59:59.999Z"},
            },
        )
        check(admin, client, silence, "/web/silences/{}")
        entry = {
            "mnemonic": "M",
            "title": TEXT,
            "description": TEXT,
            "icon": "",
            "bgColorHex": None,
        }
        action = create(client, "/api/actions", entry)
        check(admin, client, action, "/web/catalog/action/{}")


def test_a_rejected_value_keeps_its_kind(admin: Browser) -> None:
    admin.open("/web/metrics/new")
    admin.type("Name", "n")
    admin.press("+ Add a condition")
    admin.type("Field", "interaction.a")
    admin.choose("Kind of value", "number")
    admin.type("Value", "3x")
    admin.press("Create metric")
    admin.until_says("is not a number")
    kind = Select(admin.labelled("Kind of value"))
    assert (kind.first_selected_option.text, admin.labelled("Value").get_attribute("value")) == (
        *("number", "3x"),
    )


def test_a_search_for_null_becomes_a_metric_that_counts_the_same(
    admin: Browser, server: Server
) -> None:
    batch = [
        {
            **{"resourceType": "N", "resourceId": str(number), "action": "A", "origin": "O"},
            "interaction": payload,
        }
        for number, payload in enumerate([{}, {"c": None}, {"c": ""}, {"c": "US"}, {"c": "ZA"}])
    ]
    with server.client() as client:
        assert client.post("/api/interactions/batch", json=batch).json()["accepted"] == 5
    row = "filterField=interaction.c&filterOperator={}&filterKind={}&filterValue={}"
    for operator, kind, value, count in (
        ("eq", "null", "", 2),
        ("eq", "text", "", 1),
        ("in", "json", "%5B%22US%22%2C+null%5D", 3),
    ):
        search = row.format(operator, kind, value)
        admin.open(f"/web/interactions?resourceType=N&{search}")
        assert len(admin.all("tbody tr")) == count
        admin.press("Count these")

        def preview_has_arrived(count: int = count) -> bool:
            return admin.find("[data-preview-value]").text == str(count)

        admin.until(preview_has_arrived)
        admin.type("Name", f"{operator} {kind}")
        admin.press("Create metric")
        admin.until(lambda: "/new" not in admin.path and admin.path.startswith("/web/metrics/"))
        with server.client() as client:
            id = admin.path.rsplit("/", 1)[1]
            answer = client.post(f"/api/interaction-metrics/{id}/calculate")
        assert answer.json()["results"] == [{"value": count, "dimensions": None}]

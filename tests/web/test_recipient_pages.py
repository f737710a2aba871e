"""Filters of subscriptions and channels of alerts on the pages."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient

from support.browsing import Browser
from support.serving import ADMIN_KEY

if TYPE_CHECKING:
    from support.serving import Server

KEY = {"x-api-key": ADMIN_KEY}
FORM = {"content-type": "application/x-www-form-urlencoded"}
SUBSCRIPTION = {"resourceType": "ALERT", "action": "fired", "enabled": "on"}
SEVERE = {"field": "interaction.severity", "operator": "eq", "value": "critical"}
ROW = {"filterLevel": "0", "filterField": SEVERE["field"], "filterOperator": SEVERE["operator"]}
NEW_CHANNEL = {"newChannel.name": "Pager", "newChannel.kind": "webhook"}
NEW_FORMS = ("alerts", "subscriptions", "channels", "metrics", "silences")


@pytest.fixture(scope="module")
def client(site: Callable[[], TestClient]) -> TestClient:
    """The pages of an installation with a failed login."""
    created = site()
    login = {"resourceType": "USER", "resourceId": "u", "action": "failed", "origin": "WEB"}
    assert created.post("/api/interactions/batch", json=[login], headers=KEY).status_code == 201
    return created


@pytest.fixture(scope="module")
def metric_id(client: TestClient) -> str:
    return create(client, "interaction-metrics", name="Failed", metricType="COUNT", action="failed")


@pytest.fixture(scope="module")
def channel_id(client: TestClient) -> str:
    settings = {"url": "tgram://token/chat"}
    return create(client, "channels", name="On call", kind="apprise", settings=settings)


def create(client: TestClient, path: str, **body: Any) -> str:
    created = client.post(f"/api/{path}", json=body, headers=KEY)
    assert created.status_code == 201, created.text
    return str(created.headers["location"].rsplit("/", 1)[1])


def post(client: TestClient, path: str, fields: dict[str, str]) -> Any:
    return client.post(path, content=urlencode(fields), headers=FORM)


def alert(metric_id: str, **fields: str) -> dict[str, str]:
    return {
        **{"title": "Logins fail", "metricId": metric_id, "operator": "gte", "threshold": "1"},
        **{"alertAction": "fired", "recoveryAction": "recovered", "enabled": "on"},
        **fields,
    }


def test_a_subscription_has_the_conditions_of_its_form(client: TestClient, channel_id: str) -> None:
    row = {**ROW, "filterKind": "text", "filterValue": "critical"}
    answer = post(client, "/web/subscriptions/new", SUBSCRIPTION | {"channelId": channel_id} | row)
    assert answer.status_code == 303, answer.text
    (stored,) = client.get("/api/subscriptions", headers=KEY).json()
    assert stored["filters"] == [SEVERE]
    assert "where interaction.severity = critical" in client.get("/web/subscriptions").text
    shown = client.get(f"/web/subscriptions/{stored['subscriptionId']}").text
    assert 'value="interaction.severity"' in shown


def test_a_wrong_condition_is_shown_as_it_was_entered(client: TestClient, channel_id: str) -> None:
    row = {**ROW, "filterKind": "number", "filterValue": "many"}
    answer = post(client, "/web/subscriptions/new", SUBSCRIPTION | {"channelId": channel_id} | row)
    assert answer.status_code == 422
    assert "is not a number" in answer.text
    assert "many</textarea>" in answer.text


def test_an_alert_notifies_the_channels_that_are_checked(
    client: TestClient, metric_id: str, channel_id: str
) -> None:
    answer = post(client, "/web/alerts/new", alert(metric_id, channelIds=channel_id))
    assert answer.status_code == 303, answer.text
    page = answer.headers["location"]
    id = page.rsplit("/", 1)[1]
    stored = client.get(f"/api/interaction-alerts/{id}", headers=KEY).json()
    assert stored["channelIds"] == [channel_id]
    assert "Notifies On call" in client.get(page).text
    assert f'value="{channel_id}" checked' in client.get(f"{page}/edit").text


def test_the_preview_has_the_number_of_messages(
    client: TestClient, metric_id: str, channel_id: str
) -> None:
    answer = post(client, "/web/alerts/preview", alert(metric_id, channelIds=channel_id))
    assert answer.status_code == 200, answer.text
    assert "1 message to On call" in answer.text


def test_a_channel_is_created_without_leaving_the_form(client: TestClient, metric_id: str) -> None:
    before = len(client.get("/api/interaction-alerts", headers=KEY).json())
    target = {"newChannel.target": "https://example.com/hook", "createChannel": "1"}
    fields = alert(metric_id, description="typed before") | NEW_CHANNEL | target
    answer = post(client, "/web/alerts/new", fields)
    assert answer.status_code == 200, answer.text
    (created,) = [
        each for each in client.get("/api/channels", headers=KEY).json() if each["name"] == "Pager"
    ]
    assert f'value="{created["channelId"]}" checked' in answer.text
    assert "whsec_" in answer.text
    assert "typed before" in answer.text
    assert len(client.get("/api/interaction-alerts", headers=KEY).json()) == before
    again = client.get("/web/alerts/new").text
    assert created["channelId"] in again
    assert "whsec_" not in again


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("slack", "https://hooks.example.com/a"),
        ("email", "a@example.com"),
        ("apprise", "tgram://token/chat"),
        ("pagerduty", "0123456789abcdef0123456789abcdef"),
    ],
)
def test_every_kind_of_channel_is_created_in_place(
    client: TestClient, metric_id: str, kind: str, target: str
) -> None:
    fields = {"newChannel.name": kind, "newChannel.kind": kind, "newChannel.target": target}
    answer = post(client, "/web/alerts/new", alert(metric_id, createChannel="1") | fields)
    assert answer.status_code == 200, answer.text
    stored = client.get("/api/channels", headers=KEY).json()
    assert [each["kind"] for each in stored if each["name"] == kind] == [kind]


def test_a_channel_that_cannot_be_created_keeps_what_was_typed(
    client: TestClient, metric_id: str
) -> None:
    target = {"newChannel.target": "no address", "createChannel": "1"}
    answer = post(client, "/web/alerts/new", alert(metric_id) | NEW_CHANNEL | target)
    assert answer.status_code == 422
    shown = html.unescape(answer.text)
    assert 'value="no address"' in shown
    assert "Logins fail" in shown


@pytest.fixture(scope="module")
def with_a_metric(server: Server) -> Server:
    with server.client() as client:
        metric = {"name": "Any", "metricType": "COUNT"}
        client.post("/api/interaction-metrics", json=metric).raise_for_status()
    return server


def test_new_forms_show_no_problem_before_anything_is_typed(
    browser: Browser, with_a_metric: Server
) -> None:
    browser.sign_in(with_a_metric.url, with_a_metric.admin_key)
    for page in NEW_FORMS:
        browser.open(f"/web/{page}/new")
        browser.until(lambda: not browser.all("[aria-busy]"))
        shown = [each.text for each in browser.all(".problem") if each.is_displayed()]
        assert shown == [], page


def test_an_alert_with_a_new_channel_is_created_in_the_browser(
    browser: Browser, with_a_metric: Server
) -> None:
    browser.sign_in(with_a_metric.url, with_a_metric.admin_key)
    browser.open("/web/alerts/new")
    browser.type("Title", "Anything")
    browser.choose("Metric", "Any")
    browser.type("Threshold", "5")
    browser.find("details.more summary").click()
    browser.type("Name", "Night shift")
    browser.choose("Kind", "webhook")
    browser.type("URL, address or key", "https://example.com/night")
    browser.press("Create channel")
    browser.until_says("whsec_")
    assert browser.find("[name=channelIds]").is_selected()
    assert browser.labelled("Title").get_attribute("value") == "Anything"
    # The Enter key saves the alert, although another button precedes that one.
    browser.labelled("Title").send_keys("\n")
    browser.until_says("Notifies Night shift")
    assert browser.complaints() == []

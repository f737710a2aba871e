"""Channels, subscriptions, deliveries and silences over HTTP."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from support.deployments import folder_only
from tocsin.config import Settings
from tocsin.model.instant import format_instant
from tocsin.runtime import Runtime

CHANNELS, SUBSCRIPTIONS = "/api/channels", "/api/subscriptions"
DELIVERIES, SILENCES = "/api/deliveries", "/api/silences"
NOBODY = "7f1f4b1c-6f0c-4e29-8f7a-0c4d7e1a9b11"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
# A port that nobody listens on, at an address that is refused before that matters.
URL = "http://127.0.0.1:9/hook"
WEBHOOK = {
    "name": "On call",
    "kind": "webhook",
    "settings": {"url": URL, "headers": {"Authorization": "Bearer very-secret"}, "secret": SECRET},
}


@pytest.fixture(autouse=True)
def _clean(runtime: Runtime) -> Iterator[None]:
    yield
    for subscription in runtime.subscriptions.all():
        runtime.subscriptions.delete(subscription.subscription_id, runtime.now())
    for channel in runtime.channels.all():
        runtime.channels.delete(channel.channel_id, runtime.now())


def create(api: TestClient, body: dict[str, Any] = WEBHOOK) -> dict[str, Any]:
    created = api.post(CHANNELS, json=body)
    assert created.status_code == 201, created.text
    answer: dict[str, Any] = created.json()
    assert created.headers["location"] == f"{CHANNELS}/{answer['channelId']}"
    return answer


def topic(api: TestClient) -> dict[str, str]:
    for path, mnemonic in (("/api/resource-types", "CUSTOMER"), ("/api/actions", "LEFT")):
        api.post(path, json={"mnemonic": mnemonic, "title": mnemonic})
    return {"resourceType": "customer", "action": "left"}


def fields(answer: Any) -> set[str]:
    assert answer.status_code == 422, answer.text
    return {error["field"] for error in answer.json()["errors"]}


def test_given_secrets_are_never_shown(api: TestClient) -> None:
    channel = create(api)
    shown = {"url": URL, "headers": {"Authorization": "***"}, "secret": "***"}
    assert channel["settings"] == shown
    slack = create(api, {"name": "s", "kind": "slack", "settings": {"webhookUrl": URL}})
    apprise = {"name": "a", "kind": "apprise", "settings": {"url": "tgram://very-secret/1"}}
    assert create(api, apprise)["settings"] == {"url": "***"}
    assert slack["settings"] == {"webhookUrl": "***"}
    pager = {"name": "p", "kind": "pagerduty", "settings": {"routingKey": "verysecretKEY0"}}
    url = "https://events.pagerduty.com/v2/enqueue"
    assert create(api, pager)["settings"] == {"routingKey": "***", "url": url}
    listed = api.get(CHANNELS)
    assert len(listed.json()) == 4
    assert "verysecretKEY0" not in listed.text
    assert listed.json()[0] == api.get(f"{CHANNELS}/{channel['channelId']}").json() == channel
    assert "very-secret" not in listed.text
    assert SECRET not in listed.text


def test_a_generated_secret_is_shown_once(api: TestClient) -> None:
    channel = create(api, {**WEBHOOK, "settings": {"url": URL}})
    assert channel["settings"]["secret"].startswith("whsec_")
    assert channel["settings"]["secret"] not in api.get(CHANNELS).text


def test_a_secret_is_kept_where_its_mask_is_sent_back(api: TestClient, runtime: Runtime) -> None:
    channel = create(api)
    path = f"{CHANNELS}/{channel['channelId']}"
    renamed = {name: channel[name] for name in ("kind", "settings", "enabled")} | {
        "name": "Renamed"
    }
    assert api.put(path, json=renamed).json()["name"] == "Renamed"
    kept = runtime.channels.all()[0].spec.settings.with_secrets()
    assert kept == WEBHOOK["settings"]
    assert api.put(path, json={**renamed, "settings": {"url": URL}}).status_code == 200
    assert runtime.channels.all()[0].spec.settings.with_secrets()["secret"] == SECRET


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"kind"}),
        ({"kind": "pigeon"}, {"kind"}),
        ({"kind": ["webhook"]}, {"kind"}),
        ({"kind": "webhook"}, {"name", "settings"}),
        ({**WEBHOOK, "color": "red"}, {"color"}),
        ({**WEBHOOK, "settings": {}}, {"settings.url"}),
        ({**WEBHOOK, "settings": {"url": "ftp://a.example"}}, {"settings.url"}),
        ({**WEBHOOK, "settings": {"url": "https://u:p@a.example"}}, {"settings.url"}),
        ({**WEBHOOK, "settings": {"url": "https://a.example:99999"}}, {"settings.url"}),
        ({**WEBHOOK, "settings": {"url": "https://a.example/ x"}}, {"settings.url"}),
        ({**WEBHOOK, "settings": {"url": "http://["}}, {"settings.url"}),
        ({**WEBHOOK, "settings": {"url": URL, "secret": "short"}}, {"settings.secret"}),
        ({**WEBHOOK, "settings": {"url": URL, "secret": "***"}}, {"settings.secret"}),
        ({**WEBHOOK, "settings": {"url": URL, "headers": {"A": "\n"}}}, {"settings.headers.A"}),
        ({"name": "n", "kind": "slack", "settings": {"webhookUrl": "x"}}, {"settings.webhookUrl"}),
        ({"name": "n", "kind": "email", "settings": {"to": []}}, {"settings.to"}),
        ({"name": "n", "kind": "email", "settings": {"to": ["a@b", "c\nd@e"]}}, {"settings.to[1]"}),
        ({"name": "n", "kind": "apprise", "settings": {"url": "nothing"}}, {"settings.url"}),
        ({"name": "n", "kind": "pagerduty", "settings": {}}, {"settings.routingKey"}),
        (
            {"name": "n", "kind": "pagerduty", "settings": {"routingKey": "a b", "url": "x"}},
            {"settings.routingKey", "settings.url"},
        ),
        (
            {"name": "n", "kind": "pagerduty", "settings": {"routingKey": "***"}},
            {"settings.routingKey"},
        ),
    ],
)  # fmt: skip
def test_a_wrong_channel_is_422_with_every_reason(
    api: TestClient, body: dict[str, Any], wrong: set[str]
) -> None:
    assert fields(api.post(CHANNELS, json=body)) == wrong


@pytest.mark.parametrize("name", ["Host", "webhook-id", "content-length", "a b"])
def test_headers_that_tocsin_sends_itself_are_refused(api: TestClient, name: str) -> None:
    body = {**WEBHOOK, "settings": {"url": URL, "headers": {name: "x"}}}
    assert api.post(CHANNELS, json=body).status_code == 422


def test_a_test_has_a_result_and_a_private_target_is_refused(api: TestClient) -> None:
    channel = create(api)
    tried = api.post(f"{CHANNELS}/{channel['channelId']}/test").json()
    assert tried["sent"] is False
    assert "TOCSIN_ALLOW_PRIVATE_TARGETS" in tried["error"]


def test_no_secret_of_a_channel_reaches_the_log(
    api: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    body = {"name": "s", "kind": "slack", "settings": {"webhookUrl": f"{URL}/very-secret"}}
    channel = create(api, body)
    tried = api.post(f"{CHANNELS}/{channel['channelId']}/test")
    assert "very-secret" not in caplog.text + tried.text


def test_a_subscription_has_mnemonics_or_ids(api: TestClient) -> None:
    channel = create(api)["channelId"]
    body = {**topic(api), "channelId": channel, "template": {"title": "{{ resourceId }}"}}
    created = api.post(SUBSCRIPTIONS, json=body)
    assert created.status_code == 201, created.text
    shown = created.json()
    assert (shown["resourceType"], shown["action"], shown["origin"]) == ("CUSTOMER", "LEFT", None)
    assert shown["template"] == {"title": "{{ resourceId }}", "body": None}
    ids = {name: shown[name] for name in ("resourceTypeId", "actionId", "channelId")}
    path = f"{SUBSCRIPTIONS}/{shown['subscriptionId']}"
    assert api.put(path, json=ids).json()["template"] is None
    assert api.get(SUBSCRIPTIONS).json() == [api.get(path).json()]
    refused = api.delete(f"{CHANNELS}/{channel}")
    assert refused.status_code == 409
    entry = api.delete(f"/api/actions/{shown['actionId']}")
    assert entry.status_code == 409
    assert api.delete(path).status_code == 204
    assert api.delete(f"{CHANNELS}/{channel}").status_code == 204


def test_a_wrong_subscription_is_422_with_every_reason(api: TestClient) -> None:
    channel = create(api)["channelId"]
    assert fields(api.post(SUBSCRIPTIONS, json={})) == {"channelId", "resourceTypeId", "actionId"}
    unknown = {"channelId": channel, "resourceType": "NO_SUCH", "action": "NO_SUCH"}
    assert fields(api.post(SUBSCRIPTIONS, json=unknown)) == {"resourceType", "action"}
    body = {**topic(api), "channelId": NOBODY}
    assert fields(api.post(SUBSCRIPTIONS, json=body)) == {"channelId"}
    template = {"title": "{% if %}", "body": "{{ x|nofilter }}"}
    wrong = api.post(SUBSCRIPTIONS, json={**body, "channelId": channel, "template": template})
    assert fields(wrong) == {"template.title", "template.body"}
    assert "nofilter" in wrong.text


def test_deliveries_are_listed_page_by_page_and_retried(api: TestClient) -> None:
    channel = create(api)["channelId"]
    api.post(SUBSCRIPTIONS, json={**topic(api), "channelId": channel})
    sent = {**topic(api), "resourceId": "42", "origin": "WEB", "interaction": {"a": 1.0}}
    for _ in range(3):
        assert api.post("/api/interactions", json=sent).status_code == 201
    query: dict[str, Any] = {"channelId": channel, "limit": 2}
    first = api.get(DELIVERIES, params=query).json()
    second = api.get(DELIVERIES, params={**query, "cursor": first["nextCursor"]}).json()
    assert (len(first["deliveries"]), len(second["deliveries"])) == (2, 1)
    assert second["nextCursor"] is None
    delivery = second["deliveries"][0]
    assert delivery["interaction"]["resourceId"] == "42"
    assert delivery["status"] == "pending"
    path = f"{DELIVERIES}/{delivery['deliveryId']}"
    assert api.get(path).json()["deliveryId"] == delivery["deliveryId"]
    assert api.post(f"{path}/retry").status_code == 409
    assert api.post(f"{DELIVERIES}/{NOBODY}/retry").status_code == 404
    assert api.get(DELIVERIES, params={"status": "sent"}).json()["deliveries"] == []
    for wrong in ({"status": "staged"}, {"cursor": "x"}, {"limit": 0}, {"channelId": "x"}):
        assert fields(api.get(DELIVERIES, params=wrong)) == set(wrong)
    assert 'tocsin_deliveries{status="pending"}' in api.get("/metrics").text


def test_deliveries_of_a_disabled_channel_are_listed_as_skipped_and_retried(
    api: TestClient,
) -> None:
    channel = create(api, {**WEBHOOK, "enabled": False})["channelId"]
    api.post(SUBSCRIPTIONS, json={**topic(api), "channelId": channel})
    sent = {**topic(api), "resourceId": "43", "origin": "WEB"}
    assert api.post("/api/interactions", json=sent).status_code == 201
    query = {"channelId": channel, "status": "skipped"}
    (skipped,) = api.get(DELIVERIES, params=query).json()["deliveries"]
    assert skipped["interaction"]["resourceId"] == "43"
    assert skipped["reason"] == "The channel was disabled"
    assert (skipped["nextAttemptDate"], skipped["finishedDate"]) == (None, None)
    assert 'tocsin_deliveries{status="skipped"} 1.0' in api.get("/metrics").text
    retried = api.post(f"{DELIVERIES}/{skipped['deliveryId']}/retry").json()
    assert (retried["status"], retried["reason"], retried["nextAttemptDate"]) == (
        "pending",
        None,
        None,
    )


def test_a_paused_channel_and_its_pending_deliveries_show_the_end_of_the_pause(
    api: TestClient, runtime: Runtime
) -> None:
    created = create(api)
    assert created["restingUntil"] is None
    channel, path = created["channelId"], f"{CHANNELS}/{created['channelId']}"
    until = runtime.now() + timedelta(hours=1)
    runtime.channels.pause(UUID(channel), until)
    api.post(SUBSCRIPTIONS, json={**topic(api), "channelId": channel})
    sent = {**topic(api), "resourceId": "44", "origin": "WEB"}
    assert api.post("/api/interactions", json=sent).status_code == 201
    (pending,) = api.get(DELIVERIES, params={"channelId": channel}).json()["deliveries"]
    shown = format_instant(until)
    assert (pending["status"], pending["tries"]) == ("pending", 0)
    assert pending["nextAttemptDate"] == api.get(path).json()["restingUntil"] == shown
    assert api.get(CHANNELS).json()[0]["restingUntil"] == shown
    renamed = {name: created[name] for name in ("name", "kind", "settings", "enabled")}
    assert api.put(path, json=renamed).json()["restingUntil"] is None
    runtime.channels.pause(UUID(channel), runtime.now() - timedelta(hours=1))
    assert api.get(path).json()["restingUntil"] is None
    runtime.channels.pause(UUID(channel), until)
    assert api.post(f"{path}/test").json()["sent"] is False
    assert api.get(path).json()["restingUntil"] is None


def test_silences_are_kept_replaced_and_deleted(api: TestClient) -> None:
    body: dict[str, Any] = {"to": "2299-01-01T00:00:00Z", "author": "ada", "reason": "upgrade"}
    body["severities"] = ["critical"]
    created = api.post(SILENCES, json=body)
    assert created.status_code == 201, created.text
    path = f"{SILENCES}/{created.json()['silenceId']}"
    changed = api.put(path, json={**body, "labels": {"team": "a"}}).json()
    assert changed["labels"] == {"team": "a"}
    assert api.get(f"{path}/deliveries").json() == {"deliveries": [], "nextCursor": None}
    assert api.get(SILENCES).json() == [api.get(path).json()] == [changed]
    assert api.delete(path).status_code == 204
    assert api.get(f"{path}/deliveries").status_code == 404


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"alertId", "to"}),
        ({"to": "2299-01-01T00:00:00Z"}, {"alertId"}),
        ({"to": "2299-01-01T00:00:00Z", "dimensions": {"a": "b"}}, {"alertId"}),
        ({"to": "2299-01-01T00:00:00Z", "matchAll": False, "severities": []}, {"alertId"}),
        ({"alertId": NOBODY, "to": "2299-01-01T00:00:00Z"}, {"alertId"}),
        ({"matchAll": True, "to": "2001-01-01T00:00:00Z"}, {"to"}),
        ({"matchAll": True, "labels": {"a": "b"}, "to": "2299-01-01T00:00:00Z"}, {"matchAll"}),
        ({"matchAll": True, "dimensions": {"a": "b"}, "to": "2299-01-01T00:00:00Z"}, {"matchAll"}),
        ({"matchAll": 1, "to": "2299-01-01T00:00:00Z"}, {"matchAll"}),
        ({"severities": ["fatal"], "to": "2299-01-01T00:00:00Z"}, {"severities[0]"}),
        ({"severities": ["info"] * 2, "to": "2299-01-01T00:00:00Z"}, {"severities"}),
        ({"alertId": "x", "to": "soon", "from": 1}, {"alertId", "to", "from"}),
        ({"labels": {"a": 1}, "to": "2299-01-01T00:00:00Z"}, {"labels.a"}),
    ],
)
def test_a_wrong_silence_is_422(api: TestClient, body: dict[str, Any], wrong: set[str]) -> None:
    assert fields(api.post(SILENCES, json=body)) == wrong


RECURS = {
    "weekdays": ["friday", "monday"],
    "from": "22:00",
    "to": "06:00",
    "timezone": "Europe/Berlin",
    "until": None,
}


@pytest.mark.parametrize(
    ("members", "wrong"),
    [
        ({"weekdays": []}, {"recurs.weekdays"}),
        ({"weekdays": ["monday", "mon"]}, {"recurs.weekdays[1]"}),
        ({"weekdays": ["monday", "monday"]}, {"recurs.weekdays"}),
        ({"weekdays": "monday"}, {"recurs.weekdays"}),
        ({"from": "2:00"}, {"recurs.from"}),
        ({"from": "24:00"}, {"recurs.from"}),
        ({"from": 2}, {"recurs.from"}),
        ({"to": "24:01"}, {"recurs.to"}),
        ({"to": "02:00:00"}, {"recurs.to"}),
        ({"to": "22:00"}, {"recurs.to"}),
        ({"timezone": "Europe/Bonn"}, {"recurs.timezone"}),
        ({"timezone": "europe/berlin"}, {"recurs.timezone"}),
        ({"until": "tomorrow"}, {"recurs.until"}),
        ({"until": "2001-01-01T00:00:00Z"}, {"recurs.until"}),
        ({"until": "2026-03-20T12:00:00Z", "weekdays": ["sunday"]}, {"recurs.until"}),
        ({"length": "2h"}, {"recurs.length"}),
    ],
)
def test_a_wrong_recurrence_is_422(
    api: TestClient, members: dict[str, Any], wrong: set[str]
) -> None:
    start = "2026-03-20T00:00:00Z"
    body = {"matchAll": True, "from": start, "recurs": {**RECURS, **members}}
    assert fields(api.post(SILENCES, json=body)) == wrong


def test_a_silence_that_recurs_has_no_end_beside_until(api: TestClient) -> None:
    both = {"matchAll": True, "recurs": RECURS, "to": "2299-01-01T00:00:00Z"}
    assert fields(api.post(SILENCES, json=both)) == {"to"}
    for missing in ("weekdays", "from", "to", "timezone"):
        recurs = {name: value for name, value in RECURS.items() if name != missing}
        answer = api.post(SILENCES, json={"matchAll": True, "recurs": recurs})
        assert fields(answer) == {f"recurs.{missing}"}


def test_a_silence_that_recurs_is_shown_with_its_next_windows(api: TestClient) -> None:
    start = "2299-03-20T00:00:00.000Z"
    recurs = {**RECURS, "until": "2299-03-31T00:00:00.000Z"}
    answer = api.post(SILENCES, json={"matchAll": True, "from": start, "recurs": recurs})
    assert answer.status_code == 201, answer.text
    created = answer.json()
    assert created["recurs"] == {**recurs, "weekdays": ["monday", "friday"]}
    assert (created["to"], created["active"]) == (None, False)
    assert created["nextWindows"] == [
        {"from": "2299-03-20T21:00:00.000Z", "to": "2299-03-21T05:00:00.000Z"},
        {"from": "2299-03-24T21:00:00.000Z", "to": "2299-03-25T05:00:00.000Z"},
        # Summer time has begun.
        {"from": "2299-03-27T20:00:00.000Z", "to": "2299-03-28T04:00:00.000Z"},
    ]
    path = f"{SILENCES}/{created['silenceId']}"
    later = api.patch(path, json={"recurs": {"to": "07:00", "until": None}}).json()
    assert later["recurs"] == {**created["recurs"], "to": "07:00", "until": None}
    once = api.patch(path, json={"recurs": None, "to": "2299-04-01T00:00:00.000Z"}).json()
    assert (once["recurs"], once["to"]) == (None, "2299-04-01T00:00:00.000Z")
    assert once["nextWindows"] == [{"from": start, "to": once["to"]}]
    assert api.delete(path).status_code == 204


@pytest.mark.parametrize("path", [CHANNELS, SUBSCRIPTIONS, DELIVERIES, SILENCES])
@pytest.mark.parametrize("id", [NOBODY, "x"])
def test_a_missing_resource_is_404(api: TestClient, path: str, id: str) -> None:
    assert api.get(f"{path}/{id}").status_code == 404


@pytest.mark.parametrize(
    ("url", "sender", "is_good"),
    [
        ("smtp://mail.example", "tocsin@example.com", True),
        ("smtps://user:p%40ss@mail.example:4650", "Tocsin <tocsin@example.com>", True),
        ("smtp+starttls://mail.example", "tocsin@example.com", True),
        ("http://mail.example", "tocsin@example.com", False),
        ("smtp://", "tocsin@example.com", False),
        ("smtp://mail.example", None, False),
        ("smtp://mail.example", "nobody", False),
    ],
)
def test_the_settings_of_the_mail_server_are_checked_at_the_start(
    url: str, sender: str | None, is_good: bool
) -> None:
    values = {"smtp_url": url, "smtp_from": sender}
    if is_good:
        assert Settings(**values).smtp_server is not None  # type: ignore[arg-type]
        return
    with pytest.raises(ValueError, match="smtp_url"):
        Settings(**values)  # type: ignore[arg-type]


@folder_only
def test_the_store_is_readable_by_its_owner_only(runtime: Runtime) -> None:
    create_mode = (runtime.settings.data_dir / "store.sqlite").stat().st_mode
    assert create_mode & 0o077 == 0

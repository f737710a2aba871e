"""A stored secret goes to the target it was given for and to no other, and readers see none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tocsin.model.notifications.channel import read_channel
from tocsin.runtime import Runtime

CHANNELS = "/api/channels"
URL = "https://example.com/hooks/T0K3N-in-the-path?key=T0K3N"
SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HEADERS = {"Authorization": "Bearer very-secret-token"}
WEBHOOK = {
    "name": "On call",
    "kind": "webhook",
    "settings": {"url": URL, "headers": HEADERS, "secret": SECRET},
}
KEPT = {"Authorization": "***"}
OTHER_TARGETS = [
    "https://evil.example/",
    "http://example.com/hooks",
    "https://example.com:8443/hooks",
    "https://example.com.evil.example/hooks",
    "https://sub.example.com/hooks",
    "https://example.com./hooks",
    r"https://example.com\.evil.example/hooks",
    "https://evil.example/?https://example.com/",
    "https://evil.example/***",
]
SAME_TARGET = ["https://EXAMPLE.com/else", "https://example.com:443/", "HTTPS://example.com/x?y"]


@pytest.fixture
def path(api: TestClient) -> str:
    answer = api.post(CHANNELS, json=WEBHOOK)
    assert answer.status_code == 201, answer.text
    return f"{CHANNELS}/{answer.json()['channelId']}"


def problems(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {error["field"]: error["message"] for error in answer.json()["errors"]}


def stored(runtime: Runtime) -> dict[str, Any]:
    return runtime.channels.all()[-1].spec.settings.with_secrets()


@pytest.mark.parametrize("url", OTHER_TARGETS)
def test_a_masked_secret_is_refused_for_another_target(
    api: TestClient, runtime: Runtime, path: str, url: str
) -> None:
    settings = {"url": url, "headers": KEPT, "secret": "***"}
    errors = problems(api.put(path, json={**WEBHOOK, "settings": settings}))
    for field in ("settings.headers.Authorization", "settings.secret"):
        assert "give the secret itself for another host" in errors[field]
    assert stored(runtime) == WEBHOOK["settings"]


@pytest.mark.parametrize("url", OTHER_TARGETS)
def test_a_signing_secret_is_not_carried_over_to_another_target(
    api: TestClient, runtime: Runtime, path: str, url: str
) -> None:
    errors = problems(api.put(path, json={**WEBHOOK, "settings": {"url": url}}))
    assert "give the secret itself for another host" in errors["settings.secret"]
    assert stored(runtime) == WEBHOOK["settings"]


@pytest.mark.parametrize("url", SAME_TARGET)
def test_a_masked_secret_is_kept_where_only_the_path_changes(
    api: TestClient, runtime: Runtime, path: str, url: str
) -> None:
    settings = {"url": url, "headers": KEPT}
    assert api.put(path, json={**WEBHOOK, "settings": settings}).status_code == 200
    assert stored(runtime) == {"url": url, "headers": HEADERS, "secret": SECRET}


def test_another_target_is_taken_with_secrets_of_its_own(
    api: TestClient, runtime: Runtime, path: str
) -> None:
    settings = {"url": "https://new.example/", "headers": {"A": "b"}, "secret": None}
    answer = api.put(path, json={**WEBHOOK, "settings": settings}).json()
    assert answer["settings"]["secret"] not in ("***", SECRET)
    assert stored(runtime)["secret"] == answer["settings"]["secret"]
    assert api.get(path).json()["settings"]["secret"] == "***"


def test_a_channel_does_not_take_the_secrets_of_another_kind(api: TestClient) -> None:
    slack = {"name": "s", "kind": "slack", "settings": {"webhookUrl": URL}}
    path = f"{CHANNELS}/{api.post(CHANNELS, json=slack).json()['channelId']}"
    for settings in ({"url": "***"}, {"url": "https://evil.example/", "headers": {"A": "***"}}):
        errors = problems(
            api.put(path, json={"name": "s", "kind": "webhook", "settings": settings})
        )
        assert errors
    apprise = {"name": "s", "kind": "apprise", "settings": {"url": "***"}}
    assert "settings.url" in problems(api.put(path, json=apprise))


def test_a_key_of_pagerduty_is_kept_only_for_its_host(api: TestClient, runtime: Runtime) -> None:
    pager = {"name": "p", "kind": "pagerduty", "settings": {"routingKey": "R0123"}}
    path = f"{CHANNELS}/{api.post(CHANNELS, json=pager).json()['channelId']}"
    for url in ("https://events.eu.pagerduty.com/v2/enqueue", "https://evil.example/"):
        moved = {**pager, "settings": {"routingKey": "***", "url": url}}
        assert "settings.routingKey" in problems(api.put(path, json=moved))
        assert "settings.routingKey" in problems(api.patch(path, json={"settings": {"url": url}}))
    for settings in (
        {"routingKey": "***"},
        {"routingKey": "***", "url": "https://events.pagerduty.com/v2/other"},
    ):
        assert api.put(path, json={**pager, "settings": settings}).status_code == 200
        assert stored(runtime)["routingKey"] == "R0123"


def test_a_form_does_not_move_a_secret_either(
    site: Callable[..., TestClient], runtime: Runtime
) -> None:
    channel = runtime.channels.create(read_channel(WEBHOOK), runtime.now())
    form = {
        "name": "On call",
        "kind": "webhook",
        "webhookUrl": "https://evil.example/",
        "headers": "Authorization: ***",
        "secret": "***",
    }
    answer = site().post(f"/web/channels/{channel.channel_id}", data=form)
    assert answer.status_code == 422
    assert answer.text.count("give the secret itself for another host") == 2
    assert stored(runtime) == WEBHOOK["settings"]


def test_a_secret_that_is_cleared_in_the_form_is_replaced_and_shown_once(
    site: Callable[..., TestClient], runtime: Runtime
) -> None:
    channel = runtime.channels.create(read_channel(WEBHOOK), runtime.now())
    form = {"name": "On call", "kind": "webhook", "webhookUrl": "https://new.example/"}
    answer = site().post(f"/web/channels/{channel.channel_id}", data=form)
    assert answer.status_code == 200
    assert stored(runtime)["secret"] != SECRET
    assert stored(runtime)["secret"] in answer.text


def test_a_reader_sees_where_a_webhook_leads_and_not_its_path(
    api: TestClient, keys: dict[str, str], site: Callable[..., TestClient], path: str
) -> None:
    reads = {"x-api-key": keys["read"]}
    for answer in (api.get(path, headers=reads), api.get(CHANNELS, headers=reads)):
        assert answer.status_code == 200
        assert "https://example.com/***" in answer.text
        assert "T0K3N" not in answer.text
    assert api.get(path).json()["settings"]["url"] == URL
    assert URL in site().get("/web/channels").text
    page = site(keys["read"]).get("/web/channels")
    assert "https://example.com/***" in page.text
    assert "T0K3N" not in page.text


def test_the_url_that_a_reader_sees_is_kept_when_an_admin_sends_it_back(
    api: TestClient, runtime: Runtime, keys: dict[str, str], path: str
) -> None:
    seen = api.get(path, headers={"x-api-key": keys["read"]}).json()
    body = {name: seen[name] for name in ("name", "kind", "settings", "enabled")}
    assert api.put(path, json=body).status_code == 200
    assert stored(runtime) == WEBHOOK["settings"]
    assert "settings.url" in problems(api.post(CHANNELS, json={**body, "settings": {
        "url": seen["settings"]["url"]}}))  # fmt: skip


@pytest.mark.parametrize("query", [
    "template=/etc/passwd", "?template=x", "a=b&TEMPLATE=x", "a=b;keyfile=x", "%74emplate=x",
    "subfile=x", "pgppub=x", "pgpprv=x", "+template=x", "a=b?template=x",
])  # fmt: skip
def test_a_url_of_apprise_that_names_a_file_is_refused(api: TestClient, query: str) -> None:
    body = {"name": "a", "kind": "apprise", "settings": {"url": f"workflows://h/a/b/?{query}"}}
    assert "files of the server" in problems(api.post(CHANNELS, json=body))["settings.url"]

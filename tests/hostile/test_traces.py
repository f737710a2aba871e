"""The log names the actor of each sign-in, refusal and change of a key or channel; no secrets."""

from __future__ import annotations

from typing import Any

import pytest

from support.log_lines import lines, logged, signed_in
from support.serving import Server

HOOK = "https://example.com/hooks/very-secret-path"
CHANNEL = {
    "name": "On call",
    "kind": "webhook",
    "settings": {"url": HOOK, "headers": {"Authorization": "Bearer very-secret-token"}},
}


def test_changes_of_keys_and_channels_name_who_made_them(server: Server) -> None:
    with server.client() as client:
        created = client.post("/api/keys", json={"name": "billing", "role": "read"}).json()
        client.delete(f"/api/keys/{created['keyId']}")
        channel = client.post("/api/channels", json=CHANNEL).json()
        path = f"/api/channels/{channel['channelId']}"
        assert client.put(path, json=CHANNEL).status_code == 200
        assert client.delete(path).status_code == 204
    by = {"by_name": "TOCSIN_ADMIN_KEY", "address": "127.0.0.1"}
    for event in ("key created", "key revoked"):
        (line,) = logged(server, event)
        assert line.items() >= {**by, "key": created["keyId"], "key_name": "billing"}.items()
    for event in ("channel created", "channel replaced", "channel deleted"):
        (line,) = logged(server, event)
        assert line.items() >= {**by, "channel": channel["channelId"], "kind": "webhook"}.items()
    assert created["key"] not in server.log
    assert server.admin_key not in server.log
    assert "very-secret" not in server.log


def test_changes_by_the_pages_are_logged_as_well(server: Server) -> None:
    before = {event: len(lines(server, event)) for event in ("key created", "channel created")}
    with signed_in(server, server.admin_key) as client:
        client.post("/web/keys", data={"name": "by page", "role": "read"})
        form = {"name": "by page", "kind": "webhook", "webhookUrl": HOOK, "enabled": "on"}
        client.post("/web/channels/new", data=form)
    for event, count in before.items():
        assert len(logged(server, event, count + 1)) == count + 1


def test_sign_ins_and_sign_outs_are_logged(server: Server) -> None:
    before = len(lines(server, "session started")), len(lines(server, "session ended"))
    with signed_in(server, server.admin_key) as client:
        cookie = client.cookies["tocsin_session"]
        client.post("/web/sign-out")
    assert len(logged(server, "session started", before[0] + 1)) == before[0] + 1
    assert len(logged(server, "session ended", before[1] + 1)) == before[1] + 1
    assert cookie not in server.log


@pytest.mark.parametrize(
    ("event", "key", "path"),
    [
        ("key refused", "very-wrong-key", "/api/actions"),
        ("role refused", "read", "/api/keys"),
    ],
)
def test_refusals_are_logged_at_most_once_a_second(
    event: str, key: str, path: str, server: Server
) -> None:
    with server.client() as client:
        if key == "read":
            key = client.post("/api/keys", json={"name": "r", "role": "read"}).json()["key"]
        before = len(lines(server, event))
        for _ in range(100):
            client.get(f"{path}?q=%1b%0a", headers={"x-api-key": key})
    refused = logged(server, event, before + 1)[before:]
    assert 1 <= len(refused) < 50
    assert refused[0].items() >= {"address": "127.0.0.1", "method": "GET", "path": path}.items()
    assert key not in server.log


def test_a_form_from_another_site_is_logged(server: Server) -> None:
    with signed_in(server, server.admin_key) as client:
        forged = {"sec-fetch-site": "cross-site"}
        assert client.post("/web/keys", data={"name": "n"}, headers=forged).status_code == 403
    assert logged(server, "foreign form refused")[0]["path"] == "/web/keys"


def test_a_limited_address_is_that_of_the_connection_and_logged(server: Server) -> None:
    with server.client() as client:
        for number in range(12):
            forged = {"x-forwarded-for": f"192.0.2.{number}", "x-api-key": "very-wrong-key"}
            answer = client.get("/api/actions", headers=forged)
    assert answer.status_code == 429
    assert logged(server, "wrong keys limited")[0]["address"] == "127.0.0.1"


def test_a_guessable_admin_key_is_warned_about_at_the_start(tmp_path_factory: Any) -> None:
    server = Server(tmp_path_factory.mktemp("weak") / "data", admin_key="a" * 16)
    server.start()
    server.stop()
    (line,) = lines(server, "admin key guessable")
    assert line["setting"] == "TOCSIN_ADMIN_KEY"

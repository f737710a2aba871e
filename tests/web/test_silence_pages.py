"""Silences on the pages: the form with its preview, the list, and the groups of the overview."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient

from support.serving import ADMIN_KEY

KEY = {"x-api-key": ADMIN_KEY}
FORM_TYPE = {"content-type": "application/x-www-form-urlencoded"}
Fields = list[tuple[str, str]]
WEEKLY = [
    ("alertId", "all"),
    ("repeats", "weekly"),
    ("recurs.weekdays", "sunday"),
    ("recurs.weekdays", "saturday"),
    ("recurs.from", "22:00"),
    ("recurs.to", "06:00"),
    ("recurs.timezone", "Europe/Berlin"),
    ("from", "2298-10-28T00:00:00Z"),
    ("reason", "weekly backup"),
    # The browser sends no hidden fields, but one without scripts sends all.
    ("length", "1h"),
    ("to", "2026-03-20T18:00:00Z"),
]


@pytest.fixture(scope="module")
def client(site: Callable[[], TestClient]) -> TestClient:
    """The pages of an installation with a critical and a minor alert that fire."""
    created = site()
    login = {"resourceType": "USER", "resourceId": "u", "action": "failed", "origin": "WEB"}
    created.post("/api/interactions/batch", json=[login] * 5, headers=KEY).raise_for_status()
    body = {"name": "Logins", "metricType": "COUNT", "resourceType": "USER"}
    metric = created.post("/api/interaction-metrics", json=body, headers=KEY).json()["metricId"]
    for title, severity in (("Minor", "info"), ("Bad", "critical")):
        definition = {"title": title, "metricId": metric, "operator": "gt", "threshold": 3}
        alert = {**definition, "severity": severity, "alertAction": "fired"}
        answer = created.post("/api/interaction-alerts", json=alert, headers=KEY)
        assert answer.status_code == 201, answer.text
    return created


def post(client: TestClient, page: str, fields: Fields) -> str:
    answer = client.post(page, content=urlencode(fields), headers=FORM_TYPE)
    if answer.status_code == 303:
        answer = client.get(answer.headers["location"])
    return html.unescape(answer.text)


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def problems(page: str) -> list[str]:
    return re.findall(r'class="problem"[^>]*>([^<]+)', page)


def stored(client: TestClient) -> list[dict[str, Any]]:
    silences: list[dict[str, Any]] = client.get("/api/silences", headers=KEY).json()
    return silences


def delete_all(client: TestClient) -> None:
    for silence in stored(client):
        client.delete(f"/api/silences/{silence['silenceId']}", headers=KEY).raise_for_status()


def test_the_preview_shows_the_next_windows_and_what_they_silence(client: TestClient) -> None:
    shown = text_of(post(client, "/web/silences/preview", WEEKLY))
    assert "Matches 2 of 2 alerts: Minor, Bad." in shown
    assert "2 of the groups that fire now are matched." in shown
    # The first night has an hour more.
    assert "Sat 2298-10-29 22:00 +0200 to Sun 2298-10-30 06:00 +0100" in shown
    assert shown.count("22:00 +") == 5
    critical = [("severities", "critical"), ("repeats", "once"), ("length", "1h")]
    assert "Matches 1 of 2 alerts: Bad." in text_of(post(client, "/web/silences/preview", critical))


def test_the_preview_of_an_empty_form_asks_for_what_is_missing(client: TestClient) -> None:
    shown = post(client, "/web/silences/preview", [("repeats", "weekly"), ("alertId", "all")])
    assert problems(shown) == []
    assert "Enter weekdays and a beginning and an end and a time zone to see" in text_of(shown)


def test_a_weekly_silence_is_created_shown_and_edited(client: TestClient) -> None:
    listed = text_of(post(client, "/web/silences/new", WEEKLY))
    assert "every alert" in listed
    assert "saturday, sunday 22:00 to 06:00 (Europe/Berlin)" in listed
    (silence,) = stored(client)
    assert (silence["matchAll"], silence["to"]) == (True, None)
    assert silence["recurs"]["weekdays"] == ["saturday", "sunday"]
    page = f"/web/silences/{silence['silenceId']}"
    form = client.get(page).text
    assert re.findall(r'value="(\w+day)" checked', form) == ["saturday", "sunday"]
    once = [("severities", "info"), ("repeats", "once"), ("to", "2299-01-01T00:00:00Z")]
    assert "info" in text_of(post(client, page, once))
    (silence,) = stored(client)
    assert (silence["recurs"], silence["matchAll"]) == (None, False)
    assert silence["severities"] == ["info"]
    delete_all(client)


def test_a_wrong_recurrence_is_shown_beside_its_fields(client: TestClient) -> None:
    fields = [pair for pair in WEEKLY if pair[0] not in ("recurs.timezone", "recurs.weekdays")]
    page = post(client, "/web/silences/new", [*fields, ("recurs.timezone", "Europe/Bonn")])
    shown = problems(page)
    assert "must have at least one day" in shown
    assert any("is not the IANA name" in each for each in shown)
    assert 'value="22:00"' in page
    assert stored(client) == []


def test_the_overview_shows_what_fires_how_severe_and_silenced(client: TestClient) -> None:
    silence = {"severities": ["info"], "to": "2299-01-01T00:00:00Z", "reason": "we know"}
    client.post("/api/silences", json=silence, headers=KEY).raise_for_status()
    page = client.get("/").text
    shown = text_of(page)
    assert "2 groups are firing 1 critical 1 info" in shown
    assert re.search(r"Bad 5 since \S+ \S+ UTC critical Minor 5 since", shown)
    assert re.search(r"info silenced until 2299-01-01 00:00:00 UTC", shown)
    assert 'title="we know"' in page
    delete_all(client)

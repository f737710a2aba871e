"""A calendar window on the pages: its form, its preview and its sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient

from support.metric_pages import posted
from support.serving import ADMIN_KEY
from tocsin.model.instant import format_instant

KEY = {"x-api-key": ADMIN_KEY}
FORM = {
    "name": "Orders today",
    "metricType": "COUNT",
    "timeWindow": "today",
    "timezone": "Asia/Kathmandu",
    "enabled": "on",
}


@pytest.fixture(scope="module")
def client(site: Callable[[], TestClient]) -> TestClient:
    created = site()
    order = {"resourceType": "ORDER", "resourceId": "1", "action": "PLACED", "origin": "WEB"}
    sent = {**order, "timestamp": format_instant(datetime.now(UTC))}
    assert created.post("/api/interactions", json=sent, headers=KEY).status_code == 201
    return created


def post(client: TestClient, page: str, **changes: str) -> str:
    return posted(client, page, {**FORM, **changes})


def test_the_preview_has_the_value_and_the_sentence(client: TestClient) -> None:
    page = post(client, "/web/metrics/preview")
    assert "The number of interactions today (Asia/Kathmandu)." in page
    assert re.search(r"data-preview-value>1</b>", page)


def test_the_preview_asks_for_a_missing_time_zone(client: TestClient) -> None:
    page = post(client, "/web/metrics/preview", timezone="")
    assert "a time zone" in page
    assert 'class="problem"' not in page


def test_the_preview_shows_the_problem_of_an_unknown_time_zone(client: TestClient) -> None:
    page = post(client, "/web/metrics/preview", timezone="Nepal")
    assert "is not the IANA name of a time zone, such as Europe/Berlin" in page


def test_the_time_zone_of_the_form_is_unused_with_a_sliding_window(client: TestClient) -> None:
    page = post(client, "/web/metrics/preview", timeWindow="5m", timezone="Nepal")
    assert "The number of interactions in the last 5 minutes." in page


def test_a_metric_is_created_edited_and_shown_with_its_window(client: TestClient) -> None:
    page = post(client, "/web/metrics/new")
    assert "The number of interactions today (Asia/Kathmandu)." in page
    assert "timezone: Asia/Kathmandu" in page
    (id,) = set(re.findall(r"/web/metrics/([0-9a-f-]{36})/edit", page))
    form = client.get(f"/web/metrics/{id}/edit").text
    assert 'name="timeWindow" value="today"' in form
    assert 'name="timezone" list="zones" value="Asia/Kathmandu"' in form
    page = post(client, f"/web/metrics/{id}/edit", timeWindow="lastMonth")
    assert "The number of interactions last month (Asia/Kathmandu)." in page


def test_the_form_offers_the_calendar_windows(client: TestClient) -> None:
    form = client.get("/web/metrics/new").text
    for period in ("today", "yesterday", "thisWeek", "lastWeek", "thisMonth", "lastMonth"):
        assert f'data-with="{period}"' in form

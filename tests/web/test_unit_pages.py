"""The units of metrics on the pages: the form, the preview, the lists and the alerts."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient

from support.serving import ADMIN_KEY
from tocsin.model.instant import format_instant

KEY = {"x-api-key": ADMIN_KEY}
FORM_TYPE = {"content-type": "application/x-www-form-urlencoded"}
RATE = {
    **{"name": "Logins", "metricType": "RATE", "timeWindow": "1h", "enabled": "on"},
    **{"action": "login", "rateUnit": "m", "unit": "logins/min"},
}


@pytest.fixture(scope="module")
def client(site: Callable[[], TestClient]) -> TestClient:
    """The pages of an installation with thirty logins."""
    created = site()
    at = format_instant(datetime.now(UTC) - timedelta(minutes=1))
    login = {"resourceType": "USER", "resourceId": "u", "action": "login", "origin": "WEB"}
    logins = [
        {**login, "timestamp": at, "interaction": {"country": country}}
        for country in ["ZA"] * 20 + ["US"] * 10
    ]
    batch = created.post("/api/interactions/batch", json=logins, headers=KEY)
    assert batch.json()["accepted"] == 30
    return created


def post(client: TestClient, page: str, form: dict[str, str], **changes: str) -> str:
    answer = client.post(page, content=urlencode({**form, **changes}), headers=FORM_TYPE)
    if answer.status_code == 303:
        answer = client.get(answer.headers["location"])
    return html.unescape(answer.text)


def metric(client: TestClient, **body: Any) -> str:
    definition = {"name": "m", "metricType": "COUNT", "action": "login", **body}
    created = client.post("/api/interaction-metrics", json=definition, headers=KEY)
    assert created.status_code == 201, created.text
    return str(created.json()["metricId"])


def text(client: TestClient, page: str) -> str:
    return html.unescape(client.get(page).text)


def test_the_preview_shows_the_unit_beside_the_value(client: TestClient) -> None:
    page = post(client, "/web/metrics/preview", RATE)
    assert re.search(r"data-preview-value>0.50</b> <span[^>]*>logins/min</span>", page)
    assert "The rate of interactions login in the last hour, per minute, in logins/min." in page
    without = post(client, "/web/metrics/preview", RATE, unit="", rateUnit="s")
    assert re.search(r"data-preview-value>0.008333</b> <span[^>]*>per second</span>", without)


def test_the_form_saves_both_units_and_shows_them_again(client: TestClient) -> None:
    page = post(client, "/web/metrics/new", RATE)
    assert "rateUnit: m\n" in page
    assert "unit: logins/min\n" in page
    address = re.search(r"/web/metrics/[0-9a-f-]{36}", page)
    assert address
    form = text(client, f"{address[0]}/edit")
    assert '<option value="m" selected>minute</option>' in form
    assert 'name="unit" value="logins/min"' in form
    assert "per second" in post(client, f"{address[0]}/edit", RATE, rateUnit="s")


def test_a_unit_of_another_aggregation_stays_unused_in_the_form(client: TestClient) -> None:
    page = post(client, "/web/metrics/preview", RATE, metricType="COUNT")
    assert "data-preview-value>30</b>" in page
    assert "problem" not in page


def test_an_invalid_unit_is_shown_at_its_field(client: TestClient) -> None:
    page = post(client, "/web/metrics/new", RATE, unit="seventeen letters", rateUnit="w")
    problems = re.findall(r'class="problem"[^>]*>([^<]+)', page)
    assert any("16 characters" in problem for problem in problems)
    assert any("'s', 'm', 'h' or 'd'" in problem for problem in problems)


def test_charts_and_lists_show_the_unit_of_groups(client: TestClient) -> None:
    id = metric(client, name="By country", unit="logins", groupBy=["interaction.country"])
    page = text(client, f"/web/metrics/{id}")
    chart = re.search(r'data-chart="([^"]*)"', client.get(f"/web/metrics/{id}").text)
    assert chart
    assert json.loads(html.unescape(chart[1]))["unit"] == "logins"
    assert "value, logins" in page
    client.post("/web/metrics/calculate-all")
    assert '<span class="quiet">logins</span>' in text(client, "/web/metrics")
    assert '<span class="quiet">logins</span>' in text(client, "/")


def test_the_pages_of_alerts_show_the_unit(client: TestClient) -> None:
    id = metric(client, name="All logins", unit="logins")
    alert = {
        **{"title": "Many", "metricId": id, "operator": "gt", "threshold": 20},
        **{"recoveryThreshold": 10, "alertAction": "fired"},
    }
    created = client.post("/api/interaction-alerts", json=alert, headers=KEY).json()
    sentence = "Fires when All logins > 20 logins; recovers past 10 logins."
    address = f"/web/alerts/{created['alertId']}"
    # Also discards the states that pages share for two seconds.
    assert client.post(f"{address}/evaluate").status_code in (200, 303)
    page = text(client, address)
    assert sentence in page
    assert "Value, logins" in page
    assert '<span class="number">30</span> <span class="quiet">logins</span>' in page
    assert sentence in text(client, "/web/alerts")
    assert '<b class="number">30</b><span class="quiet">logins</span>' in text(client, "/")
    assert "it > 20 logins" in text(client, f"/web/metrics/{id}")
    form = {"metricId": id, "operator": "gt", "threshold": "25", "interval": "1m"}
    assert "> 25 logins." in post(client, "/web/alerts/preview", form)

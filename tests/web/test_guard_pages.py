"""Guards on the pages of alerts: the form, its preview, and the sentences about an alert."""

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


@pytest.fixture(scope="module")
def client(site: Callable[[], TestClient]) -> TestClient:
    """The pages of an installation with five failed logins."""
    created = site()
    login = {"resourceType": "USER", "resourceId": "u", "action": "failed", "origin": "WEB"}
    batch = created.post("/api/interactions/batch", json=[login] * 5, headers=KEY)
    assert batch.json()["accepted"] == 5
    return created


@pytest.fixture(scope="module")
def failed(client: TestClient) -> str:
    return metric(client, "Failed logins", action="failed")


@pytest.fixture(scope="module")
def logins(client: TestClient) -> str:
    return metric(client, "Logins", unit="logins")


def metric(client: TestClient, name: str, **body: Any) -> str:
    definition = {"name": name, "metricType": "COUNT", "resourceType": "USER", **body}
    created = client.post("/api/interaction-metrics", json=definition, headers=KEY)
    assert created.status_code == 201, created.text
    return str(created.json()["metricId"])


def form(metric_id: str, *guards: tuple[str, str, str]) -> Fields:
    names = ("guardMetric", "guardOperator", "guardThreshold")
    return [
        *{
            "title": "Logins fail",
            "metricId": metric_id,
            "operator": "gt",
            "threshold": "3",
        }.items(),
        *{"alertAction": "fired", "interval": "1m", "enabled": "on"}.items(),
        *(pair for guard in guards for pair in zip(names, guard, strict=True)),
    ]


def post(client: TestClient, page: str, fields: Fields) -> str:
    answer = client.post(page, content=urlencode(fields), headers=FORM_TYPE)
    if answer.status_code == 303:
        answer = client.get(answer.headers["location"])
    return html.unescape(answer.text)


def problems(page: str) -> list[str]:
    return re.findall(r'class="problem"[^>]*>([^<]+)', page)


SENTENCE = "Fires when Failed logins > 3, only when Logins ≥ 5 logins and Logins < 90 logins."


def test_the_form_saves_the_guards_and_shows_them_again(
    client: TestClient, failed: str, logins: str
) -> None:
    guards = (logins, "gte", "5"), (logins, "lt", "90")
    page = post(client, "/web/alerts/new", form(failed, *guards))
    assert SENTENCE in page
    address = re.search(r"/web/alerts/[0-9a-f-]{36}", page)
    assert address
    client.post(f"{address[0]}/evaluate")
    assert SENTENCE in html.unescape(client.get("/web/alerts").text)
    of_guard = html.unescape(client.get(f"/web/metrics/{logins}").text)
    assert SENTENCE in of_guard, "the page of a guard's metric lists the alert"
    edited = client.get(f"{address[0]}/edit").text
    shown = edited[: edited.index("<template>")]
    assert shown.count('name="guardMetric"') == 2
    assert f'<option value="{logins}" selected>Logins</option>' in shown
    assert re.findall(r'name="guardThreshold" value="(\d+)"', shown) == ["5", "90"]
    assert "only when" not in post(client, f"{address[0]}/edit", form(failed))


def test_an_alert_keeps_its_guards_when_it_is_switched_off(
    client: TestClient, failed: str, logins: str
) -> None:
    page = post(client, "/web/alerts/new", form(failed, (logins, "gte", "5")))
    address = re.search(r"/web/alerts/([0-9a-f-]{36})", page)
    assert address
    client.post(f"{address[0]}/enabled", content="", headers=FORM_TYPE)
    alert = client.get(f"/api/interaction-alerts/{address[1]}", headers=KEY).json()
    assert alert["enabled"] is False
    assert [guard["metricId"] for guard in alert["onlyWhen"]] == [logins]


def test_the_page_of_an_alert_shows_the_guards_that_do_not_hold(
    client: TestClient, failed: str, logins: str
) -> None:
    guards = (logins, "gte", "5"), (logins, "gte", "1000")
    page = post(client, "/web/alerts/new", form(failed, *guards))
    assert page.count('<small class="hint">Logins: 5</small>') == 1


def test_the_preview_backtests_with_the_guards(
    client: TestClient, failed: str, logins: str
) -> None:
    def verdict(*guards: tuple[str, str, str]) -> str:
        page = post(client, "/web/alerts/preview", form(failed, *guards))
        shown = re.search(r"data-verdict>([^<]+)", page)
        assert shown, page
        return shown[1]

    assert verdict().startswith("Would have fired once")
    assert verdict((logins, "gte", "5")).startswith("Would have fired once")
    assert verdict((logins, "gte", "6")).startswith("Would not have fired")


def test_a_guard_that_is_incomplete_is_listed_as_missing(
    client: TestClient, failed: str, logins: str
) -> None:
    for guard in ((logins, "gte", ""), ("", "gte", "5")):
        page = post(client, "/web/alerts/preview", form(failed, guard))
        assert "the metric and the threshold of a guard" in page
        assert problems(page) == []
    assert "data-verdict" in post(client, "/web/alerts/preview", form(failed, ("", "gte", "")))


def test_a_problem_of_a_guard_is_shown_in_its_row(
    client: TestClient, failed: str, logins: str
) -> None:
    grouped = metric(client, "By user", groupBy=["userId"])
    page = post(
        client, "/web/alerts/new", form(failed, (logins, "gte", "many"), (grouped, "gte", "1"))
    )
    shown = problems(page)
    assert "must be a finite number" in shown
    assert any("is grouped by userId" in problem for problem in shown)

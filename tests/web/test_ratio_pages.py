"""A RATIO on the pages: its form, its preview, its rows with both sides, and its small chart."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient

from support.metric_pages import posted, problems
from support.serving import ADMIN_KEY
from tocsin.model.instant import format_instant
from tocsin.web.charts import small_line

KEY = {"x-api-key": ADMIN_KEY}
FORM = {
    "name": "Login failure rate",
    "metricType": "RATIO",
    "timeWindow": "1h",
    "numerator.metricType": "COUNT",
    "numerator.filterField": "interaction.ok",
    "numerator.filterOperator": "eq",
    "numerator.filterKind": "boolean",
    "numerator.filterValue": "false",
    "denominator.metricType": "COUNT",
    "denominator.action": "login",
    "scale": "100",
    "minimumDenominator": "5",
    "enabled": "on",
}


@pytest.fixture(scope="module")
def client(site: Callable[[], TestClient]) -> TestClient:
    """The pages of an installation with nine logins, of which seven failed."""
    created = site()
    at = datetime.now(UTC) - timedelta(minutes=1)
    logins = [
        {
            **{"resourceType": "USER", "resourceId": "u", "action": "login", "origin": "WEB"},
            "timestamp": format_instant(at),
            "interaction": {"ok": number >= 7, "country": "ZA"},
        }
        for number in range(9)
    ]
    batch = created.post("/api/interactions/batch", json=logins, headers=KEY)
    assert batch.json()["accepted"] == 9
    return created


def post(client: TestClient, page: str, **changes: str) -> str:
    return posted(client, page, {**FORM, **changes})


def test_the_preview_shows_the_sides_beside_the_value(client: TestClient) -> None:
    page = post(client, "/web/metrics/preview")
    assert re.search(r"data-preview-value>77.78</b> <span[^>]*>%</span>", page)
    assert "7 of 9" in page
    assert (
        "The ratio of the number of interactions where interaction.ok = false to the number of "
        "interactions login, in the last hour, in percent, where the denominator is at least 5."
    ) in page
    too_few = post(client, "/web/metrics/preview", minimumDenominator="10")
    assert "7 of 9" in too_few
    assert "data-preview-value>–</b>" in too_few


def test_a_preview_lists_the_missing_fields_of_the_sides(client: TestClient) -> None:
    page = post(client, "/web/metrics/preview", **{"denominator.metricType": "SUM"})
    assert "a field of the denominator" in page


def test_a_ratio_is_created_by_the_form_and_its_page_shows_the_sides(client: TestClient) -> None:
    page = post(client, "/web/metrics/new", name="created", groupBy="interaction.country")
    assert problems(page) == []
    row = re.search(r"<td>ZA</td><td[^>]*>(.*?)</td>", page)
    assert row
    assert re.sub(r"<[^>]*>", "", row[1]).split() == ["77.78", "7", "of", "9"]
    metrics = client.get("/api/interaction-metrics", headers=KEY).json()
    assert re.search(r">value, % <span", page)
    (metric,) = (metric for metric in metrics if metric["name"] == "created")
    assert (metric["scale"], metric["minimumDenominator"]) == (100, 5)
    assert metric["denominator"]["action"] == "login"
    assert 'title="7 of 9"' in client.get("/web/metrics").text


def test_a_rejected_form_keeps_all_that_was_entered_beside_each_problem(
    client: TestClient,
) -> None:
    page = post(
        client,
        "/web/metrics/new",
        **{"numerator.filterValue": "maybe", "minimumDenominator": "many"},
    )
    assert problems(page)[1:] == ["is not true or false", "must be a finite number"]
    assert "\nmaybe</textarea>" in page
    assert 'value="boolean" selected' in page
    assert 'name="minimumDenominator" value="many"' in page


def test_another_aggregation_ignores_the_sides_in_the_form(client: TestClient) -> None:
    page = post(client, "/web/metrics/new", name="a count", metricType="COUNT")
    assert problems(page) == []
    metrics = client.get("/api/interaction-metrics", headers=KEY).json()
    (metric,) = (metric for metric in metrics if metric["name"] == "a count")
    assert "numerator" not in metric


def test_a_small_chart_is_broken_where_there_is_no_value() -> None:
    line = small_line([None, 1, 2, None, 0, None])
    assert [run.count("L") for run in line.split("M")[1:]] == [1, 0]
    assert small_line([None, None]) == ""
    assert small_line([]) == ""

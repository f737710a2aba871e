"""A PERCENTILE and a LATEST on the pages: their form, their preview and their sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient

from support.metric_pages import posted, problems
from support.serving import ADMIN_KEY
from tocsin.model.instant import format_instant
from tocsin.web.formatting import ordinal

KEY = {"x-api-key": ADMIN_KEY}
FORM = {
    "name": "p95 of checkout time",
    "metricType": "PERCENTILE",
    "percentile": "95",
    "field": "interaction.ms",
    "timeWindow": "1h",
    "enabled": "on",
}


@pytest.fixture(scope="module")
def client(site: Callable[[], TestClient]) -> TestClient:
    """The pages of an installation with 20 checkouts of 1 to 20 ms, the slowest first."""
    created = site()
    now = datetime.now(UTC)
    checkouts = [
        {
            **{"resourceType": "CHECKOUT", "resourceId": "c", "action": "done", "origin": "WEB"},
            "timestamp": format_instant(now - timedelta(minutes=ms)),
            "interaction": {"ms": ms},
        }
        for ms in range(1, 21)
    ]
    batch = created.post("/api/interactions/batch", json=checkouts, headers=KEY)
    assert batch.json()["accepted"] == 20
    return created


def post(client: TestClient, page: str, **changes: str) -> str:
    return posted(client, page, {**FORM, **changes})


def test_the_preview_shows_the_percentile_and_its_sentence(client: TestClient) -> None:
    page = post(client, "/web/metrics/preview")
    assert re.search(r"data-preview-value>19</b>", page)
    assert "The 95th percentile of interaction.ms over interactions in the last hour." in page


def test_the_preview_shows_the_latest_number_and_its_sentence(client: TestClient) -> None:
    page = post(client, "/web/metrics/preview", metricType="LATEST")
    assert re.search(r"data-preview-value>1</b>", page)
    assert "The latest number of interaction.ms over interactions in the last hour." in page


def test_a_preview_waits_for_the_percentile(client: TestClient) -> None:
    page = post(client, "/web/metrics/preview", percentile="")
    assert "a percentile" in page
    assert "is required" not in page


def test_a_percentile_is_created_edited_and_shown_by_the_form(client: TestClient) -> None:
    page = post(client, "/web/metrics/new", name="created", percentile="99.9")
    assert problems(page) == []
    assert "99.9th percentile" in page
    metrics = client.get("/api/interaction-metrics", headers=KEY).json()
    (metric,) = (metric for metric in metrics if metric["name"] == "created")
    assert metric["percentile"] == 99.9
    edit = client.get(f"/web/metrics/{metric['metricId']}/edit").text
    assert 'name="percentile" value="99.9"' in edit


def test_a_rejected_percentile_is_kept_beside_its_problem(client: TestClient) -> None:
    page = post(client, "/web/metrics/new", percentile="101")
    assert problems(page)[1:] == ["must be a number greater than 0 and at most 100"]
    assert 'name="percentile" value="101"' in page


def test_another_aggregation_ignores_the_percentile_in_the_form(client: TestClient) -> None:
    page = post(client, "/web/metrics/new", name="a maximum", metricType="MAX")
    assert problems(page) == []


@pytest.mark.parametrize(
    ("percentile", "text"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (11, "11th"), (21, "21st"), (95, "95th"), (0.1, "0.1th")],
)
def test_a_percentile_is_an_ordinal(percentile: float, text: str) -> None:
    assert ordinal(percentile) == text

"""A comparison on the pages: its form, its preview, and its rows with both periods."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient

from support.metric_pages import posted, problems
from support.serving import ADMIN_KEY
from tocsin.model.instant import format_instant

KEY = {"x-api-key": ADMIN_KEY}
FORM = {
    "name": "Orders against yesterday",
    "metricType": "COUNT",
    "action": "order",
    "timeWindow": "1h",
    "compare.as": "percent",
    "compare.offset": "1d",
    "compare.minimumBase": "4",
    "enabled": "on",
}


@pytest.fixture(scope="module")
def client(site: Callable[[], TestClient]) -> TestClient:
    """The pages of an installation with six orders now, and five a day earlier."""
    created = site()
    now = datetime.now(UTC)
    orders = [
        {
            **{"resourceType": "SHOP", "resourceId": "s", "action": "order", "origin": "WEB"},
            "timestamp": format_instant(now - timedelta(days=days, minutes=number + 1)),
            "interaction": {"country": "ZA"},
        }
        for days, count in enumerate((6, 5))
        for number in range(count)
    ]
    batch = created.post("/api/interactions/batch", json=orders, headers=KEY)
    assert batch.json()["accepted"] == 11
    return created


def post(client: TestClient, page: str, **changes: str) -> str:
    return posted(client, page, {**FORM, **changes})


def created(client: TestClient, name: str) -> dict[str, object]:
    metrics = client.get("/api/interaction-metrics", headers=KEY).json()
    (metric,) = (metric for metric in metrics if metric["name"] == name)
    return dict(metric)


def test_the_preview_shows_both_periods_beside_the_change(client: TestClient) -> None:
    page = post(client, "/web/metrics/preview")
    assert re.search(r"data-preview-value>20</b> <span[^>]*>%</span>", page)
    assert "6 vs 5" in page
    assert (
        "The number of interactions order in the last hour, as the change from 1 day earlier in "
        "percent, where the base is at least 4."
    ) in page
    too_few = post(client, "/web/metrics/preview", **{"compare.minimumBase": "6"})
    assert "6 vs 5" in too_few
    assert "data-preview-value>–</b>" in too_few
    less = post(client, "/web/metrics/preview", **{"compare.as": "difference"})
    assert "data-preview-value>1</b>" in less
    assert "in the last hour, less its value 1 day earlier." in less


def test_a_preview_lists_a_missing_offset(client: TestClient) -> None:
    page = post(client, "/web/metrics/preview", **{"compare.offset": ""})
    assert "the time to compare with" in page


def test_a_comparison_is_created_by_the_form_and_its_page_shows_both_periods(
    client: TestClient,
) -> None:
    page = post(client, "/web/metrics/new", name="created", groupBy="interaction.country")
    assert problems(page) == []
    row = re.search(r"<td>ZA</td><td[^>]*>(.*?)</td>", page)
    assert row
    assert re.sub(r"<[^>]*>", "", row[1]).split() == ["20", "6", "vs", "5"]
    metric = created(client, "created")
    assert metric["compare"] == {"offset": "1d", "as": "percent", "minimumBase": 4}
    assert 'title="6 vs 5"' in client.get("/web/metrics").text
    form = client.get(f"/web/metrics/{metric['metricId']}/edit").text
    assert '<option value="percent" selected' in form
    assert 'name="compare.offset" value="1d"' in form
    assert 'name="compare.minimumBase" value="4"' in form
    assert "compare:" in page
    assert 'offset: "1d"' in page


def test_a_rejected_form_keeps_the_comparison_that_was_entered(client: TestClient) -> None:
    page = post(
        client,
        "/web/metrics/new",
        **{"compare.offset": "soon", "compare.minimumBase": "-3", "timeWindow": ""},
    )
    assert problems(page)[1:] == [
        "is required for compare, such as 5m, 24h or 7d",
        "is not a comparison offset: write a whole number and m, h or d, such as 7d",
        "must be at least 0: it is held against the magnitude of the base",
    ]
    assert 'name="compare.offset" value="soon"' in page
    assert 'name="compare.minimumBase" value="-3"' in page


def test_without_a_choice_there_is_no_comparison(client: TestClient) -> None:
    page = post(client, "/web/metrics/new", name="plain", **{"compare.as": ""})
    assert problems(page) == []
    assert "compare" not in created(client, "plain")


def test_a_difference_ignores_the_minimum_in_the_form(client: TestClient) -> None:
    page = post(client, "/web/metrics/new", name="less", **{"compare.as": "difference"})
    assert problems(page) == []
    assert created(client, "less")["compare"] == {"offset": "1d", "as": "difference"}


def test_a_new_metric_has_no_comparison(client: TestClient) -> None:
    page = client.get("/web/metrics/new").text
    assert '<option value="">no comparison' in page
    assert 'name="compare.offset" value=""' in page
    assert 'name="compare.minimumBase" value=""' in page

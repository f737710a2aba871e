"""A page that shows a part of a list states the size of the whole list."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from support.serving import ADMIN_KEY

KEY = {"x-api-key": ADMIN_KEY}
GROUPS = 12_000
UNIT = str(uuid4())


@pytest.fixture(scope="module")
def client(site: Callable[[], TestClient]) -> TestClient:
    """The pages, with an interaction in each of 12,000 groups and 250 in one unit of work."""
    client = site()
    for start in range(0, GROUPS, 6_000):
        record(client, [{"group": f"g{number}"} for number in range(start, start + 6_000)])
    record(client, [{}] * 250, action="UNIT", uowId=UNIT)
    return client


def record(client: TestClient, payloads: list[dict[str, Any]], **more: str) -> None:
    common = {"resourceType": "T", "resourceId": "r", "action": "A", "origin": "O", **more}
    batch = [{**common, "interaction": payload} for payload in payloads]
    answer = client.post("/api/interactions/batch", json=batch, headers=KEY)
    assert answer.json()["accepted"] == len(batch)


def metric(client: TestClient, **more: Any) -> str:
    spec = {"name": "m", "metricType": "COUNT", "action": "A", "groupBy": ["interaction.group"]}
    response = client.post("/api/interaction-metrics", json={**spec, **more}, headers=KEY)
    return str(response.json()["metricId"])


def text_of(client: TestClient, path: str) -> str:
    """The visible text of a page, with single blanks."""
    return " ".join(re.sub(r"<[^>]*>", " ", client.get(path).text).split())


def test_a_table_above_its_limit_states_which_groups_it_lists(client: TestClient) -> None:
    shown = text_of(client, f"/web/metrics/{metric(client)}")
    assert "The chart shows the 10 greatest of 12,000 groups at its last point" in shown
    assert "the table below lists the first 10,000 of 12,000 current groups" in shown
    assert "1–50 of 10,000 listed groups" in shown
    assert "The list has only the 10,000 greatest of 12,000 groups, in any order" in shown
    assert "the downloads have all of them" in shown


def test_a_table_below_its_limit_lists_all(client: TestClient) -> None:
    few = [{"field": "interaction.group", "operator": "starts_with", "value": "g11"}]
    shown = text_of(client, f"/web/metrics/{metric(client, filters=few)}")
    assert "the table below lists all 1,111 current groups" in shown
    assert "1–50 of 1,111 groups" in shown
    assert "The list has only" not in shown


def test_downloads_hold_every_group(client: TestClient) -> None:
    page = f"/web/metrics/{metric(client)}"
    assert len(client.get(f"{page}/rows.csv").text.splitlines()) == GROUPS + 1
    download = client.get(f"{page}/rows.json").json()
    assert len(download["results"]) == GROUPS
    assert "truncated" not in download


def test_a_long_unit_of_work_is_marked_as_cut(client: TestClient) -> None:
    listed = client.get(f"/api/interactions?uowId={UNIT}&limit=1", headers=KEY).json()
    shown = text_of(client, f"/web/interactions/{listed['interactions'][0]['interactionId']}")
    assert "The latest 200 of its interactions. Show all" in shown


def test_a_preview_states_that_it_draws_the_greatest_groups(client: TestClient) -> None:
    form = {"metricType": "COUNT", "action": "A", "groupBy": "interaction.group"}
    shown = client.post("/web/metrics/preview", data=form).text
    assert "The first 10 of 12,000 groups." in shown
    assert "The chart shows the 10 greatest of 12,000 groups at its last point." in shown


def test_the_overview_counts_enabled_alerts(client: TestClient) -> None:
    quiet = metric(client, action="UNIT", groupBy=[])
    for enabled in (True, False, False):
        spec = {"title": "t", "metricId": quiet, "operator": "gt", "threshold": 1_000}
        alert = {**spec, "alertAction": "fired", "enabled": enabled}
        response = client.post("/api/interaction-alerts", json=alert, headers=KEY)
        assert response.status_code == 201
    # The pages keep the states of alerts for some seconds, unless one is evaluated.
    assert client.post("/web/alerts/evaluate-all").status_code == 303
    assert "All quiet: no group is firing. 1 alert is enabled." in text_of(client, "/")

"""A page that does not show all of something says so, and how much there is."""

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
    said = {"resourceType": "T", "resourceId": "r", "action": "A", "origin": "O", **more}
    batch = [{**said, "interaction": payload} for payload in payloads]
    answer = client.post("/api/interactions/batch", json=batch, headers=KEY)
    assert answer.json()["accepted"] == len(batch)


def metric(client: TestClient, **more: Any) -> str:
    said = {"name": "m", "metricType": "COUNT", "action": "A", "groupBy": ["interaction.group"]}
    made = client.post("/api/interaction-metrics", json={**said, **more}, headers=KEY)
    return str(made.json()["metricId"])


def words(client: TestClient, path: str) -> str:
    """What a reader sees of a page, blanks joined."""
    return " ".join(re.sub(r"<[^>]*>", " ", client.get(path).text).split())


def test_a_table_above_its_limit_says_which_groups_it_lists(client: TestClient) -> None:
    shown = words(client, f"/web/metrics/{metric(client)}")
    assert "The 10 greatest of 12,000 groups at the last point are drawn" in shown
    assert "the table below lists the first 10,000 of the 12,000 that there are now" in shown
    assert "1–50 of 10,000 listed groups" in shown
    assert "Only the 10,000 greatest of 12,000 groups are listed, however they are sorted" in shown
    assert "the downloads hold all of them" in shown


def test_a_table_below_its_limit_lists_all(client: TestClient) -> None:
    few = [{"field": "interaction.group", "operator": "starts_with", "value": "g11"}]
    shown = words(client, f"/web/metrics/{metric(client, filters=few)}")
    assert "the table below lists the 1,111 that there are now" in shown
    assert "1–50 of 1,111 groups" in shown
    assert "Only the" not in shown


def test_downloads_hold_every_group(client: TestClient) -> None:
    page = f"/web/metrics/{metric(client)}"
    assert len(client.get(f"{page}/rows.csv").text.splitlines()) == GROUPS + 1
    found = client.get(f"{page}/rows.json").json()
    assert len(found["results"]) == GROUPS
    assert "truncated" not in found


def test_a_long_unit_of_work_says_that_it_is_cut(client: TestClient) -> None:
    found = client.get(f"/api/interactions?uowId={UNIT}&limit=1", headers=KEY).json()
    shown = words(client, f"/web/interactions/{found['interactions'][0]['interactionId']}")
    assert "The latest 200 of its interactions; all of them ." in shown


def test_a_preview_says_that_it_draws_the_greatest_groups(client: TestClient) -> None:
    said = {"metricType": "COUNT", "action": "A", "groupBy": "interaction.group"}
    shown = client.post("/web/metrics/preview", data=said).text
    assert "The first 10 of 12,000 groups." in shown
    assert "The 10 greatest of 12,000 groups at the last point are drawn." in shown


def test_the_overview_counts_alerts_that_watch(client: TestClient) -> None:
    quiet = metric(client, action="UNIT", groupBy=[])
    for enabled in (True, False, False):
        said = {"title": "t", "metricId": quiet, "operator": "gt", "threshold": 1_000}
        alert = {**said, "alertAction": "fired", "enabled": enabled}
        made = client.post("/api/interaction-alerts", json=alert, headers=KEY)
        assert made.status_code == 201
    # Pages share what they know of alerts for some seconds, unless one of them is evaluated.
    assert client.post("/web/alerts/evaluate-all").status_code == 303
    assert "All quiet: 1 alert watches" in words(client, "/")

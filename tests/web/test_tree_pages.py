"""Filter trees on the pages: an outline of groups in the form, a sentence in words."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient

from support.form_filling import filled, sent
from support.serving import ADMIN_KEY

KEY = {"x-api-key": ADMIN_KEY}
FORM = {"content-type": "application/x-www-form-urlencoded"}
NAMES = ("filterLevel", "filterField", "filterOperator", "filterKind", "filterValue")
ROWS = (
    ("0", "", "any", "text", ""),
    ("1", "interaction.country", "matches", "text", "^Z"),
    ("1", "", "not", "text", ""),
    ("2", "interaction.total", "gt", "number", "5"),
    ("2", "interaction.total", "eq", "null", ""),
)
TREE = {
    "any": [
        {"field": "interaction.country", "operator": "matches", "value": "^Z"},
        {
            "not": {
                "any": [
                    {"field": "interaction.total", "operator": "gt", "value": 5},
                    {"field": "interaction.total", "operator": "eq", "value": None},
                ]
            }
        },
    ]
}
SENTENCE = (
    "where (interaction.country matches ^Z or not "
    "(interaction.total > 5 or interaction.total = null))"
)


@pytest.fixture(scope="module")
def client(site: Callable[[], TestClient]) -> TestClient:
    """The pages of an installation with four orders, of which three match the tree."""
    created = site()
    orders = [
        {"resourceType": "ORDER", "resourceId": "o", "action": "buy", "origin": "WEB"} | payload
        for payload in (
            {"interaction": {"country": "ZA", "total": 9}},
            {"interaction": {"country": "DE", "total": 5}},
            {"interaction": {"total": 1}},
            {"interaction": {"country": "DE"}},
        )
    ]
    batch = created.post("/api/interactions/batch", json=orders, headers=KEY)
    assert batch.json()["accepted"] == 4
    return created


def post(client: TestClient, page: str, *rows: tuple[str, ...], name: str = "Orders") -> str:
    pairs = [("name", name), ("metricType", "COUNT"), ("enabled", "on")]
    pairs += [pair for row in rows for pair in zip(NAMES, row, strict=True)]
    answer = client.post(page, content=urlencode(pairs), headers=FORM)
    if answer.status_code == 303:
        answer = client.get(answer.headers["location"])
    return html.unescape(answer.text)


def test_the_preview_calculates_an_outline(client: TestClient) -> None:
    page = post(client, "/web/metrics/preview", *ROWS)
    assert "data-preview-value>3</b>" in page
    assert SENTENCE in page


def test_a_metric_of_an_outline_is_the_tree_of_the_api_and_back(client: TestClient) -> None:
    page = post(client, "/web/metrics/new", *ROWS, name="Outline")
    assert SENTENCE in page
    metrics = client.get("/api/interaction-metrics", headers=KEY).json()
    (metric,) = (each for each in metrics if each["name"] == "Outline")
    assert metric["filters"] == [TREE]
    edit = f"/web/metrics/{metric['metricId']}/edit"
    form = filled(client.get(edit).text)
    rows = list(zip(*([v for name, v in form if name == each] for each in NAMES), strict=True))
    assert rows == list(ROWS)
    assert client.post(edit, content=sent(form), headers=FORM).status_code == 303
    address = f"/api/interaction-metrics/{metric['metricId']}"
    assert client.get(address, headers=KEY).json()["filters"] == [TREE]


def test_a_problem_is_shown_beside_its_row(client: TestClient) -> None:
    rows = (*ROWS[:1], ("1", "interaction.country", "matches", "text", "("), *ROWS[2:])
    page = post(client, "/web/metrics/new", *rows)
    problem = r'value="interaction.country"[^§]*?class="problem">([^<]+)<'
    assert re.findall(problem, page) == ["is not a regular expression of RE2: missing ): ("]


def test_a_group_without_conditions_is_rejected(client: TestClient) -> None:
    page = post(client, "/web/metrics/new", ("0", "", "all", "text", ""))
    assert "must have 1 to 50 elements, not 0" in page


def test_a_search_for_interactions_takes_an_outline(client: TestClient) -> None:
    query = urlencode([pair for row in ROWS for pair in zip(NAMES, row, strict=True)])
    page = client.get(f"/web/interactions?{query}").text
    assert page.count('href="/web/interactions/') == 3
    counting = re.search(r'href="(/web/metrics/new\?[^"]+)"', page)
    assert counting
    form = filled(client.get(html.unescape(counting[1])).text)
    rows = list(zip(*([v for name, v in form if name == each] for each in NAMES), strict=True))
    assert rows == list(ROWS)

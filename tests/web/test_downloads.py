"""The rows of a metric as a file: no cell is a formula, and different groups differ."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from pyarrow import parquet

from support.serving import ADMIN_KEY

KEY = {"x-api-key": ADMIN_KEY}
CELLS: dict[str | None, str] = {
    None: "",
    "": "'",
    "ZA": "ZA",
    "null": "null",
    "'s-Hertogenbosch": "'s-Hertogenbosch",
    "'": "''",
    "'=1": "''=1",
    **{f"{sign}1+1": f"'{sign}1+1" for sign in "=+-@＝＋－＠\t\r\n\0"},
    "a=1": "a=1",
    "a\r\nb": "a\r\nb",
    '"': '"',
    '""': '""',
}


@pytest.fixture(scope="module")
def grouped(site: Callable[[], TestClient]) -> tuple[TestClient, str]:
    """The pages, and the address of a metric with a group for each text."""
    client = site()
    interactions = [
        {
            **{"resourceType": "T", "resourceId": "r", "action": "A", "origin": "O"},
            "interaction": {} if text is None else {"text": text},
        }
        for text in CELLS
    ]
    batch = client.post("/api/interactions/batch", json=interactions, headers=KEY)
    assert batch.json()["accepted"] == len(CELLS)
    spec = {"name": "m", "metricType": "COUNT", "groupBy": ["interaction.text"]}
    metric = client.post("/api/interaction-metrics", json=spec, headers=KEY).json()["metricId"]
    return client, f"/web/metrics/{metric}"


def test_a_table_marks_formulas_and_distinguishes_null_from_an_empty_text(
    grouped: tuple[TestClient, str],
) -> None:
    client, page = grouped
    text = client.get(f"{page}/rows.csv").content.decode()
    head, *rows = csv.reader(io.StringIO(text, newline=""))
    assert head == ["interaction_text", "value"]
    assert sorted(cell for cell, _ in rows) == sorted(CELLS.values())
    assert len(set(CELLS.values())) == len(CELLS)


def test_the_page_distinguishes_null_from_an_empty_text_and_explains_the_file(
    grouped: tuple[TestClient, str],
) -> None:
    client, page = grouped
    text = client.get(page).text
    assert "<td>–</td>" in text
    assert "<td>&#34;&#34;</td>" in text
    assert "an empty cell is a missing value" in text


def test_json_has_the_texts_unchanged(grouped: tuple[TestClient, str]) -> None:
    client, page = grouped
    results = client.get(f"{page}/rows.json").json()["results"]
    texts = [row["dimensions"]["interaction_text"] for row in results]
    assert sorted(map(repr, texts)) == sorted(map(repr, CELLS))


def test_the_table_of_a_ratio_has_a_column_for_each_side(
    grouped: tuple[TestClient, str],
) -> None:
    client, _ = grouped
    count = {"metricType": "COUNT"}
    is_za = {"field": "interaction.text", "operator": "eq", "value": "ZA"}
    spec = {
        **{"name": "r", "metricType": "RATIO", "groupBy": ["interaction.text"]},
        "numerator": {**count, "filters": [is_za]},
        "denominator": {**count, "filters": [{**is_za, "value": "never"}]},
    }
    metric = client.post("/api/interaction-metrics", json=spec, headers=KEY).json()["metricId"]
    text = client.get(f"/web/metrics/{metric}/rows.csv").content.decode()
    rows = list(csv.reader(io.StringIO(text, newline="")))
    stored = parquet.read_table(
        io.BytesIO(client.get(f"/web/metrics/{metric}/rows.parquet").content)
    )
    assert stored.column_names == rows[0]
    assert rows == [["interaction_text", "value", "numerator", "denominator"], ["ZA", "", "1", "0"]]

"""The rows of a metric as CSV, NDJSON and Parquet, and a series as flat rows."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from pyarrow import parquet

from tocsin.model.instant import format_instant

PATH = "/api/interaction-metrics"
AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)
HUGE = 2**53 + 1
ROWS: list[dict[str, Any]] = [
    *({"text": "ZA", "n": 0.5, "ok": number > 0} for number in range(3)),
    {"text": "=1+1", "n": HUGE, "ok": True},
    {"text": "", "n": -4, "ok": False},
    {"text": 'a "b",\nc', "n": 1, "ok": True},
    {"n": 2, "ok": True},
]
FAILED = {"field": "interaction.ok", "operator": "eq", "value": False}
CSV, NDJSON = "text/csv", "application/x-ndjson"
PARQUET = "application/vnd.apache.parquet"


@pytest.fixture(scope="module", autouse=True)
def _interactions(api: TestClient) -> None:
    rows = [
        {
            "resourceId": "1",
            "resourceType": "ROWS",
            "action": "read",
            "origin": "TEST",
            "interaction": payload,
            "timestamp": format_instant(AT - timedelta(minutes=number)),
        }
        for number, payload in enumerate(ROWS)
    ]
    assert api.post("/api/interactions/batch", json=rows).status_code == 201


def metric(api: TestClient, **members: Any) -> str:
    body = {"name": "rows", "metricType": "COUNT", "resourceType": "ROWS"}
    answer = api.post(PATH, json={**body, "groupBy": ["interaction.text"], **members})
    assert answer.status_code == 201, answer.text
    return f"{PATH}/{answer.json()['metricId']}"


def ratio(api: TestClient) -> str:
    sides = {"numerator": {"metricType": "COUNT", "filters": [FAILED]}}
    return metric(api, metricType="RATIO", **sides, denominator={"metricType": "COUNT"}, scale=100)


def rows(api: TestClient, address: str, **parameters: Any) -> list[dict[str, Any]]:
    """The rows in each of the formats, which are the same; those of NDJSON are returned."""
    answers = {
        name: api.get(
            f"{address}/rows", params={"format": name, "at": format_instant(AT)} | parameters
        )
        for name in ("csv", "ndjson", "parquet")
    }
    assert {answer.status_code for answer in answers.values()} == {200}
    lines = [json.loads(line) for line in answers["ndjson"].text.splitlines()]
    head, *cells = csv.reader(io.StringIO(answers["csv"].text, newline=""))
    assert all(head == [*line] for line in lines)
    texts = [["" if value is None else value for value in line.values()] for line in lines]
    assert [list(map(unmarked, row)) for row in cells] == [[*map(str, row)] for row in texts]
    table = parquet.read_table(io.BytesIO(answers["parquet"].content))
    assert table.column_names == head
    for line, row in zip(lines, table.to_pylist(), strict=True):
        assert row == {
            name: float(value) if isinstance(row[name], float) else value
            for name, value in line.items()
        }
    return lines


def unmarked(cell: str) -> str:
    return cell.removeprefix("'")


def test_the_rows_are_those_of_calculate(api: TestClient) -> None:
    address = metric(api)
    answer = api.post(f"{address}/calculate", params={"at": format_instant(AT)}).json()
    assert rows(api, address) == [
        {**row["dimensions"], "value": row["value"]} for row in answer["results"]
    ]
    assert rows(api, metric(api, groupBy=[])) == [{"value": len(ROWS)}]
    absent = rows(api, metric(api, metricType="AVG", field="interaction.absent"))
    assert {row["interaction_text"] for row in absent} == {row.get("text") for row in ROWS}
    assert all(row["value"] is None for row in absent)


def test_a_ratio_has_its_sides(api: TestClient) -> None:
    address = ratio(api)
    by_text = {row["interaction_text"]: row for row in rows(api, address)}
    assert by_text["ZA"] == {
        "interaction_text": "ZA",
        "value": 33.3333333333333,
        "numerator": 1,
        "denominator": 3,
    }
    content = api.get(f"{address}/rows?format=parquet").content
    types = dict(zip(*_types(content), strict=True))
    assert types == {
        "interaction_text": pa.string(),
        "value": pa.float64(),
        "numerator": pa.int64(),
        "denominator": pa.int64(),
    }


def _types(content: bytes) -> tuple[list[str], list[Any]]:
    schema = parquet.read_schema(io.BytesIO(content))
    return schema.names, schema.types


def test_the_types_in_parquet_do_not_depend_on_the_values(api: TestClient) -> None:
    for aggregation, expected in (("SUM", pa.float64()), ("DISTINCT_COUNT", pa.int64())):
        address = metric(api, metricType=aggregation, field="interaction.n")
        for at in (AT, AT - timedelta(days=9)):
            parameters = {"format": "parquet", "at": format_instant(at)}
            content = api.get(f"{address}/rows", params=parameters).content
            assert _types(content) == (["interaction_text", "value"], [pa.string(), expected])


def test_a_parquet_file_describes_itself(api: TestClient) -> None:
    address = metric(api, metricType="RATE", timeWindow="1h")
    parameters = {"format": "parquet", "at": format_instant(AT)}
    content = api.get(f"{address}/rows", params=parameters).content
    metadata = parquet.read_schema(io.BytesIO(content)).metadata
    assert metadata[b"tocsin.metricName"] == b"rows"
    assert metadata[b"tocsin.calculatedAt"] == format_instant(AT).encode()
    assert metadata[b"tocsin.unit"] == b"per hour"


def test_formulas_are_marked_in_csv(api: TestClient) -> None:
    text = api.get(f"{metric(api)}/rows?format=csv").text
    assert "'=1+1,1" in text
    assert "\r\n',1" in text
    negative = api.get(
        f"{metric(api, metricType='MIN', field='interaction.n')}/rows?format=csv"
    ).text
    assert "',-4" in negative


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, CSV),
        ("*/*", CSV),
        ("text/html, application/xhtml+xml, */*;q=0.8", CSV),
        ("text/csv", CSV),
        ("text/*", CSV),
        (NDJSON, NDJSON),
        ("application/*", NDJSON),
        (PARQUET, PARQUET),
        (f"{PARQUET}, {NDJSON};q=0.5", PARQUET),
        (f"{NDJSON};q=0.4, {PARQUET} ; q=0.5", PARQUET),
        (f"*/*, {CSV};q=0", NDJSON),
        ("Application/X-NDJSON", NDJSON),
    ],
)
def test_the_header_accept_chooses_the_format(
    api: TestClient, accept: str | None, media: str
) -> None:
    headers = {} if accept is None else {"accept": accept}
    answer = api.get(f"{metric(api)}/rows", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == media
    assert answer.headers["vary"] == "Accept"


@pytest.mark.parametrize("accept", ["application/json", "text/csv;q=0", "x", "text/csv;q=x", ";;,"])
def test_other_media_types_are_not_acceptable(api: TestClient, accept: str) -> None:
    answer = api.get(f"{metric(api)}/rows", headers={"accept": accept})
    assert answer.status_code == 406
    assert "text/csv" in answer.json()["detail"]


def test_the_parameter_format_precedes_the_header(api: TestClient) -> None:
    address = f"{metric(api)}/rows"
    answer = api.get(f"{address}?format=csv", headers={"accept": "application/json"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    refused = api.get(f"{address}?format=xlsx")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "format"


def test_rows_that_are_cut_are_announced(api: TestClient) -> None:
    address = metric(api)
    cut = api.get(f"{address}/rows?format=ndjson&limit=2")
    assert cut.headers["x-truncated"] == "true"
    assert len(cut.text.splitlines()) == 2
    assert "x-truncated" not in api.get(f"{address}/rows").headers
    assert api.get(f"{address}/rows?limit=0").status_code == 422


def test_a_metric_that_does_not_exist_has_no_rows(api: TestClient) -> None:
    missing = f"{PATH}/00000000-0000-4000-8000-000000000000/rows"
    assert api.get(missing).status_code == 404
    assert api.get(f"{PATH}/x/rows").status_code == 404


SPAN = {"from": "2026-03-20T14:00:00Z", "to": "2026-03-20T14:30:00Z", "step": "10m"}


def test_a_series_is_flat_with_format_rows(api: TestClient) -> None:
    address = f"{metric(api)}/series"
    series = api.post(address, json=SPAN).json()["series"]
    flat = api.post(f"{address}?format=rows", json=SPAN).json()
    assert flat == [
        {"time": line["points"][point]["at"], **line["dimensions"], "value": value["value"]}
        for point in range(3)
        for line in series
        for value in [line["points"][point]]
    ]
    assert [row["time"] for row in flat] == sorted(row["time"] for row in flat)


def test_a_flat_series_is_available_in_all_formats(api: TestClient) -> None:
    address = f"{ratio(api)}/series"
    expected = api.post(f"{address}?format=rows", json=SPAN).json()
    lines = api.post(f"{address}?format=ndjson", json=SPAN).text.splitlines()
    assert [json.loads(line) for line in lines] == expected
    text = api.post(f"{address}?format=csv", json=SPAN).text
    head, *cells = csv.reader(io.StringIO(text, newline=""))
    assert head == ["time", "interaction_text", "value"]
    assert [row[0] for row in cells] == [row["time"] for row in expected]
    table = parquet.read_table(io.BytesIO(api.post(f"{address}?format=parquet", json=SPAN).content))
    assert table.schema.types == [pa.timestamp("ms", tz="UTC"), pa.string(), pa.float64()]
    assert [format_instant(row["time"]) for row in table.to_pylist()] == [
        row["time"] for row in expected
    ]


def test_a_flat_series_without_groups_has_time_and_value(api: TestClient) -> None:
    address = f"{metric(api, groupBy=[])}/series"
    flat = api.post(f"{address}?format=rows", json=SPAN).json()
    assert [[*row] for row in flat] == [["time", "value"]] * 3
    assert api.post(f"{address}?format=lines", json=SPAN).status_code == 422


def test_a_flat_series_by_local_days_has_the_midnights_of_the_zone(api: TestClient) -> None:
    """Clocks went forward in Berlin on March 29, 2026, which therefore had 23 hours."""
    address = f"{metric(api, groupBy=[])}/series"
    span = {"from": "2026-03-20T00:00:00Z", "to": "2026-03-31T00:00:00Z", "step": "1d"}
    body = {**span, "timezone": "Europe/Berlin"}
    (line,) = api.post(address, json=body).json()["series"]
    flat = api.post(f"{address}?format=rows", json=body).json()
    assert flat == [{"time": point["at"], "value": point["value"]} for point in line["points"]]
    assert flat[0] == {"time": "2026-03-20T23:00:00.000Z", "value": len(ROWS)}
    assert [row["time"][8:13] for row in flat[-3:]] == ["28T23", "29T22", "30T22"]
    table = parquet.read_table(io.BytesIO(api.post(f"{address}?format=parquet", json=body).content))
    assert [format_instant(row["time"]) for row in table.to_pylist()] == [
        row["time"] for row in flat
    ]

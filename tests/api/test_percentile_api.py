"""A PERCENTILE and a LATEST over HTTP: their definitions, and their values in every route that
calculates."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tocsin.model.instant import format_instant

PATH = "/api/interaction-metrics"
AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)
PERCENTILE: dict[str, Any] = {
    "name": "p95 of checkout time",
    "metricType": "PERCENTILE",
    "percentile": 95,
    "resourceType": "CHECKOUT",
    "field": "interaction.ms",
    "timeWindow": "1h",
    "groupBy": ["interaction.country"],
}
LATEST: dict[str, Any] = {
    "name": "latest checkout time",
    "metricType": "LATEST",
    "resourceType": "CHECKOUT",
    "field": "interaction.ms",
    "timeWindow": "1h",
}
ROWS: list[dict[str, Any]] = [
    {"value": 19, "dimensions": {"interaction_country": "ZA"}},
    {"value": 2.5, "dimensions": {"interaction_country": "US"}},
    {"value": None, "dimensions": {"interaction_country": "NZ"}},
]


@pytest.fixture(scope="module")
def metrics(api: TestClient) -> list[dict[str, Any]]:
    """The percentile and the latest number of 20 checkouts from ZA, one from US and one from NZ
    without a number."""
    times = [("ZA", ms) for ms in range(1, 21)] + [("US", 2.5), ("NZ", "slow")]
    rows = [
        {
            **{"resourceId": "1", "resourceType": "CHECKOUT", "action": "DONE", "origin": "WEB"},
            "interaction": {"country": country, "ms": ms},
            "timestamp": format_instant(AT - timedelta(minutes=number)),
        }
        for number, (country, ms) in enumerate(times)
    ]
    assert api.post("/api/interactions/batch", json=rows).status_code == 201
    answers = [api.post(PATH, json=body) for body in (PERCENTILE, LATEST)]
    assert [answer.status_code for answer in answers] == [201, 201]
    return [answer.json() for answer in answers]


def calculated(api: TestClient, path: str, **options: Any) -> dict[str, Any]:
    answer = api.post(f"{PATH}/{path}", params={"at": format_instant(AT)}, **options)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_only_a_percentile_answers_its_percentile(
    api: TestClient, metrics: list[dict[str, Any]]
) -> None:
    percentile, latest = metrics
    assert percentile["percentile"] == 95
    assert "percentile" not in latest
    stored = {member: value for member, value in percentile.items() if member != "warnings"}
    assert api.get(f"{PATH}/{percentile['metricId']}").json() == stored


def test_an_answer_of_the_api_can_be_put_back(
    api: TestClient, metrics: list[dict[str, Any]]
) -> None:
    for metric in metrics:
        answered = ("metricId", "createdDate", "modifiedDate", "warnings")
        body = {member: value for member, value in metric.items() if member not in answered}
        answer = api.put(f"{PATH}/{metric['metricId']}", json=body)
        assert answer.status_code == 200, answer.text
        assert {**answer.json(), "modifiedDate": metric["modifiedDate"]} == metric


def test_the_percentile_can_be_patched(api: TestClient) -> None:
    metric = api.post(PATH, json={**PERCENTILE, "enabled": False}).json()
    address = f"{PATH}/{metric['metricId']}"
    assert api.patch(address, json={"percentile": 99.9}).json()["percentile"] == 99.9
    answer = api.patch(address, json={"metricType": "MAX"})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["percentile"]
    answer = api.patch(address, json={"metricType": "MAX", "percentile": None})
    assert answer.json()["metricType"] == "MAX"
    assert "percentile" not in answer.json()


def test_every_route_that_calculates_has_the_same_rows(
    api: TestClient, metrics: list[dict[str, Any]]
) -> None:
    every = {entry["metricId"]: entry for entry in calculated(api, "calculate-all")["results"]}
    latest_rows: list[dict[str, Any]] = [{"value": 1, "dimensions": None}]
    expected = (PERCENTILE, ROWS), (LATEST, latest_rows)
    for metric, (body, rows) in zip(metrics, expected, strict=True):
        id = metric["metricId"]
        answer = calculated(api, f"{id}/calculate")
        assert (answer["metricType"], answer["results"]) == (body["metricType"], rows)
        assert "unit" not in answer
        assert calculated(api, "preview", json=body)["results"] == rows
        assert every[id]["results"] == rows
        assert every[id]["sampleValue"] == rows[0]["value"]


def test_a_series_is_null_where_there_is_no_number(
    api: TestClient, metrics: list[dict[str, Any]]
) -> None:
    span = {
        "from": format_instant(AT - timedelta(hours=3)),
        "to": format_instant(AT + timedelta(hours=1)),
        "step": "1h",
    }
    percentile, latest = metrics
    lines = api.post(f"{PATH}/{percentile['metricId']}/series", json=span).json()["series"]
    by_country = {line["dimensions"]["interaction_country"]: line["points"] for line in lines}
    values = {country: [p["value"] for p in points] for country, points in by_country.items()}
    assert values == {
        "ZA": [None, None, 19, None],
        "US": [None, None, 2.5, None],
        "NZ": [None, None, None, None],
    }
    (line,) = api.post(f"{PATH}/{latest['metricId']}/series", json=span).json()["series"]
    assert [point["value"] for point in line["points"]] == [None, None, 1, None]


def test_explain_shows_the_query(api: TestClient, metrics: list[dict[str, Any]]) -> None:
    percentile, latest = (
        api.get(f"{PATH}/{metric['metricId']}/explain").json() for metric in metrics
    )
    assert "quantileExact(" in percentile["sql"]
    assert "argMaxIf(" in latest["sql"]
    assert percentile["rowsRead"] >= 0


def test_their_types_require_a_field(api: TestClient) -> None:
    types = {kind["mnemonic"]: kind for kind in api.get(f"{PATH}/types").json()}
    for mnemonic in ("PERCENTILE", "LATEST"):
        assert types[mnemonic]["requiresField"]
        assert not types[mnemonic]["requiresTimeWindow"]


def test_an_alert_on_null_has_no_data(api: TestClient, metrics: list[dict[str, Any]]) -> None:
    alert = {
        **{"title": "slow", "metricId": metrics[0]["metricId"], "operator": "gt"},
        **{"threshold": 10, "alertAction": "fired", "noData": "firing"},
    }
    answer = api.post(
        "/api/interaction-alerts/backtest",
        json={
            "alert": alert,
            "from": format_instant(AT - timedelta(minutes=1)),
            "to": format_instant(AT),
            "step": "1m",
        },
    )
    assert answer.status_code == 200, answer.text
    fired = {each["dimensions"]["interaction_country"] for each in answer.json()["results"]}
    assert fired == {"ZA", "NZ"}

"""A comparison over HTTP: its definition, and its values in every route that calculates."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tocsin.model.instant import format_instant

PATH = "/api/interaction-metrics"
AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
COMPARED: dict[str, Any] = {
    "name": "Orders against an hour earlier",
    "metricType": "COUNT",
    "resourceType": "SHOP",
    "action": "order",
    "timeWindow": "30m",
    "groupBy": ["interaction.country"],
    "compare": {"offset": "1h", "as": "percent", "minimumBase": 2},
}
# By country: the orders in the last half hour, and in the one that ended an hour earlier.
ORDERS = {"ZA": (6, 4), "US": (1, 4), "NZ": (3, 0), "DE": (0, 2), "FR": (2, 1)}


def row(value: float | None, country: str, current: int, base: int) -> dict[str, Any]:
    dimensions = {"interaction_country": country}
    return {"value": value, "dimensions": dimensions, "current": current, "base": base}


ROWS = [
    row(50, "ZA", 6, 4),
    row(-75, "US", 1, 4),
    row(-100, "DE", 0, 2),
    row(None, "FR", 2, 1),
    row(None, "NZ", 3, 0),
]


@pytest.fixture(scope="module")
def metric(api: TestClient) -> dict[str, Any]:
    rows = [
        {
            "resourceId": "1",
            "resourceType": "SHOP",
            "action": "order",
            "origin": "WEB",
            "interaction": {"country": country},
            "timestamp": format_instant(AT - earlier * HOUR - timedelta(minutes=number)),
        }
        for country, counts in ORDERS.items()
        for earlier, count in enumerate(counts)
        for number in range(count)
    ]
    assert api.post("/api/interactions/batch", json=rows).status_code == 201
    answer = api.post(PATH, json=COMPARED)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


def calculated(api: TestClient, path: str, **options: Any) -> dict[str, Any]:
    answer = api.post(f"{PATH}/{path}", params={"at": format_instant(AT)}, **options)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_a_comparison_is_answered_as_it_was_given(api: TestClient, metric: dict[str, Any]) -> None:
    assert metric["compare"] == COMPARED["compare"]
    assert api.get(f"{PATH}/{metric['metricId']}").json() == metric
    count = api.post(PATH, json={"name": "n", "metricType": "COUNT"}).json()
    assert "compare" not in count
    difference = {**COMPARED, "name": "d", "compare": {"offset": "1h", "as": "difference"}}
    assert api.post(PATH, json=difference).json()["compare"] == difference["compare"]


def test_an_answer_of_the_api_can_be_put_back_and_patched(
    api: TestClient, metric: dict[str, Any]
) -> None:
    answered = ("metricId", "createdDate", "modifiedDate")
    body = {member: value for member, value in metric.items() if member not in answered}
    url = f"{PATH}/{metric['metricId']}"
    assert api.put(url, json=body).json()["compare"] == metric["compare"]
    changed = api.patch(url, json={"compare": {"minimumBase": None}}).json()
    assert changed["compare"] == {"offset": "1h", "as": "percent"}
    changed = api.patch(url, json={"compare": COMPARED["compare"]}).json()
    assert changed["compare"] == COMPARED["compare"]
    refused = api.patch(url, json={"timeWindow": None})
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["timeWindow"]


def test_every_row_of_a_comparison_has_both_periods(
    api: TestClient, metric: dict[str, Any]
) -> None:
    answer = calculated(api, f"{metric['metricId']}/calculate")
    assert (answer["metricType"], answer["unit"], answer["results"]) == ("COUNT", "%", ROWS)
    assert calculated(api, "preview", json=COMPARED)["results"] == ROWS
    every = calculated(api, "calculate-all")["results"]
    entry = next(each for each in every if each["metricId"] == metric["metricId"])
    assert (entry["results"], entry["sampleValue"]) == (ROWS, 50)


def test_rows_are_truncated_in_order(api: TestClient, metric: dict[str, Any]) -> None:
    answer = api.post(
        f"{PATH}/{metric['metricId']}/calculate", params={"at": format_instant(AT), "limit": 2}
    ).json()
    assert (answer["results"], answer["truncated"], answer["groupCount"]) == (ROWS[:2], True, 5)


@pytest.mark.usefixtures("metric")
@pytest.mark.parametrize(
    ("change", "values"),
    [
        ("difference", {"ZA": 2, "NZ": 3, "FR": 1, "US": -3, "DE": -2}),
        ("factor", {"ZA": 1.5, "US": 0.25, "DE": 0, "FR": 2, "NZ": None}),
    ],
)
def test_differences_and_factors(api: TestClient, change: str, values: dict[str, float]) -> None:
    body = {**COMPARED, "compare": {"offset": "1h", "as": change}}
    answer = calculated(api, "preview", json=body)
    assert "unit" not in answer
    rows = answer["results"]
    assert {r["dimensions"]["interaction_country"]: r["value"] for r in rows} == values


def test_a_series_has_the_change_at_each_point(api: TestClient, metric: dict[str, Any]) -> None:
    body = {"from": format_instant(AT - 2 * HOUR), "to": format_instant(AT + HOUR), "step": "1h"}
    answer = api.post(f"{PATH}/{metric['metricId']}/series", json=body).json()
    assert answer["unit"] == "%"
    values = {
        line["dimensions"]["interaction_country"]: [p["value"] for p in line["points"]]
        for line in answer["series"]
    }
    assert values == {
        "ZA": [None, 50, -100],
        "NZ": [None, None, -100],
        "FR": [None, None, -100],
        "US": [None, -75, None],
        "DE": [None, -100, None],
    }


def test_a_comparison_is_explained_by_its_one_query(
    api: TestClient, metric: dict[str, Any]
) -> None:
    answer = api.get(f"{PATH}/{metric['metricId']}/explain")
    assert answer.status_code == 200
    assert answer.json()["sql"].count("FROM interactions") == 1


def test_the_rows_of_a_comparison_as_csv(api: TestClient, metric: dict[str, Any]) -> None:
    answer = api.get(
        f"{PATH}/{metric['metricId']}/rows",
        params={"at": format_instant(AT), "format": "csv", "limit": 2},
    )
    assert answer.text.splitlines() == [
        "interaction_country,value,current,base",
        "ZA,50,6,4",
        "US,-75,1,4",
    ]


def test_ungrouped_over_nothing_a_difference_is_0_and_a_quotient_null(api: TestClient) -> None:
    body = {k: v for k, v in COMPARED.items() if k != "groupBy"}
    body["filters"] = [{"field": "interaction.never", "operator": "exists"}]
    for change, value in (("difference", 0), ("percent", None), ("factor", None)):
        body["compare"] = {"offset": "1h", "as": change}
        expected = {"value": value, "dimensions": None, "current": 0, "base": 0}
        assert calculated(api, "preview", json=body)["results"] == [expected]


def test_a_firing_alert_tells_both_periods(api: TestClient, metric: dict[str, Any]) -> None:
    alert = {
        "title": "More orders",
        "metricId": metric["metricId"],
        "operator": "gte",
        "threshold": 50,
        "alertAction": "fired",
    }
    span = {"from": format_instant(AT - HOUR), "to": format_instant(AT), "step": "1h"}
    past = api.post("/api/interaction-alerts/backtest", json={"alert": alert, **span}).json()
    assert [each["dimensions"] for each in past["results"] if each["transitions"]] == [
        {"interaction_country": "ZA"}
    ]
    (change,) = next(each["transitions"] for each in past["results"] if each["transitions"])
    assert past["unit"] == "%"
    assert change["value"] == 100 * (change["current"] - change["base"]) / change["base"]
    now = datetime.now(UTC)
    rows = [
        {
            "resourceId": "1",
            "resourceType": "SHOP",
            "action": "order",
            "origin": "WEB",
            "interaction": {"country": "ES"},
            "timestamp": format_instant(now - timedelta(minutes=minutes)),
        }
        for minutes in (1, 2, 3, 61, 62)
    ]
    assert api.post("/api/interactions/batch", json=rows).status_code == 201
    created = api.post("/api/interaction-alerts", json=alert)
    assert created.status_code == 201, created.text
    id = created.json()["alertId"]
    transitions = api.get(f"/api/interaction-alerts/{id}/transitions").json()["transitions"]
    assert [(t["value"], t["current"], t["base"], t["dimensions"]) for t in transitions] == [
        (50, 3, 2, {"interaction_country": "ES"})
    ]
    written = api.get("/api/interactions", params={"resourceId": id}).json()["interactions"]
    payload = written[0]["interaction"]
    assert (payload["value"], payload["current"], payload["base"]) == (50, 3, 2)
    assert payload["unit"] == "%"
    assert not {"numerator", "denominator"} & set(payload)

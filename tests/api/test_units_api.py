"""The units of metrics over HTTP: `rateUnit` and `unit`, in every route that has a value."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from tocsin.model.instant import format_instant

PATH = "/api/interaction-metrics"
AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)
AS_OF = {"at": format_instant(AT)}


@pytest.fixture(scope="module")
def action(api: TestClient) -> str:
    """An action of which seven interactions were recorded in the hour before `AT`."""
    action = f"A{uuid4().hex}"
    members = {"resourceType": "T", "resourceId": "1", "action": action, "origin": "O"}
    rows = [
        {
            **members,
            "timestamp": format_instant(AT - timedelta(minutes=8 * number)),
            "interaction": {"ms": 10 * number, "country": "ZA"},
        }
        for number in range(7)
    ]
    assert api.post("/api/interactions/batch", json=rows).status_code == 201
    return action


def created(api: TestClient, action: str, **body: Any) -> dict[str, Any]:
    answer = api.post(PATH, json={"name": "m", "action": action, **body})
    assert answer.status_code == 201, answer.text
    metric: dict[str, Any] = answer.json()
    return metric


def calculated(api: TestClient, metric: dict[str, Any]) -> dict[str, Any]:
    answer = api.post(f"{PATH}/{metric['metricId']}/calculate", params=AS_OF)
    assert answer.status_code == 200, answer.text
    calculation: dict[str, Any] = answer.json()
    return calculation


def test_equal_windows_with_one_rate_unit_have_the_same_rate(api: TestClient, action: str) -> None:
    rate = {"metricType": "RATE", "rateUnit": "m"}
    answers = [
        calculated(api, created(api, action, **rate, timeWindow=window)) for window in ("60m", "1h")
    ]
    # Seven in sixty minutes, rounded to 15 digits.
    assert [each["results"][0]["value"] for each in answers] == [0.116666666666667] * 2
    assert [each["unit"] for each in answers] == ["per minute"] * 2


@pytest.mark.parametrize(
    ("unit", "value", "label"),
    [
        (None, 7, "per hour"),
        ("s", 0.00194444444444444, "per second"),
        ("m", 0.116666666666667, "per minute"),
        ("h", 7, "per hour"),
        ("d", 168, "per day"),
    ],
)
def test_every_route_has_the_rate_in_its_unit(
    api: TestClient, action: str, unit: str | None, value: float, label: str
) -> None:
    body = {"metricType": "RATE", "timeWindow": "1h", "rateUnit": unit}
    metric = created(api, action, **body)
    assert metric.get("rateUnit") == unit
    single = calculated(api, metric)
    assert (single["results"][0]["value"], single["unit"]) == (value, label)
    preview = api.post(f"{PATH}/preview", json={"action": action, **body}, params=AS_OF).json()
    assert (preview["results"], preview["unit"]) == (single["results"], label)
    for _ in range(3):
        every = api.post(f"{PATH}/calculate-all", params=AS_OF).json()["results"]
        together = next(each for each in every if each["metricId"] == metric["metricId"])
        assert (together["results"], together["unit"]) == (single["results"], label)
    span = {"from": format_instant(AT - timedelta(minutes=5)), "to": AS_OF["at"], "step": "5m"}
    series = api.post(f"{PATH}/{metric['metricId']}/series", json=span).json()
    assert series["series"][0]["points"] == [{"at": AS_OF["at"], "value": value}]
    assert series["unit"] == label
    explained = api.get(f"{PATH}/{metric['metricId']}/explain", params=AS_OF).json()
    assert "count()" in explained["sql"]


@pytest.mark.parametrize(
    "body",
    [
        {"metricType": "COUNT"},
        {"metricType": "AVG", "field": "interaction.ms", "groupBy": ["interaction.country"]},
        {"metricType": "RATE", "timeWindow": "1h"},
        {
            "metricType": "RATIO",
            "numerator": {"metricType": "COUNT"},
            "denominator": {"metricType": "COUNT"},
            "scale": 100,
        },
    ],
)
def test_the_unit_of_a_definition_is_in_every_answer(
    api: TestClient, action: str, body: dict[str, Any]
) -> None:
    plain, metric = created(api, action, **body), created(api, action, **body, unit="ms")
    assert metric["unit"] == "ms"
    assert "unit" not in plain
    assert calculated(api, metric)["unit"] == "ms"
    assert calculated(api, metric)["results"] == calculated(api, plain)["results"]
    preview = api.post(f"{PATH}/preview", json={"action": action, **body, "unit": "ms"})
    assert preview.json()["unit"] == "ms"
    every = api.post(f"{PATH}/calculate-all", params=AS_OF).json()["results"]
    assert {e["unit"] for e in every if e["metricId"] == metric["metricId"]} == {"ms"}
    span = {"from": format_instant(AT - timedelta(minutes=5)), "to": AS_OF["at"], "step": "5m"}
    assert api.post(f"{PATH}/{metric['metricId']}/series", json=span).json()["unit"] == "ms"


def test_a_metric_that_was_read_can_be_put_back(api: TestClient, action: str) -> None:
    metric = created(api, action, metricType="RATE", timeWindow="5m", rateUnit="h", unit="orders/h")
    kept = ("name", "actionId", "metricType", "timeWindow", "rateUnit", "unit")
    answer = api.put(f"{PATH}/{metric['metricId']}", json={name: metric[name] for name in kept})
    assert answer.status_code == 200
    assert {**answer.json(), "modifiedDate": None} == {**metric, "modifiedDate": None}
    without = api.put(
        f"{PATH}/{metric['metricId']}", json={name: metric[name] for name in kept[:-2]}
    )
    assert not {"rateUnit", "unit"} & without.json().keys()


def test_a_rate_unit_is_rejected_for_other_types(api: TestClient) -> None:
    answer = api.post(PATH, json={"name": "m", "metricType": "COUNT", "rateUnit": "m"})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"field": "rateUnit", "message": "must be left out: only RATE has a rateUnit"}
    ]


def test_another_unit_does_not_resolve_the_firing_groups_of_an_alert(
    api: TestClient, action: str
) -> None:
    metric = created(api, action, metricType="COUNT", unit="logins")
    alert = {
        **{"title": "t", "metricId": metric["metricId"], "operator": "gt", "threshold": 1},
        **{"alertAction": "fired", "interval": "24h"},
    }
    alert_id = api.post("/api/interaction-alerts", json=alert).json()["alertId"]
    path = f"/api/interaction-alerts/{alert_id}"
    body = {"name": "m", "action": action, "metricType": "COUNT"}
    assert api.put(f"{PATH}/{metric['metricId']}", json={**body, "unit": "x"}).status_code == 200
    assert [group["status"] for group in api.get(f"{path}/states").json()] == ["FIRING"]
    changed = {"metricType": "RATE", "timeWindow": "1h"}
    assert api.put(f"{PATH}/{metric['metricId']}", json={**body, **changed}).status_code == 200
    reasons = [each["reason"] for each in api.get(f"{path}/transitions").json()["transitions"]]
    assert reasons == ["changed", "threshold"]

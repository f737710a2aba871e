"""Calendar windows over HTTP: definitions, values in every route that calculates, and alerts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tocsin.model.instant import format_instant
from tocsin.model.zones import data_version

PATH, ALERTS = "/api/interaction-metrics", "/api/interaction-alerts"
BERLIN = "Europe/Berlin"
# The clocks in Berlin went from 2:00 to 3:00 on March 29, so that day had 23 hours.
MIDNIGHT = datetime(2026, 3, 29, 22, tzinfo=UTC)
AT = format_instant(MIDNIGHT + timedelta(hours=9))
SCOPE = {"resourceType": "ORDER", "action": "PLACED", "origin": "WEB"}
ORDERS: dict[str, Any] = {
    "name": "Orders",
    "metricType": "COUNT",
    **SCOPE,
    "timeWindow": "yesterday",
    "timezone": BERLIN,
}
# An order at each hour of March 29 and 30 in Berlin.
HOURS = [MIDNIGHT + timedelta(hours=n) for n in range(-23, 24)]
VALUES = {
    "today": 10,
    "yesterday": 23,
    "thisWeek": 10,
    "lastWeek": 23,
    "thisMonth": 33,
    "lastMonth": 0,
}


@pytest.fixture(scope="module", autouse=True)
def metric(api: TestClient) -> dict[str, Any]:
    rows = [{"resourceId": "1", **SCOPE, "timestamp": format_instant(hour)} for hour in HOURS]
    assert api.post("/api/interactions/batch", json=rows).json()["accepted"] == len(rows)
    answer = api.post(PATH, json=ORDERS)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


def value(answer: Any) -> Any:
    (row,) = answer["results"]
    return row["value"]


def test_a_definition_with_a_calendar_window_is_stored_and_returned(
    api: TestClient, metric: dict[str, Any]
) -> None:
    stored = api.get(f"{PATH}/{metric['metricId']}").json()
    assert (stored["timeWindow"], stored["timezone"]) == ("yesterday", BERLIN)
    changed = {**ORDERS, "name": "Changed", "timeWindow": "lastWeek", "timezone": "Asia/Tokyo"}
    id = api.post(PATH, json={**ORDERS, "name": "Changed"}).json()["metricId"]
    answer = api.put(f"{PATH}/{id}", json=changed).json()
    assert (answer["timeWindow"], answer["timezone"]) == ("lastWeek", "Asia/Tokyo")
    sliding = api.put(f"{PATH}/{id}", json={**ORDERS, "timeWindow": "24h", "timezone": None})
    assert "timezone" not in sliding.json()
    assert sliding.json()["timeWindow"] == "24h"
    api.delete(f"{PATH}/{id}")


def test_a_window_is_changed_by_a_patch(api: TestClient) -> None:
    id = api.post(PATH, json={**ORDERS, "name": "Patched"}).json()["metricId"]
    answer = api.patch(f"{PATH}/{id}", json={"timeWindow": "today"}).json()
    assert (answer["timeWindow"], answer["timezone"]) == ("today", BERLIN)
    answer = api.patch(f"{PATH}/{id}", json={"timeWindow": "24h"})
    assert [e["field"] for e in answer.json()["errors"]] == ["timezone"]
    answer = api.patch(f"{PATH}/{id}", json={"timeWindow": "24h", "timezone": None})
    assert answer.json()["timeWindow"] == "24h"
    api.delete(f"{PATH}/{id}")


@pytest.mark.parametrize("window", VALUES)
def test_a_preview_has_the_value_of_the_period(api: TestClient, window: str) -> None:
    answer = api.post(f"{PATH}/preview?at={AT}", json={**ORDERS, "timeWindow": window})
    assert value(answer.json()) == VALUES[window]


def test_every_route_that_calculates_has_the_same_value(
    api: TestClient, metric: dict[str, Any]
) -> None:
    path = f"{PATH}/{metric['metricId']}"
    assert value(api.post(f"{path}/calculate?at={AT}").json()) == 23
    everything = api.post(f"{PATH}/calculate-all?at={AT}").json()["results"]
    (together,) = (each for each in everything if each["metricId"] == metric["metricId"])
    assert value(together) == 23
    span = {"from": format_instant(MIDNIGHT), "to": AT, "step": "3h"}
    (line,) = api.post(f"{path}/series", json=span).json()["series"]
    assert [point["value"] for point in line["points"]] == [23, 23, 23]
    explained = api.get(f"{path}/explain?at={AT}").json()
    assert "2026-03-29 21:59:59.999" in str(explained["parameters"])


def test_a_series_by_local_days_has_the_midnights_of_the_zone(api: TestClient) -> None:
    definition = {**ORDERS, "name": "By day", "timeWindow": None, "timezone": None}
    id = api.post(PATH, json=definition).json()["metricId"]
    span = {"from": "2026-03-28T12:00:00Z", "to": AT, "step": "1d", "timezone": BERLIN}
    (line,) = api.post(f"{PATH}/{id}/series", json=span).json()["series"]
    assert [(point["at"], point["value"]) for point in line["points"]] == [
        ("2026-03-28T23:00:00.000Z", 0),
        ("2026-03-29T22:00:00.000Z", 23),
    ]
    api.delete(f"{PATH}/{id}")


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        (
            {"timezone": None},
            [("timezone", "is required for yesterday: a name such as Europe/Berlin")],
        ),
        (
            {"timezone": "Berlin"},
            [("timezone", "is not the IANA name of a time zone, such as Europe/Berlin")],
        ),
        ({"timezone": "europe/berlin"}, [("timezone", "is written Europe/Berlin")]),
        (
            {"timeWindow": "24h"},
            [
                (
                    "timezone",
                    "must be left out: only the windows today, yesterday, thisWeek, lastWeek, "
                    "thisMonth, lastMonth have one",
                )
            ],
        ),
        (
            {"timeWindow": "lastweek"},
            [
                (
                    "timeWindow",
                    "is not a time window: write a whole number and m, h or d, such as 5m, or one "
                    "of today, yesterday, thisWeek, lastWeek, thisMonth, lastMonth",
                )
            ],
        ),
        (
            {"metricType": "RATE"},
            [("timeWindow", "must be a sliding window for RATE, such as 5m, 24h or 7d")],
        ),
    ],
)
def test_a_window_without_a_fitting_zone_is_rejected(
    api: TestClient, change: dict[str, Any], errors: list[tuple[str, str]]
) -> None:
    answer = api.post(PATH, json={**ORDERS, **change})
    assert answer.status_code == 422
    assert [(e["field"], e["message"]) for e in answer.json()["errors"]] == errors


def test_a_side_of_a_ratio_has_no_zone_of_its_own(api: TestClient) -> None:
    side = {"metricType": "COUNT", "timezone": BERLIN}
    ratio = {**ORDERS, "metricType": "RATIO", "numerator": side, "denominator": {}}
    errors = api.post(PATH, json=ratio).json()["errors"]
    message = "must be left out: that of the metric applies to both sides"
    assert {"field": "numerator.timezone", "message": message} in errors


@pytest.mark.parametrize(
    ("span", "error"),
    [
        ({"step": "1h"}, ("step", "must be 1d with a timezone")),
        ({"step": "24h"}, ("step", "must be 1d with a timezone")),
        ({"timezone": "Mars"}, ("timezone", "is not the IANA name of a time zone, such as Eur")),
        ({"from": "2026-03-30T00:00:00Z"}, ("from", "is of the same local day as to in Europe/B")),
        ({"from": "1970-01-02T00:00:00Z"}, ("step", "makes 20,541 points; the maximum is 2,000")),
    ],
)
def test_a_series_by_local_days_that_cannot_be_is_rejected(
    api: TestClient, metric: dict[str, Any], span: dict[str, str], error: tuple[str, str]
) -> None:
    valid = {"from": "2026-03-01T00:00:00Z", "to": AT, "step": "1d", "timezone": BERLIN}
    answer = api.post(f"{PATH}/{metric['metricId']}/series", json={**valid, **span})
    assert answer.status_code == 422
    (problem,) = answer.json()["errors"]
    assert problem["field"] == error[0]
    assert problem["message"].startswith(error[1])


def alert(metric: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {
        "title": "Few orders",
        "metricId": metric["metricId"],
        "operator": "lt",
        "threshold": 10,
        "alertAction": "fired",
        **members,
    }


def test_an_alert_waits_no_longer_than_the_period_of_its_metric(
    api: TestClient, metric: dict[str, Any]
) -> None:
    error = {"field": "for", "message": "must be at most 1d: the period of the metric's window"}
    answer = api.post(ALERTS, json=alert(metric, **{"for": "25h"}))
    assert answer.status_code == 422
    assert answer.json()["errors"] == [error]
    span = {"from": "2026-03-01T00:00:00Z", "to": AT, "step": "1h"}
    backtest = {"alert": alert(metric, **{"for": "2d"}), **span}
    answer = api.post(f"{ALERTS}/backtest", json=backtest)
    assert answer.json()["errors"] == [{**error, "field": "alert.for"}]
    created = api.post(ALERTS, json=alert(metric, **{"for": "24h"}))
    assert created.status_code == 201
    api.delete(f"{ALERTS}/{created.json()['alertId']}")


def test_a_metrics_window_is_not_shortened_below_the_wait_of_its_alert(api: TestClient) -> None:
    monthly = {**ORDERS, "name": "Monthly", "timeWindow": "thisMonth"}
    created = api.post(PATH, json=monthly).json()
    watched = api.post(ALERTS, json=alert(created, **{"for": "8d"})).json()
    path = f"{PATH}/{created['metricId']}"
    answer = api.put(path, json={**monthly, "timeWindow": "thisWeek"})
    message = "is shorter than for, 8d, of the alert Few orders"
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "timeWindow", "message": message}]
    assert api.put(path, json={**monthly, "timeWindow": "lastMonth"}).status_code == 200
    api.delete(f"{ALERTS}/{watched['alertId']}")
    assert api.put(path, json={**monthly, "timeWindow": "thisWeek"}).status_code == 200
    api.delete(path)


def test_a_backtest_of_today_starts_anew_at_midnight(api: TestClient) -> None:
    """Ten orders are reached at 10:00 and lost at midnight."""
    today = api.post(PATH, json={**ORDERS, "name": "Today", "timeWindow": "today"}).json()
    span = {"from": format_instant(HOURS[0]), "to": format_instant(HOURS[-1]), "step": "1h"}
    definition = alert(today, operator="gte", recoveryAction="recovered")
    answer = api.post(f"{ALERTS}/backtest", json={"alert": definition, **span}).json()
    (group,) = answer["results"]
    assert [(t["at"], t["status"], t["value"]) for t in group["transitions"]] == [
        ("2026-03-29T08:00:00.000Z", "FIRING", 10),
        ("2026-03-29T22:00:00.000Z", "OK", 1),
        ("2026-03-30T07:00:00.000Z", "FIRING", 10),
    ]
    api.delete(f"{PATH}/{today['metricId']}")


def test_readiness_names_the_release_of_the_time_zones(api: TestClient) -> None:
    assert api.get("/readyz").json()["tzdata"] == data_version()


def test_the_document_describes_windows_and_zones(api: TestClient) -> None:
    schemas = api.get("/openapi.json").json()["components"]["schemas"]
    members = schemas["MetricDraft"]["properties"]
    assert "lastMonth" in str(members["timeWindow"])
    assert "string" in str(members["timezone"])
    assert "timezone" in schemas["Span"]["properties"]

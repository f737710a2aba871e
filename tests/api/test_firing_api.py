"""The groups of all alerts that fire now, over HTTP, on the command line and on the overview."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from support.receivers import wait_for
from tocsin.model.instant import format_instant
from tocsin.runtime import Runtime

ALERTS, METRICS, SILENCES = "/api/interaction-alerts", "/api/interaction-metrics", "/api/silences"
FIRING = f"{ALERTS}/firing"


@pytest.fixture(autouse=True)
def _nothing_fires(runtime: Runtime, api: TestClient) -> Iterator[None]:
    yield
    for alert in runtime.alerts.all():
        api.delete(f"{ALERTS}/{alert.alert_id}").raise_for_status()
    for silence in runtime.silences.all():
        api.delete(f"{SILENCES}/{silence.silence_id}").raise_for_status()


def grouped_metric(api: TestClient, *countries: str | None) -> str:
    """A metric whose groups have the value 1."""
    action = f"A{uuid4().hex}"
    rows = [
        {
            **{"resourceType": "T", "resourceId": "1", "action": action, "origin": "O"},
            "interaction": {} if country is None else {"country": country},
        }
        for country in countries
    ]
    assert api.post("/api/interactions/batch", json=rows).status_code == 201
    definition = {"name": "by country", "metricType": "COUNT", "action": action, "unit": "logins"}
    answer = api.post(METRICS, json={**definition, "groupBy": ["interaction.country"]})
    return str(answer.json()["metricId"])


def alert(api: TestClient, metric: str, title: str, **members: Any) -> str:
    """An alert whose groups all fire."""
    definition = {"title": title, "metricId": metric, "operator": "gt", "threshold": 0}
    answer = api.post(ALERTS, json={**definition, "alertAction": "fired", **members})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["alertId"])


def firing(api: TestClient, **parameters: Any) -> list[dict[str, Any]]:
    answer = api.get(FIRING, params=parameters)
    assert answer.status_code == 200, answer.text
    page: list[dict[str, Any]] = answer.json()["firing"]
    return page


def test_it_lists_the_most_severe_groups_first_with_their_alerts(
    api: TestClient, runtime: Runtime
) -> None:
    assert api.get(FIRING).json() == {"firing": [], "nextCursor": None}
    metric = grouped_metric(api, "ZA", None)
    before = format_instant(runtime.now())
    low = alert(api, metric, "low", severity="info")
    members: dict[str, Any] = {
        "labels": {"team": "a"},
        "description": "d",
        "runbookUrl": "https://run.example/",
    }
    high = alert(api, metric, "high", severity="critical", **members)
    alert(api, metric, "none", threshold=5)
    groups = firing(api)
    assert [(each["alertId"], each["severity"]) for each in groups] == [
        *[(high, "critical")] * 2,
        *[(low, "info")] * 2,
    ]
    assert {each["dimensions"]["interaction_country"] for each in groups} == {"ZA", None}
    first = groups[0]
    assert before <= first.pop("since") <= format_instant(runtime.now())
    first.pop("dimensions")
    assert first == {
        "alertId": high,
        "alertTitle": "high",
        "severity": "critical",
        **members,
        "metricId": metric,
        "metricName": "by country",
        "operator": "gt",
        "threshold": 0,
        "value": 1,
        "clearSince": None,
        "silenced": False,
        "silenceId": None,
        "silencedUntil": None,
        "unit": "logins",
    }


def test_it_shows_the_silence_that_ends_last(api: TestClient, runtime: Runtime) -> None:
    id = alert(api, grouped_metric(api, "ZA", "US"), "t", labels={"team": "a"})
    ends = [format_instant(runtime.now() + timedelta(hours=hours)) for hours in (1, 3, 2)]
    matched: list[dict[str, Any]] = [
        {"matchAll": True},
        {"alertId": id, "dimensions": {"interaction_country": "ZA"}},
        {"labels": {"team": "a"}, "severities": ["warning"]},
    ]
    silences = [
        api.post(SILENCES, json={**members, "to": end}).json()["silenceId"]
        for members, end in zip(matched, ends, strict=True)
    ]
    assert {
        each["dimensions"]["interaction_country"]: (
            each["silenced"],
            each["silenceId"],
            each["silencedUntil"],
        )
        for each in firing(api)
    } == {"ZA": (True, silences[1], ends[1]), "US": (True, silences[2], ends[2])}


def test_pages_follow_each_other_without_gaps(api: TestClient) -> None:
    countries = [f"c{number:02}" for number in range(7)]
    metric = grouped_metric(api, *countries, "a\0b", "x" * 3_000)
    for title, severity in (("a", "warning"), ("b", "critical"), ("c", "warning")):
        alert(api, metric, title, severity=severity)
    whole = firing(api)
    assert len(whole) == 27
    assert [each["severity"] for each in whole] == ["critical"] * 9 + ["warning"] * 18
    pages, cursor = [], None
    while True:
        parameters = {"limit": 4, **({"cursor": cursor} if cursor else {})}
        page = api.get(FIRING, params=parameters).json()
        pages += page["firing"]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert pages == whole


@pytest.mark.parametrize(
    "cursor", ["x", "!", "W10", "bnVsbA", "WyJpbmZvIiwxLCJ4IiwieSJd", "W1tdLDEsMiwzXQ"]
)
def test_another_text_is_no_cursor(api: TestClient, cursor: str) -> None:
    answer = api.get(FIRING, params={"cursor": cursor})
    assert [error["field"] for error in answer.json()["errors"]] == ["cursor"]


def test_a_group_that_recovered_is_not_listed(api: TestClient) -> None:
    id = alert(api, grouped_metric(api, "ZA"), "t")
    assert len(firing(api)) == 1
    api.patch(f"{ALERTS}/{id}", json={"enabled": False}).raise_for_status()
    assert firing(api) == []


def test_a_silence_of_a_deleted_alert_can_be_ended_but_not_created(api: TestClient) -> None:
    id, other = (alert(api, grouped_metric(api, "ZA"), title) for title in "ab")
    silence = api.post(SILENCES, json={"alertId": id, "to": "2299-01-01T00:00:00Z"}).json()
    for deleted in (id, other):
        api.delete(f"{ALERTS}/{deleted}").raise_for_status()
    path = f"{SILENCES}/{silence['silenceId']}"
    ended = api.patch(path, json={"to": "2298-01-01T00:00:00.000Z"})
    assert ended.json()["to"] == "2298-01-01T00:00:00.000Z"
    changed = api.patch(path, json={"alertId": other})
    assert [error["field"] for error in changed.json()["errors"]] == ["alertId"]
    new = api.post(SILENCES, json={"alertId": id, "to": "2299-01-01T00:00:00Z"})
    assert new.status_code == 422


def test_at_the_end_of_a_silence_the_groups_that_still_fire_are_delivered(
    api: TestClient, runtime: Runtime
) -> None:
    hook = {"name": "c", "kind": "webhook", "settings": {"url": "http://127.0.0.1:9/"}}
    channel = api.post("/api/channels", json=hook).json()["channelId"]
    silence = api.post(SILENCES, json={"matchAll": True, "to": "2299-01-01T00:00:00Z"}).json()
    alert(api, grouped_metric(api, "ZA", "US"), "t", channelIds=[channel])
    path = f"{SILENCES}/{silence['silenceId']}"
    held = f"{path}/deliveries"
    silenced = api.get(held).json()["deliveries"]
    assert [each["status"] for each in silenced] == ["silenced", "silenced"]
    soon = format_instant(runtime.now() + timedelta(seconds=0.1))
    api.patch(path, json={"to": soon}).raise_for_status()
    wait_for(lambda: '"status":"silenced"' not in api.get(held).text)
    released = api.get(held).json()["deliveries"]
    assert {each["deliveryId"] for each in released} == {each["deliveryId"] for each in silenced}

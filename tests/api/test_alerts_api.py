"""Alerts over HTTP: definitions, evaluations, groups, transitions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from tocsin.model.instant import format_instant
from tocsin.runtime import Runtime

PATH = "/api/interaction-alerts"
METRICS = "/api/interaction-metrics"
NOBODY = "7f1f4b1c-6f0c-4e29-8f7a-0c4d7e1a9b11"


@pytest.fixture
def action() -> str:
    """An action that nothing else is recorded with."""
    return f"A{uuid4().hex}"


def record(api: TestClient, action: str, *payloads: dict[str, Any]) -> None:
    rows = [
        {
            "resourceId": "1",
            "resourceType": "T",
            "action": action,
            "origin": "O",
            "interaction": payload,
        }
        for payload in payloads
    ]
    assert api.post("/api/interactions/batch", json=rows).status_code == 201


def metric(api: TestClient, action: str, **body: Any) -> str:
    record(api, action, {"country": "nowhere"})
    definition = {
        "name": "m",
        "metricType": "COUNT",
        "action": action,
        "groupBy": ["interaction.country"],
    }
    answer = api.post(METRICS, json={**definition, **body})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["metricId"])


def definition(metric_id: str, **body: Any) -> dict[str, Any]:
    return {
        "title": "Too many",
        "metricId": metric_id,
        "operator": "gt",
        "threshold": 2,
        "alertAction": "fired",
        "recoveryAction": "recovered",
        "interval": "24h",
        # Left to its slots and to those who ask, so that a test says when it is evaluated.
        "evaluationDelay": "0s",
        "keepFiringFor": "0s",
        **body,
    }


def create(api: TestClient, metric_id: str, **body: Any) -> dict[str, Any]:
    answer = api.post(PATH, json=definition(metric_id, **body))
    assert answer.status_code == 201, answer.text
    alert: dict[str, Any] = answer.json()
    return alert


def evaluate(api: TestClient, alert: dict[str, Any]) -> dict[str, Any]:
    answer = api.post(f"{PATH}/{alert['alertId']}/evaluate")
    assert answer.status_code == 200, answer.text
    evaluation: dict[str, Any] = answer.json()
    return evaluation


def transitions(api: TestClient, alert: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    page = api.get(f"{PATH}/{alert['alertId']}/transitions", params=query).json()
    transitions: list[dict[str, Any]] = page["transitions"]
    return transitions


def test_an_alert_lives_from_creation_to_deletion(api: TestClient, action: str) -> None:
    body = definition(
        metric(api, action),
        **{
            "description": "d",
            "runbookUrl": "https://example.org",
            "labels": {"team": "shop"},
            "for": "90s",
            "recoveryThreshold": 1,
            "noData": "keep",
            "severity": "critical",
            "resourceType": "T",
            "enabled": False,
        },
    )
    answer = api.post(PATH, json=body)
    assert answer.status_code == 201, answer.text
    alert = answer.json()
    assert {name: alert[name] for name in body} == body
    assert (alert["health"], alert["evaluatedAt"]) == ("OK", None)
    path = answer.headers["location"]
    assert path == f"{PATH}/{alert['alertId']}"
    assert api.get(path).json() == alert
    assert alert in api.get(PATH).json()

    smaller = definition(body["metricId"], alertAction="fired")
    replaced = api.put(path, json={k: v for k, v in smaller.items() if k != "recoveryAction"})
    assert replaced.status_code == 200, replaced.text
    after = replaced.json()
    assert (after["for"], after["labels"], after["resourceType"]) == ("0s", {}, "ALERT")
    assert (after["recoveryAction"], after["severity"]) == (None, "warning")

    assert api.delete(f"{METRICS}/{body['metricId']}").status_code == 409
    gone = api.delete(path)
    assert (gone.status_code, gone.content) == (204, b"")
    assert {api.get(path).status_code, api.delete(path).status_code} == {404}
    assert api.delete(f"{METRICS}/{body['metricId']}").status_code == 204


@pytest.mark.parametrize("id", [NOBODY, "x"])
def test_a_missing_alert_is_404(api: TestClient, action: str, id: str) -> None:
    body = definition(metric(api, action))
    answers = [
        api.get(f"{PATH}/{id}"),
        api.put(f"{PATH}/{id}", json=body),
        api.delete(f"{PATH}/{id}"),
        api.post(f"{PATH}/{id}/evaluate"),
        api.get(f"{PATH}/{id}/states"),
        api.get(f"{PATH}/{id}/transitions"),
    ]
    assert {answer.status_code for answer in answers} == {404}


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        ({"title": None, "operator": None}, {"title", "operator"}),
        ({"title": "", "metricId": "x"}, {"title", "metricId"}),
        ({"metricId": NOBODY}, {"metricId"}),
        ({"alertAction": None}, {"alertActionId"}),
        ({"alertAction": "NOT_THERE", "alertActionId": NOBODY}, {"alertAction", "alertActionId"}),
        ({"recoveryAction": "NOT_THERE", "resourceType": "NOT_THERE"}, None),
        ({"threshold": "5"}, {"threshold"}),
        ({"threshold": True}, {"threshold"}),
        ({"operator": "is", "severity": "bad", "noData": "?"}, {"operator", "severity", "noData"}),
        ({"interval": "9s", "for": "x", "keepFiringFor": 5}, {"interval", "for", "keepFiringFor"}),
        ({"interval": "25h", "evaluationDelay": "31d"}, {"interval", "evaluationDelay"}),
        ({"recoveryThreshold": 3}, {"recoveryThreshold"}),
        ({"recoveryThreshold": 2}, {"recoveryThreshold"}),
        ({"operator": "lt", "recoveryThreshold": 1}, {"recoveryThreshold"}),
        ({"operator": "eq", "recoveryThreshold": 1}, {"recoveryThreshold"}),
        ({"labels": {"a": 1}}, {"labels.a"}),
        ({"runbookUrl": "javascript:alert(1)"}, {"runbookUrl"}),
        ({"unknown": 1, "for_": "1m"}, {"unknown", "for_"}),
    ],
)
def test_all_problems_of_a_definition_are_reported_together(
    api: TestClient, action: str, wrong: dict[str, Any], fields: set[str] | None
) -> None:
    answer = api.post(PATH, json=definition(metric(api, action), **wrong))
    assert answer.status_code == 422
    named = {error["field"] for error in answer.json()["errors"]}
    assert named == (fields if fields is not None else set(wrong))


def test_evaluating_fires_once_and_recovers_once_for_each_group(
    api: TestClient, action: str
) -> None:
    alert = create(api, metric(api, action, timeWindow="5m"), evaluationDelay="1s")
    record(api, action, *[{"country": "ZA"}] * 3, {"country": "US"}, {})
    first = evaluate(api, {**alert})
    assert first["health"] == "OK"
    path = f"{PATH}/{alert['alertId']}"
    undelayed = {**definition(alert["metricId"]), "threshold": 2}
    assert api.put(path, json=undelayed).status_code == 200
    evaluate(api, alert)
    record(api, action, *[{"country": "DE"}] * 4)
    second = evaluate(api, alert)
    assert (second["groups"], second["firing"]) == (5, 2)
    assert evaluate(api, alert)["transitions"] == []
    fired = transitions(api, alert)
    assert {
        transition["dimensions"]["interaction_country"]: transition["value"] for transition in fired
    } == {
        "ZA": 3,
        "DE": 4,
    }
    assert {(transition["status"], transition["reason"]) for transition in fired} == {
        ("FIRING", "threshold")
    }


def test_states_are_all_groups_with_their_values_firing_ones_first(
    api: TestClient, action: str
) -> None:
    alert = create(api, metric(api, action))
    first = api.get(f"{PATH}/{alert['alertId']}/states").json()
    assert [(group["dimensions"]["interaction_country"], group["status"]) for group in first] == [
        ("nowhere", "OK")
    ]
    record(api, action, *[{"country": "ZA"}] * 3, {"country": "US"}, {})
    evaluate(api, alert)
    states = api.get(f"{PATH}/{alert['alertId']}/states").json()
    seen = [(s["dimensions"]["interaction_country"], s["status"], s["value"]) for s in states]
    assert seen == [("ZA", "FIRING", 3), ("US", "OK", 1), ("nowhere", "OK", 1), (None, "OK", 1)]
    assert states[0]["since"] is not None
    assert states[1]["since"] is None


def test_a_transition_is_an_interaction_like_any_other(api: TestClient, action: str) -> None:
    metric_id = metric(api, action, groupBy=[])
    alert = create(api, metric_id, title="Ünï", severity="critical")
    record(api, action, {}, {}, {})
    evaluate(api, alert)
    api.put(f"{PATH}/{alert['alertId']}", json=definition(metric_id, title="other", enabled=False))
    recovered, fired = transitions(api, alert)
    page = api.get("/api/interactions", params={"resourceId": alert["alertId"]}).json()
    by_id = {i["interactionId"]: i for i in page["interactions"]}
    assert set(by_id) == {recovered["interactionId"], fired["interactionId"]}
    first, last = by_id[fired["interactionId"]], by_id[recovered["interactionId"]]
    assert (first["resourceType"], first["action"]) == ("ALERT", "fired")
    assert (first["origin"], first["uowId"]) == ("METRIC_EVAL", None)
    reference = f"alert-{alert['alertId']}-firing-{fired['at']}"
    assert (first["externalReference"], first["timestamp"]) == (reference, fired["at"])
    assert first["interaction"] == {
        "alertId": alert["alertId"],
        "alertTitle": "Ünï",
        "metricId": metric_id,
        "metricName": "m",
        "metricType": "COUNT",
        "threshold": 2,
        "operator": "gt",
        "severity": "critical",
        "status": "exceeded",
        "value": 4,
        "dimensions": {},
        "evaluatedAt": fired["at"],
    }
    assert (last["action"], last["interaction"]["status"]) == ("recovered", "recovered")
    assert last["interaction"]["firedAt"] == fired["at"]
    assert last["interaction"]["durationSeconds"] == recovered["durationSeconds"]
    assert recovered["reason"] == "disabled"
    measured = {"metricType": "COUNT", "resourceType": "ALERT", "action": "fired"}
    filters = [{"field": "resourceId", "operator": "eq", "value": alert["alertId"]}]
    counted = api.post(f"{METRICS}/preview", json={**measured, "filters": filters}).json()
    assert counted["results"][0]["value"] == 1


def test_another_question_of_the_metric_resolves_firing_groups(
    api: TestClient, action: str
) -> None:
    metric_id = metric(api, action)
    alert = create(api, metric_id)
    record(api, action, *[{"country": "ZA"}] * 3)
    evaluate(api, alert)
    changed = {"name": "m", "metricType": "COUNT", "action": action, "timeWindow": "1h"}
    assert api.put(f"{METRICS}/{metric_id}", json=changed).status_code == 200
    assert transitions(api, alert)[0]["reason"] == "changed"
    assert transitions(api, alert)[0]["dimensions"] == {"interaction_country": "ZA"}


def test_a_disabled_alert_is_not_evaluated(api: TestClient, action: str) -> None:
    alert = create(api, metric(api, action), enabled=False)
    record(api, action, *[{"country": "ZA"}] * 3)
    assert api.post(f"{PATH}/{alert['alertId']}/evaluate").status_code == 409
    answer = api.post(f"{PATH}/evaluate-all").json()
    assert alert["alertId"] not in {result["alertId"] for result in answer["results"]}
    assert answer["evaluated"] == len(answer["results"])


def test_all_enabled_alerts_are_evaluated_together(api: TestClient, action: str) -> None:
    metric_id = metric(api, action)
    ids = [create(api, metric_id, threshold=n)["alertId"] for n in range(3)]
    answer = api.post(f"{PATH}/evaluate-all").json()
    firing = {result["alertId"]: result["firing"] for result in answer["results"]}
    assert [firing[id] for id in ids] == [1, 0, 0]


def test_a_calculation_that_fails_is_health_and_changes_no_state(
    api: TestClient, runtime: Runtime, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alert = create(api, metric(api, action))
    record(api, action, *[{"country": "ZA"}] * 3)
    assert evaluate(api, alert)["firing"] == 1
    monkeypatch.setattr("tocsin.alerting.alert_values.ANSWERED_GROUPS", 1)
    failed = evaluate(api, alert)
    assert (failed["health"], failed["groups"], failed["transitions"]) == ("ERROR", 0, [])
    assert "2 groups" in failed["error"]
    shown = api.get(f"{PATH}/{alert['alertId']}").json()
    assert (shown["health"], shown["healthReason"]) == ("ERROR", failed["error"])
    assert len(runtime.evaluator.groups(runtime.alerts.get(alert_id(alert)))) > 0
    monkeypatch.undo()
    assert evaluate(api, alert)["firing"] == 1
    assert api.get(f"{PATH}/{alert['alertId']}").json()["health"] == "OK"
    assert len(transitions(api, alert)) == 1


def alert_id(alert: dict[str, Any]) -> UUID:
    return UUID(alert["alertId"])


def test_transitions_are_read_page_by_page(api: TestClient, action: str) -> None:
    alert = create(api, metric(api, action))
    record(api, action, *[{"country": name} for name in "abcde" for _ in range(3)])
    evaluate(api, alert)
    path = f"{PATH}/{alert['alertId']}/transitions"
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = api.get(path, params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [transition["transitionId"] for transition in page["transitions"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 5
    at = transitions(api, alert)[0]["at"]
    assert len(transitions(api, alert, **{"from": at})) == 5
    assert transitions(api, alert, to=at) == []
    assert len(api.get(f"{PATH}/transitions", params={"limit": 3}).json()["transitions"]) == 3
    for wrong in ({"cursor": "x"}, {"limit": 0}, {"from": "yesterday"}):
        assert api.get(path, params=wrong).status_code == 422


def test_an_arrival_makes_a_condition_true_immediately(
    api: TestClient, runtime: Runtime, action: str
) -> None:
    alert = create(api, metric(api, action), interval="24h")
    record(api, action, *[{"country": "ZA"}] * 3)
    deadline = runtime.now() + timedelta(seconds=20)
    while not transitions(api, alert):
        assert runtime.now() < deadline
    (fired,) = transitions(api, alert)
    assert (fired["status"], fired["value"]) == ("FIRING", 3)
    assert format_instant(runtime.now()) >= fired["at"]


def test_evaluations_missed_slots_and_health_are_in_the_service_metrics(
    api: TestClient, runtime: Runtime, action: str
) -> None:
    evaluate(api, create(api, metric(api, action)))
    text = api.get("/metrics").text
    evaluated = runtime.evaluator.evaluated - runtime.evaluator.failed
    assert f'tocsin_alert_evaluations_total{{outcome="ok"}} {evaluated}.0' in text
    assert "tocsin_alert_slots_missed_total 0.0" in text
    assert f'tocsin_alerts{{health="OK"}} {len(runtime.alerts.all())}.0' in text


def test_a_new_alert_is_evaluated_immediately(api: TestClient, action: str) -> None:
    watched = metric(api, action)
    for _ in range(3):
        record(api, action, {"country": "ZA"})
    alert = create(api, watched)
    assert alert["evaluatedAt"] is not None
    assert [fired["dimensions"] for fired in transitions(api, alert)] == [
        {"interaction_country": "ZA"}
    ]


def test_an_alert_that_becomes_enabled_is_evaluated_immediately(
    api: TestClient, action: str
) -> None:
    watched = metric(api, action)
    for _ in range(3):
        record(api, action, {"country": "ZA"})
    alert = create(api, watched, enabled=False)
    assert (alert["evaluatedAt"], transitions(api, alert)) == (None, [])
    replaced = api.put(f"{PATH}/{alert['alertId']}", json=definition(watched))
    assert replaced.json()["evaluatedAt"] is not None
    assert len(transitions(api, alert)) == 1

"""Guards of alerts over HTTP: their definition, their evaluation, and what is reported of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from tocsin.model.instant import format_instant

ALERTS, METRICS = "/api/interaction-alerts", "/api/interaction-metrics"
NOBODY = "7f1f4b1c-6f0c-4e29-8f7a-0c4d7e1a9b11"
COUNTRY = ["interaction.country"]
FAILED = {"field": "interaction.ok", "operator": "eq", "value": False}


@pytest.fixture
def action(api: TestClient) -> str:
    """An action of logins, which nothing else is recorded with."""
    action = f"A{uuid4().hex}"
    record(api, action, "nowhere", ok=True, times=1)
    return action


def record(
    api: TestClient, action: str, country: str, *, ok: bool, times: int, at: datetime | None = None
) -> None:
    row = {
        **{"resourceType": "T", "resourceId": "1", "action": action, "origin": "O"},
        **({"timestamp": format_instant(at)} if at else {}),
        "interaction": {"country": country, "ok": ok},
    }
    assert api.post("/api/interactions/batch", json=[row] * times).status_code == 201


def metric(api: TestClient, action: str, **body: Any) -> str:
    definition = {"name": f"m {uuid4()}", "metricType": "COUNT", "action": action, **body}
    answer = api.post(METRICS, json=definition)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["metricId"])


def failure_rate(api: TestClient, action: str, **body: Any) -> str:
    sides = {
        "numerator": {"metricType": "COUNT", "filters": [FAILED]},
        "denominator": {"metricType": "COUNT"},
    }
    return metric(api, action, metricType="RATIO", scale=100, groupBy=COUNTRY, **sides, **body)


def guard(metric_id: str, threshold: float = 5, operator: str = "gte") -> dict[str, Any]:
    return {"metricId": metric_id, "operator": operator, "threshold": threshold}


def definition(metric_id: str, *guards: dict[str, Any], **body: Any) -> dict[str, Any]:
    return {
        **{"title": "Many failed logins", "metricId": metric_id, "operator": "gt", "threshold": 20},
        **{"alertAction": "fired", "recoveryAction": "recovered", "interval": "24h"},
        "onlyWhen": list(guards),
        **body,
    }


def create(api: TestClient, *args: Any, **body: Any) -> dict[str, Any]:
    answer = api.post(ALERTS, json=definition(*args, **body))
    assert answer.status_code == 201, answer.text
    alert: dict[str, Any] = answer.json()
    return alert


def evaluate(api: TestClient, alert: dict[str, Any]) -> dict[str, Any]:
    answer = api.post(f"{ALERTS}/{alert['alertId']}/evaluate")
    assert answer.status_code == 200, answer.text
    evaluation: dict[str, Any] = answer.json()
    return evaluation


def states(api: TestClient, alert: dict[str, Any]) -> dict[str, tuple[str, Any]]:
    groups = api.get(f"{ALERTS}/{alert['alertId']}/states").json()
    return {g["dimensions"]["interaction_country"]: (g["status"], g["value"]) for g in groups}


def fields(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {error["field"]: error["message"] for error in answer.json()["errors"]}


def test_a_group_fires_only_where_its_guard_holds(api: TestClient, action: str) -> None:
    record(api, action, "ZA", ok=False, times=3)
    record(api, action, "ZA", ok=True, times=3)
    record(api, action, "US", ok=False, times=2)
    logins = metric(api, action, groupBy=COUNTRY)
    alert = create(api, failure_rate(api, action), guard(logins))
    assert alert["onlyWhen"] == [guard(logins)]
    assert states(api, alert) == {
        "ZA": ("FIRING", 50),
        "US": ("OK", None),
        "nowhere": ("OK", None),
    }
    record(api, action, "US", ok=False, times=3)
    (transition,) = evaluate(api, alert)["transitions"]
    assert transition["dimensions"] == {"interaction_country": "US"}
    assert transition["value"] == 100
    (value,) = transition["guards"]
    assert value == {**guard(logins), "metricName": value["metricName"], "value": 5}
    assert transition["definition"]["onlyWhen"] == [guard(logins)]


def test_the_interaction_of_a_transition_has_the_guards_with_their_values(
    api: TestClient, action: str
) -> None:
    record(api, action, "ZA", ok=False, times=6)
    total, ungrouped = metric(api, action, groupBy=COUNTRY, name="Logins"), metric(api, action)
    guards = (guard(total), guard(ungrouped, 100, "lt"))
    alert = create(api, failure_rate(api, action), *guards)
    (transition,) = api.get(f"{ALERTS}/{alert['alertId']}/transitions").json()["transitions"]
    recorded = api.get(f"/api/interactions/{transition['interactionId']}").json()
    assert recorded["interaction"]["guards"] == transition["guards"]
    assert recorded["interaction"]["unit"] == "%"
    grouped, total_guard = transition["guards"]
    assert (grouped["metricName"], grouped["value"], total_guard["value"]) == ("Logins", 6, 7)


def test_a_firing_group_whose_guard_falls_recovers(api: TestClient, action: str) -> None:
    record(api, action, "ZA", ok=False, times=6)
    others = f"A{uuid4().hex}"
    record(api, others, "ZA", ok=True, times=1)
    quiet = metric(api, others)
    alert = create(api, failure_rate(api, action), guard(quiet, 1, "lte"))
    kept = create(api, failure_rate(api, action), guard(quiet, 1, "lte"), noData="keep")
    assert states(api, alert)["ZA"] == states(api, kept)["ZA"] == ("FIRING", 100)
    record(api, others, "ZA", ok=True, times=1)
    (recovery,) = evaluate(api, alert)["transitions"]
    assert (recovery["status"], recovery["reason"], recovery["value"]) == ("OK", "recovered", None)
    assert [each["value"] for each in recovery["guards"]] == [2]
    assert evaluate(api, kept)["transitions"] == []
    assert states(api, kept)["ZA"] == ("FIRING", None)


@pytest.mark.parametrize(
    ("body", "operator", "threshold", "fires"),
    [
        ({}, "eq", 0, True),
        ({}, "gte", 1, False),
        ({"metricType": "DISTINCT_COUNT", "field": "userId"}, "lt", 1, True),
        ({"metricType": "AVG", "field": "interaction.n"}, "lt", 1, False),
        ({"metricType": "MAX", "field": "interaction.n"}, "neq", 1, False),
    ],
)
def test_an_absent_guard_row_has_the_value_over_nothing(
    api: TestClient, action: str, body: dict[str, Any], operator: str, threshold: float, fires: bool
) -> None:
    record(api, action, "ZA", ok=False, times=1)
    other = f"A{uuid4().hex}"
    record(api, other, "elsewhere", ok=True, times=1)
    for groups in ([], COUNTRY):
        elsewhere = metric(
            api,
            other,
            **body,
            groupBy=groups,
            filters=[{"field": "interaction.country", "operator": "eq", "value": "no country"}],
        )
        alert = create(api, failure_rate(api, action), guard(elsewhere, threshold, operator))
        assert states(api, alert)["ZA"][0] == ("FIRING" if fires else "OK")


def test_a_guard_is_also_found_by_the_name_of_its_metric(api: TestClient, action: str) -> None:
    name = f"Logins {action}"
    logins = metric(api, action, name=name)
    named = {"metric": name, "operator": "gte", "threshold": 1}
    alert = create(api, failure_rate(api, action), named)
    assert alert["onlyWhen"] == [guard(logins, 1)]
    both = create(api, failure_rate(api, action), {**named, "metricId": logins})
    assert both["onlyWhen"] == [guard(logins, 1)]
    metric(api, action, name=name)
    problems = fields(api.post(ALERTS, json=definition(failure_rate(api, action), named)))
    assert problems == {"onlyWhen[0].metric": "is the name of 2 metrics: give metricId"}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"metricId": NOBODY}, "metricId"),
        ({"metricId": "x"}, "metricId"),
        ({"metricId": None}, "metricId"),
        ({"metricId": None, "metric": "not there"}, "metric"),
        ({"metric": "not there"}, "metric"),
        ({"operator": None}, "operator"),
        ({"operator": "is"}, "operator"),
        ({"threshold": None}, "threshold"),
        ({"threshold": True}, "threshold"),
        ({"for": "5m"}, "for"),
    ],
)
def test_a_problem_of_a_guard_names_its_member(
    api: TestClient, action: str, wrong: dict[str, Any], field: str
) -> None:
    valid = guard(metric(api, action))
    body = definition(failure_rate(api, action), valid, {**valid, **wrong})
    assert list(fields(api.post(ALERTS, json=body))) == [f"onlyWhen[1].{field}"]


def test_a_guard_may_only_be_grouped_by_fields_of_the_metric(api: TestClient, action: str) -> None:
    by_user = metric(api, action, groupBy=[*COUNTRY, "userId"])
    problems = fields(api.post(ALERTS, json=definition(failure_rate(api, action), guard(by_user))))
    assert list(problems) == ["onlyWhen[0].metricId"]
    assert "userId" in problems["onlyWhen[0].metricId"]


@pytest.mark.parametrize("guards", [None, "x", [5], [{}] * 6])
def test_guards_of_another_shape_are_rejected(api: TestClient, action: str, guards: Any) -> None:
    body = definition(failure_rate(api, action)) | {"onlyWhen": guards}
    answer = api.post(ALERTS, json=body)
    if guards is None:
        assert answer.json()["onlyWhen"] == []
        return
    assert all(field.startswith("onlyWhen") for field in fields(answer))


def test_missing_data_cannot_fire_with_guards(api: TestClient, action: str) -> None:
    rate, guarding = failure_rate(api, action), guard(metric(api, action))
    problems = fields(api.post(ALERTS, json=definition(rate, guarding, noData="firing")))
    assert list(problems) == ["noData"]
    assert create(api, rate, noData="firing")["noData"] == "firing"


def test_a_metric_that_is_a_guard_cannot_be_deleted(api: TestClient, action: str) -> None:
    logins, rate = metric(api, action), failure_rate(api, action)
    alert = create(api, rate, guard(logins), guard(logins, 100, "lt"))
    answer = api.delete(f"{METRICS}/{logins}")
    assert answer.status_code == 409
    assert "Many failed logins" in answer.json()["detail"]
    path = f"{ALERTS}/{alert['alertId']}"
    assert api.put(path, json=definition(rate)).status_code == 200
    assert api.delete(f"{METRICS}/{logins}").status_code == 204


def test_a_deleted_alert_no_longer_keeps_its_guards(api: TestClient, action: str) -> None:
    logins = metric(api, action)
    alert = create(api, failure_rate(api, action), guard(logins))
    assert api.delete(f"{ALERTS}/{alert['alertId']}").status_code == 204
    assert api.delete(f"{METRICS}/{logins}").status_code == 204


def test_changed_guards_resolve_firing_groups(api: TestClient, action: str) -> None:
    record(api, action, "ZA", ok=False, times=6)
    logins, rate = metric(api, action), failure_rate(api, action)
    alert = create(api, rate, guard(logins), guard(logins, 100, "lt"))
    path = f"{ALERTS}/{alert['alertId']}"

    def reasons() -> list[str]:
        page = api.get(f"{path}/transitions").json()["transitions"]
        return [each["reason"] for each in reversed(page)]

    reordered = definition(rate, guard(logins, 100, "lt"), guard(logins), severity="info")
    assert api.put(path, json=reordered).status_code == 200
    assert reasons() == ["threshold"]
    assert api.put(path, json=definition(rate, guard(logins, 6))).status_code == 200
    assert reasons() == ["threshold", "changed"]
    evaluate(api, alert)
    narrower = {"metricType": "COUNT", "action": action, "name": "m", "timeWindow": "1h"}
    assert api.put(f"{METRICS}/{logins}", json=narrower).status_code == 200
    assert reasons() == ["threshold", "changed", "threshold", "changed"]
    assert "guards" not in api.get(f"{path}/transitions").json()["transitions"][0]


def test_the_groups_of_a_metric_must_keep_matching_the_guards_of_its_alerts(
    api: TestClient, action: str
) -> None:
    logins, rate = metric(api, action, groupBy=COUNTRY), failure_rate(api, action)
    create(api, rate, guard(logins))
    count = {"metricType": "COUNT", "action": action, "name": "m"}
    finer = api.put(f"{METRICS}/{logins}", json={**count, "groupBy": [*COUNTRY, "userId"]})
    assert finer.status_code == 409
    assert "userId" in finer.json()["detail"]
    ungrouped = api.put(f"{METRICS}/{rate}", json=count)
    assert ungrouped.status_code == 409
    assert api.put(f"{METRICS}/{logins}", json=count).status_code == 200


def test_a_backtest_applies_the_guards(api: TestClient, action: str) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    for minute, country, times in ((30, "ZA", 8), (20, "US", 3)):
        at = now - timedelta(minutes=minute)
        record(api, action, country, ok=False, times=times, at=at)
    rate = failure_rate(api, action, timeWindow="5m")
    logins = metric(api, action, groupBy=COUNTRY, timeWindow="5m")
    span = {
        **{"from": format_instant(now - timedelta(hours=1)), "to": format_instant(now)},
        "step": "1m",
    }

    def fired(*guards: dict[str, Any]) -> set[str]:
        alert = {k: v for k, v in definition(rate, *guards).items() if k != "title"}
        answer = api.post(f"{ALERTS}/backtest", json={"alert": alert, **span})
        assert answer.status_code == 200, answer.text
        return {each["dimensions"]["interaction_country"] for each in answer.json()["results"]}

    assert fired() == {"ZA", "US"}
    assert fired(guard(logins)) == {"ZA"}
    assert fired(guard(logins), guard(logins, 8, "lt")) == set()
    assert fired(guard(metric(api, action, timeWindow="3m"), 8)) == {"ZA"}


def test_an_alert_without_guards_answers_an_empty_list(api: TestClient, action: str) -> None:
    rate = failure_rate(api, action)
    body = {k: v for k, v in definition(rate).items() if k != "onlyWhen"}
    alert = api.post(ALERTS, json=body).json()
    assert alert["onlyWhen"] == []
    patched = api.patch(f"{ALERTS}/{alert['alertId']}", json={"onlyWhen": [guard(rate)]})
    assert patched.status_code == 200, patched.text
    assert patched.json()["onlyWhen"] == [guard(rate)]
    groups = api.get(f"{ALERTS}/{alert['alertId']}/states").json()
    assert all(len(group["guards"]) == 1 for group in groups)

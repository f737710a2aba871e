"""A RATIO over HTTP: its definition, and its values in every route that calculates."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tocsin.model.instant import format_instant

PATH = "/api/interaction-metrics"
AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)
FAILED = {"field": "interaction.ok", "operator": "eq", "value": False}
RATIO: dict[str, Any] = {
    "name": "Login failure rate",
    "metricType": "RATIO",
    "resourceType": "USER",
    "timeWindow": "1h",
    "groupBy": ["interaction.country"],
    "numerator": {"metricType": "COUNT", "action": "login", "filters": [FAILED]},
    "denominator": {"metricType": "COUNT", "action": "login"},
    "scale": 100,
    "minimumDenominator": 2,
}
LOGINS = {"ZA": (7, 9), "US": (0, 4), "NZ": (1, 1)}
ROWS = [
    {
        "value": 77.7777777777778,
        "dimensions": {"interaction_country": "ZA"},
        "numerator": 7,
        "denominator": 9,
    },
    {
        "value": 0,
        "dimensions": {"interaction_country": "US"},
        "numerator": 0,
        "denominator": 4,
    },
    {
        "value": None,
        "dimensions": {"interaction_country": "NZ"},
        "numerator": 1,
        "denominator": 1,
    },
]


@pytest.fixture(scope="module")
def metric(api: TestClient) -> dict[str, Any]:
    rows = [
        {
            "resourceId": "1",
            "resourceType": "USER",
            "action": "login",
            "origin": "WEB",
            "interaction": {"country": country, "ok": number >= failed},
            "timestamp": format_instant(AT - timedelta(minutes=number)),
        }
        for country, (failed, logins) in LOGINS.items()
        for number in range(logins)
    ]
    assert api.post("/api/interactions/batch", json=rows).status_code == 201
    answer = api.post(PATH, json=RATIO)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


def calculated(api: TestClient, path: str, **options: Any) -> dict[str, Any]:
    answer = api.post(f"{PATH}/{path}", params={"at": format_instant(AT)}, **options)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_a_ratio_answers_its_sides_with_mnemonics_and_ids(
    api: TestClient, metric: dict[str, Any]
) -> None:
    assert metric["scale"] == 100
    assert metric["minimumDenominator"] == 2
    assert metric["field"] is None
    side = metric["numerator"]
    assert (side["metricType"], side["action"], side["filters"]) == ("COUNT", "login", [FAILED])
    actions = {each["mnemonic"]: each["actionId"] for each in api.get("/api/actions").json()}
    assert side["actionId"] == actions["login"]
    assert side["resourceTypeId"] is None
    assert api.get(f"{PATH}/{metric['metricId']}").json() == metric


def test_other_metrics_have_no_members_of_a_ratio(api: TestClient) -> None:
    count = api.post(PATH, json={"name": "n", "metricType": "COUNT"}).json()
    assert not {"numerator", "denominator", "scale", "minimumDenominator"} & set(count)
    row = calculated(api, f"{count['metricId']}/calculate")["results"][0]
    assert set(row) == {"value", "dimensions"}


def test_an_answer_of_the_api_can_be_put_back(api: TestClient, metric: dict[str, Any]) -> None:
    answered = ("metricId", "createdDate", "modifiedDate")
    body = {member: value for member, value in metric.items() if member not in answered}
    answer = api.put(f"{PATH}/{metric['metricId']}", json=body)
    assert answer.status_code == 200, answer.text
    changed = ("modifiedDate",)
    assert {k: v for k, v in answer.json().items() if k not in changed} == {
        k: v for k, v in metric.items() if k not in changed
    }


def test_every_row_of_a_ratio_has_its_sides(api: TestClient, metric: dict[str, Any]) -> None:
    answer = calculated(api, f"{metric['metricId']}/calculate")
    assert (answer["metricType"], answer["unit"], answer["results"]) == ("RATIO", "%", ROWS)
    assert calculated(api, "preview", json=RATIO)["results"] == ROWS
    every = calculated(api, "calculate-all")["results"]
    entry = next(each for each in every if each["metricId"] == metric["metricId"])
    assert entry["results"] == ROWS
    assert (entry["resultCount"], entry["sampleValue"]) == (3, 77.7777777777778)


def test_rows_are_truncated_in_order(api: TestClient, metric: dict[str, Any]) -> None:
    answer = api.post(
        f"{PATH}/{metric['metricId']}/calculate", params={"at": format_instant(AT), "limit": 1}
    ).json()
    assert (answer["results"], answer["truncated"], answer["groupCount"]) == (ROWS[:1], True, 3)


def test_a_ratio_has_a_series_that_is_null_where_its_denominator_is_too_small(
    api: TestClient, metric: dict[str, Any]
) -> None:
    body = {
        "from": format_instant(AT - timedelta(hours=2)),
        "to": format_instant(AT),
        "step": "1h",
    }
    answer = api.post(f"{PATH}/{metric['metricId']}/series", json=body).json()
    assert answer["unit"] == "%"
    values = [
        (line["dimensions"]["interaction_country"], *(p["value"] for p in line["points"]))
        for line in answer["series"]
    ]
    assert values == [("ZA", None, 77.7777777777778), ("US", None, 0), ("NZ", None, None)]


def test_a_ratio_is_explained_by_its_one_query(api: TestClient, metric: dict[str, Any]) -> None:
    answer = api.get(f"{PATH}/{metric['metricId']}/explain")
    assert answer.status_code == 200
    assert answer.json()["sql"].count("FROM interactions") == 1


def test_ungrouped_over_nothing_a_ratio_is_null(api: TestClient) -> None:
    body = {k: v for k, v in RATIO.items() if k != "groupBy"} | {"timeWindow": "1m"}
    body["filters"] = [{"field": "interaction.never", "operator": "exists"}]
    expected = {"value": None, "dimensions": None, "numerator": 0, "denominator": 0}
    assert calculated(api, "preview", json=body)["results"] == [expected]
    del body["minimumDenominator"], body["scale"]
    answer = calculated(api, "preview", json=body)
    assert (answer["results"], "unit" in answer) == ([expected], False)


def test_an_entry_that_only_a_side_uses_is_not_deleted(api: TestClient) -> None:
    entry = api.post("/api/actions", json={"mnemonic": "reset", "title": "Reset"}).json()
    side = {"metricType": "COUNT", "action": "reset"}
    metric = api.post(PATH, json={**RATIO, "name": "of a side", "denominator": side}).json()
    answer = api.delete(f"/api/actions/{entry['actionId']}")
    assert answer.status_code == 409
    assert "of a side" in answer.json()["detail"]
    assert api.delete(f"{PATH}/{metric['metricId']}").status_code == 204
    assert api.delete(f"/api/actions/{entry['actionId']}").status_code == 204


def test_problems_of_a_side_are_named_by_their_path(api: TestClient) -> None:
    answer = api.post(PATH, json={**RATIO, "denominator": {"metricType": "SUM", "nope": 1}})
    assert answer.status_code == 422
    fields = {error["field"] for error in answer.json()["errors"]}
    assert fields == {"denominator.field", "denominator.nope"}


def test_the_types_list_ratio(api: TestClient) -> None:
    types = {each["mnemonic"]: each for each in api.get(f"{PATH}/types").json()}
    assert types["RATIO"]["name"] == "Ratio"
    assert not types["RATIO"]["requiresField"]
    assert not types["RATIO"]["requiresTimeWindow"]
    answer = api.post(
        PATH,
        json={**RATIO, "metricType": None, "metricTypeId": types["RATIO"]["metricTypeId"]},
    )
    assert answer.status_code == 201
    api.delete(f"{PATH}/{answer.json()['metricId']}")


def test_an_alert_on_a_ratio_records_the_sides_and_takes_null_for_no_data(
    api: TestClient,
) -> None:
    rows = [
        {
            **{"resourceId": "1", "resourceType": "USER", "action": "enter", "origin": "WEB"},
            "interaction": {"country": country, "ok": ok},
        }
        for country, ok in [("ZA", False), ("ZA", False), ("ZA", True), ("US", False)]
    ]
    assert api.post("/api/interactions/batch", json=rows).status_code == 201
    sides = {
        "numerator": {"metricType": "COUNT", "action": "enter", "filters": [FAILED]},
        "denominator": {"metricType": "COUNT", "action": "enter"},
    }
    metric = api.post(PATH, json={**RATIO, "name": "entering", **sides}).json()
    body = {
        **{"title": "Failing", "metricId": metric["metricId"], "operator": "gt", "threshold": 50},
        "alertAction": "fired",
    }
    alert = api.post("/api/interaction-alerts", json=body).json()
    path = f"/api/interaction-alerts/{alert['alertId']}"
    groups = api.get(f"{path}/states").json()
    assert [(g["dimensions"]["interaction_country"], g["status"], g["value"]) for g in groups] == [
        ("ZA", "FIRING", 66.6666666666667),
        ("US", "OK", None),
    ]
    transition = api.get(f"{path}/transitions").json()["transitions"][0]
    question = transition["definition"]["question"]
    assert (question["scale"], question["numerator"]["filters"]) == (100, [FAILED])
    recorded = api.get(f"/api/interactions/{transition['interactionId']}").json()["interaction"]
    assert (recorded["value"], recorded["numerator"], recorded["denominator"]) == (
        66.6666666666667,
        2,
        3,
    )
    shown = [transition[name] for name in ("value", "numerator", "denominator", "unit")]
    assert shown == [66.6666666666667, 2, 3, "%"]
    api.delete(path)
    recovered = api.get("/api/interaction-alerts/transitions").json()["transitions"][0]
    assert (recovered["status"], recovered["reason"]) == ("OK", "disabled")
    assert "numerator" not in recovered

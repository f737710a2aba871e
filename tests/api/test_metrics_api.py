"""Definitions of metrics over HTTP, and the shapes of their values."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tocsin.model.instant import format_instant, parse_instant

PATH = "/api/interaction-metrics"
AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)
BIG = 10**40 + 1
NOBODY = "7f1f4b1c-6f0c-4e29-8f7a-0c4d7e1a9b11"
FULL = {
    "name": "Total by country",
    "description": "d",
    "metricType": "SUM",
    "resourceType": "CUSTOMER",
    "action": "pay",
    "origin": "WEB",
    "field": "interaction.total",
    "filters": [
        {"field": "interaction.big", "operator": "neq", "value": BIG},
        {"field": "interaction.refused", "operator": "not_exists"},
    ],
    "timeWindow": "24h",
    "groupBy": ["interaction.country"],
}


@pytest.fixture(scope="module", autouse=True)
def _recorded(api: TestClient) -> None:
    paid = [("ZA", 10, 1), ("ZA", 5.5, 2), ("US", 7, 3), (None, 1, 4), ("US", 100, 48 * 60)]
    rows = [
        {
            "resourceId": "1",
            "resourceType": "CUSTOMER",
            "action": "pay",
            "origin": "WEB",
            "interaction": {"country": country, "total": total},
            "timestamp": format_instant(AT - timedelta(minutes=ago)),
        }
        for country, total, ago in paid
    ]
    assert api.post("/api/interactions/batch", json=rows).status_code == 201


def create(api: TestClient, **body: Any) -> dict[str, Any]:
    answer = api.post(PATH, json={"name": "n", "metricType": "COUNT", **body})
    assert answer.status_code == 201, answer.text
    metric: dict[str, Any] = answer.json()
    return metric


def at(api: TestClient, path: str, **options: Any) -> dict[str, Any]:
    answer = api.post(f"{PATH}/{path}", params={"at": format_instant(AT)}, **options)
    assert answer.status_code == 200, answer.text
    calculated: dict[str, Any] = answer.json()
    return calculated


def test_a_metric_lives_from_creation_to_deletion(api: TestClient) -> None:
    answer = api.post(PATH, json=FULL)
    assert answer.status_code == 201
    metric = answer.json()
    # The fields of this definition do not occur in this installation.
    assert {warning["field"] for warning in metric.pop("warnings")} >= {"filters[0].field"}
    assert {name: metric[name] for name in FULL} == FULL
    assert metric["enabled"] is True
    assert list(metric) == [
        *("metricId", "name", "description", "metricTypeId", "metricType"),
        *("resourceTypeId", "resourceType", "actionId", "action", "originId", "origin"),
        *("field", "filters", "timeWindow", "groupBy"),
        *("enabled", "expose", "key", "managedBy", "createdDate", "modifiedDate"),
    ]
    path = answer.headers["location"]
    assert path == f"{PATH}/{metric['metricId']}"
    assert api.get(path).json() == metric
    assert metric in api.get(PATH).json()

    replaced = api.put(path, json={"name": "m", "metricType": "COUNT", "enabled": False})
    assert replaced.status_code == 200
    assert replaced.json() == {
        **dict.fromkeys(metric),
        "expose": False,
        "metricId": metric["metricId"],
        "name": "m",
        "metricTypeId": replaced.json()["metricTypeId"],
        "metricType": "COUNT",
        "filters": [],
        "groupBy": [],
        "enabled": False,
        "createdDate": metric["createdDate"],
        "modifiedDate": replaced.json()["modifiedDate"],
    }
    assert api.get(path).json() == replaced.json()

    gone = api.delete(path)
    assert (gone.status_code, gone.content) == (204, b"")
    assert {api.get(path).status_code, api.delete(path).status_code} == {404}


def test_a_response_can_be_sent_back(api: TestClient) -> None:
    metric = create(api, **FULL)
    ours = {"metricId", "createdDate", "modifiedDate", "warnings"}
    body = {name: value for name, value in metric.items() if name not in ours}
    replaced = api.put(f"{PATH}/{metric['metricId']}", json=body).json()
    assert {**replaced, "modifiedDate": None} == {**metric, "modifiedDate": None}


@pytest.mark.parametrize("id", [NOBODY, "x", "123"])
def test_a_missing_metric_is_404(api: TestClient, id: str) -> None:
    span = {"from": format_instant(AT - timedelta(hours=1)), "to": format_instant(AT), "step": "5m"}
    answers = [
        api.get(f"{PATH}/{id}"),
        api.put(f"{PATH}/{id}", json={"name": "n", "metricType": "COUNT"}),
        api.delete(f"{PATH}/{id}"),
        api.post(f"{PATH}/{id}/calculate"),
        api.post(f"{PATH}/{id}/series", json=span),
        api.get(f"{PATH}/{id}/explain"),
    ]
    assert {answer.status_code for answer in answers} == {404}


def test_a_wrong_definition_is_422_for_create_replace_and_preview_alike(api: TestClient) -> None:
    metric = create(api)["metricId"]
    body = {"name": "", "metricType": "RATE", "field": "x", "filters": [{"operator": "like"}]}
    expected = {"name", "field", "timeWindow", "filters[0].field", "filters[0].operator"}
    for answer in (
        api.post(PATH, json=body),
        api.put(f"{PATH}/{metric}", json=body),
        api.post(f"{PATH}/preview", json=body),
    ):
        assert answer.status_code == 422
        assert {error["field"] for error in answer.json()["errors"]} == expected


def test_there_are_ten_types_and_their_ids_are_taken(api: TestClient) -> None:
    types = api.get(f"{PATH}/types").json()
    assert [kind["mnemonic"] for kind in types] == [
        *("COUNT", "SUM", "AVG", "MIN", "MAX", "DISTINCT_COUNT", "RATE"),
        *("PERCENTILE", "LATEST", "RATIO"),
    ]
    assert [kind["name"] for kind in types] == [
        *("Count", "Sum", "Average", "Minimum", "Maximum", "Distinct Count", "Rate"),
        *("Percentile", "Latest", "Ratio"),
    ]
    for kind in types:
        body: dict[str, Any] = {"name": "n", "metricTypeId": kind["metricTypeId"]}
        if kind["requiresField"]:
            body["field"] = "interaction.total"
        if kind["requiresTimeWindow"]:
            body["timeWindow"] = "5m"
        if kind["mnemonic"] == "PERCENTILE":
            body["percentile"] = 95
        if kind["mnemonic"] == "RATIO":
            count = {"metricType": "COUNT"}
            body |= {"numerator": count, "denominator": count}
        assert api.post(f"{PATH}/preview", json=body).json()["metricType"] == kind["mnemonic"]


def test_a_calculation_names_the_metric_and_the_instant(api: TestClient) -> None:
    metric = create(api, name="all", timeWindow="5m")
    assert at(api, f"{metric['metricId']}/calculate") == {
        "metricId": metric["metricId"],
        "metricName": "all",
        "metricType": "COUNT",
        "calculatedAt": "2026-03-20T14:30:00.000Z",
        "results": [{"value": 4, "dimensions": None}],
    }


def test_a_grouped_calculation_has_a_row_for_each_group_by_value(api: TestClient) -> None:
    metric = create(api, **FULL)
    assert at(api, f"{metric['metricId']}/calculate")["results"] == [
        {"value": 15.5, "dimensions": {"interaction_country": "ZA"}},
        {"value": 7, "dimensions": {"interaction_country": "US"}},
        {"value": 1, "dimensions": {"interaction_country": None}},
    ]


def test_rows_past_the_limit_are_cut_and_counted(api: TestClient) -> None:
    metric = create(api, **FULL)
    instant = format_instant(AT)
    answer = api.post(f"{PATH}/{metric['metricId']}/calculate?at={instant}&limit=2").json()
    assert len(answer["results"]) == 2
    assert (answer["truncated"], answer["groupCount"]) == (True, 3)
    whole = api.post(f"{PATH}/{metric['metricId']}/calculate?at={instant}&limit=3").json()
    assert not {"truncated", "groupCount"} & set(whole)


def test_a_rate_has_a_unit_and_nothing_else_has(api: TestClient) -> None:
    rate = at(api, "preview", json={"metricType": "RATE", "timeWindow": "2h"})
    assert (rate["unit"], rate["results"][0]["value"]) == ("per hour", 2)
    assert "unit" not in at(api, "preview", json={"metricType": "COUNT", "timeWindow": "2h"})


def test_a_preview_is_what_calculate_would_answer_without_an_id(api: TestClient) -> None:
    metric = create(api, **FULL)
    saved = at(api, f"{metric['metricId']}/calculate")
    preview = at(api, "preview", json=FULL)
    assert preview == {**saved, "metricId": None, "warnings": preview["warnings"]}
    unnamed = {name: value for name, value in FULL.items() if name != "name"}
    assert at(api, "preview", json=unnamed) == {**preview, "metricName": None}


def test_an_instant_with_an_offset_is_the_same_instant(api: TestClient) -> None:
    metric = create(api, **FULL)
    there = api.post(
        f"{PATH}/{metric['metricId']}/calculate", params={"at": "2026-03-20T16:30:00+02:00"}
    )
    assert there.json() == at(api, f"{metric['metricId']}/calculate")


def test_calculating_all_leaves_out_disabled_metrics(api: TestClient) -> None:
    on, off = create(api, **FULL), create(api, name="off", enabled=False)
    answer = at(api, "calculate-all")
    by_id = {result["metricId"]: result for result in answer["results"]}
    assert answer["calculated"] == len(answer["results"])
    assert off["metricId"] not in by_id
    assert by_id[on["metricId"]] == {
        **at(api, f"{on['metricId']}/calculate"),
        "resultCount": 3,
        "sampleValue": 15.5,
    }
    assert at(api, f"{off['metricId']}/calculate")["results"][0]["value"] == 5


def test_calculating_all_takes_a_limit(api: TestClient) -> None:
    metric = create(api, **FULL)
    answer = api.post(f"{PATH}/calculate-all", params={"at": format_instant(AT), "limit": 1}).json()
    result = next(r for r in answer["results"] if r["metricId"] == metric["metricId"])
    assert (result["resultCount"], result["truncated"], result["groupCount"]) == (1, True, 3)


def test_a_series_has_a_point_at_its_end_and_each_step_before(api: TestClient) -> None:
    metric = create(api, timeWindow="5m", groupBy=["interaction.country"])
    body = {
        "from": format_instant(AT - timedelta(minutes=12)),
        "to": format_instant(AT),
        "step": "5m",
    }
    answer = api.post(f"{PATH}/{metric['metricId']}/series", json=body).json()
    assert set(answer) == {"metricId", "metricName", "metricType", "series"}
    lines = {line["dimensions"]["interaction_country"]: line for line in answer["series"]}
    assert set(lines) == {"ZA", "US", None}
    assert lines["ZA"]["points"] == [
        {"at": "2026-03-20T14:20:00.000Z", "value": 0},
        {"at": "2026-03-20T14:25:00.000Z", "value": 0},
        {"at": "2026-03-20T14:30:00.000Z", "value": 2},
    ]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"from", "to", "step"}),
        ({"from": "x", "to": 5, "step": "5s", "y": 1}, {"from", "to", "step", "y"}),
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z", "step": "5m"}, {"from"}),
        ({"from": "2026-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z", "step": "5m"}, {"step"}),
        ([], {""}),
    ],
)
def test_a_wrong_series_is_422(api: TestClient, body: Any, fields: set[str]) -> None:
    answer = api.post(f"{PATH}/{create(api)['metricId']}/series", json=body)
    assert answer.status_code == 422
    assert {error["field"] for error in answer.json()["errors"]} == fields


def test_an_explanation_has_the_query_its_parameters_and_its_cost(api: TestClient) -> None:
    metric = create(api, **FULL)
    answer = api.get(f"{PATH}/{metric['metricId']}/explain", params={"at": format_instant(AT)})
    assert answer.status_code == 200
    explanation = answer.json()
    cost = {"rowsRead", "bytesRead", "elapsedMs"}
    assert set(explanation) == {"sql", "parameters", "promoted", "fromRollup", *cost}
    assert "SELECT" in explanation["sql"]
    assert "country" not in explanation["sql"]
    # It may have been promoted by now.
    assert "country" in str([explanation["parameters"], explanation["promoted"]])
    assert explanation["rowsRead"] >= 4


def test_the_fields_that_occur_are_discovered_in_a_scope(api: TestClient) -> None:
    sent = {"resourceId": "1", "resourceType": "SHIP", "action": "sail", "origin": "SEA"}
    interaction = {"name": "Argo", "crew": [1], "gone": None, "at": {"x.y": True, "z": {}}}
    ship = api.post("/api/interactions", json={**sent, "interaction": interaction}).json()
    path = f"{PATH}/fields/discover"
    names = ["interaction.at.x\\.y", "interaction.crew", "interaction.name"]
    assert api.get(path, params={"resourceTypeId": ship["resourceTypeId"]}).json() == names
    assert api.get(path, params={"actionId": ship["actionId"]}).json() == names
    everywhere = api.get(path).json()
    assert everywhere == sorted({*names, "interaction.country", "interaction.total"})
    assert api.get(f"{path}?resourceTypeId=&actionId=").json() == everywhere
    details = api.get(path, params={"actionId": ship["actionId"], "detail": True}).json()
    assert details[2] == {
        "field": "interaction.name",
        "types": ["string"],
        "occurrences": 1,
        "examples": ["Argo"],
    }


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("resourceTypeId=x", "resourceTypeId"),
        (f"actionId={NOBODY}", "actionId"),
        ("detail=maybe", "detail"),
    ],
)
def test_discovering_in_a_scope_that_is_not_there_is_422(
    api: TestClient, query: str, field: str
) -> None:
    answer = api.get(f"{PATH}/fields/discover?{query}")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *((f"limit={limit}", "limit") for limit in ("0", "-1", "100001", "x", "", "5.0", "1_0")),
        *((f"at={at}", "at") for at in ("", "now", "2026-03-20", "1969-01-01T00:00:00Z")),
        ("at=2026-03-20T14:30:00+02:00", "at"),
    ],
)
def test_a_parameter_that_is_wrong_is_422_and_named(
    api: TestClient, query: str, field: str
) -> None:
    metric = create(api)["metricId"]
    for path in (f"{metric}/calculate", "calculate-all"):
        answer = api.post(f"{PATH}/{path}?{query}")
        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_now_is_when_it_is_calculated_unless_an_instant_is_given(api: TestClient) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    answer = api.post(f"{PATH}/preview", json={"metricType": "COUNT"}).json()
    assert before <= parse_instant(answer["calculatedAt"]) <= datetime.now(UTC)


@pytest.mark.parametrize("member", ["resourceType", "action", "origin"])
def test_fields_are_discovered_by_mnemonic_by_id_or_by_both(api: TestClient, member: str) -> None:
    sent = {"resourceId": "1", "resourceType": "BARGE", "action": "tow", "origin": "CANAL"}
    barge = api.post("/api/interactions", json={**sent, "interaction": {"locks": 3}}).json()
    path, by_id = f"{PATH}/fields/discover", {f"{member}Id": barge[f"{member}Id"]}
    for scope in (by_id, {member: sent[member].lower()}, {member: sent[member], **by_id}):
        assert api.get(path, params=scope).json() == ["interaction.locks"]
    other = api.post("/api/interactions", json={**sent, member: "OTHER"}).json()
    for field, scope in {
        member: {member: "NO_SUCH"},
        f"{member}Id": {f"{member}Id": NOBODY, member: sent[member]},
        member.upper(): {member.upper(): sent[member]},
    }.items():
        refused = api.get(path, params=scope)
        assert refused.status_code == 422
        assert [error["field"] for error in refused.json()["errors"]] == [field]
    disagreeing = {member: sent[member], f"{member}Id": other[f"{member}Id"]}
    assert api.get(path, params=disagreeing).json()["errors"][0]["field"] == member


def test_examples_are_cut_and_the_field_has_truncated(api: TestClient) -> None:
    sent = {"resourceId": "1", "resourceType": "LONG", "action": "A", "origin": "O"}
    number = 10**300 + 7
    whole, longer = "é" * 320, "😀" * 200_000
    payload = {"whole": whole, "longer": longer, "array": [longer[:1000]], "number": number}
    recorded = api.post("/api/interactions", json={**sent, "interaction": payload})
    assert recorded.status_code == 201
    query: dict[str, Any] = {"resourceType": "LONG", "detail": True}
    answer = api.get(f"{PATH}/fields/discover", params=query)
    assert len(answer.content) < 20_000
    reports = {report["field"]: report for report in answer.json()}
    assert reports["interaction.longer"]["examples"] == [longer[:320]]
    assert reports["interaction.longer"]["truncated"] is True
    assert reports["interaction.whole"]["examples"] == [whole]
    assert reports["interaction.number"]["examples"] == [number]
    assert reports["interaction.array"]["examples"] == []
    assert [name for name, report in reports.items() if "truncated" in report] == [
        "interaction.longer"
    ]

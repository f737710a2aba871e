"""The values of metrics and the firing alerts, as Prometheus reads them at /metrics/values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from tocsin.api.prometheus_text import Gauge, dimension_labels, label_name, label_value
from tocsin.model.instant import format_instant

METRICS, ALERTS = "/api/interaction-metrics", "/api/interaction-alerts"
PATH = "/metrics/values"
COUNTRIES = ["ZA", "", None, "'", 'a "quoted" \\ text\nof two lines', "Zürich", "a\x00b"]

Sample = tuple[dict[str, str], float]


@pytest.fixture(scope="module", autouse=True)
def _interactions(api: TestClient) -> None:
    rows: list[dict[str, Any]] = [
        *({"country": country, "größe.1": "L", "n": 1} for country in COUNTRIES),
        *({"country": "ZA", "n": 1.5} for _ in range(2)),
    ]
    record(api, "EXPOSED", rows)
    record(api, "MANY", [{"number": str(number)} for number in range(1_100)])


def record(api: TestClient, resource_type: str, payloads: Iterable[dict[str, Any]]) -> None:
    at = format_instant(datetime.now(UTC))
    rows = [
        {
            "resourceId": "1",
            "resourceType": resource_type,
            "action": "read",
            "origin": "TEST",
            "interaction": payload,
            "timestamp": at,
        }
        for payload in payloads
    ]
    answer = api.post("/api/interactions/batch", json=rows)
    assert answer.status_code == 201, answer.text


def metric(api: TestClient, name: str, **members: Any) -> dict[str, Any]:
    body = {"name": name, "metricType": "COUNT", "resourceType": "EXPOSED", **members}
    answer = api.post(METRICS, json=body)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


def samples(api: TestClient, family: str) -> list[Sample]:
    answer = api.get(PATH)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {each.name: each for each in text_string_to_metric_families(answer.text)}
    return [(dict(sample.labels), sample.value) for sample in families[family].samples]


def of(name: str, given: Iterable[Sample]) -> list[Sample]:
    """The samples of a metric, without its name and id."""
    hidden = ("metric", "metric_id")
    return [
        ({label: text for label, text in labels.items() if label not in hidden}, value)
        for labels, value in given
        if labels["metric"] == name
    ]


def test_only_enabled_metrics_with_expose_are_exposed(api: TestClient) -> None:
    created = metric(api, "exposed", expose=True)
    assert created["expose"] is True
    assert metric(api, "not exposed")["expose"] is False
    metric(api, "disabled", expose=True, enabled=False)
    values = samples(api, "tocsin_metric_value")
    names = {labels["metric"] for labels, _ in values}
    assert "exposed" in names
    assert not names & {"not exposed", "disabled"}
    assert of("exposed", values) == [({"unit": ""}, len(COUNTRIES) + 2)]
    assert {labels["metric_id"] for labels, _ in values} >= {created["metricId"]}


def test_each_group_is_a_sample_and_no_two_groups_have_the_same_labels(api: TestClient) -> None:
    fields = ["interaction.country", "interaction.größe\\.1"]
    metric(api, "by country", expose=True, groupBy=fields)
    rows = of("by country", samples(api, "tocsin_metric_value"))
    escaped = "U__interaction__gr_f6__df_e____1"
    assert len(rows) == len(COUNTRIES) + 1
    assert len({tuple(sorted(labels.items())) for labels, _ in rows}) == len(rows)
    assert ({"unit": "", "interaction_country": "ZA"}, 2) in rows
    sized = {labels.get("interaction_country"): labels for labels, _ in rows if escaped in labels}
    # A null dimension is left out, an empty text is one apostrophe, and an apostrophe is two.
    texts = {None if text is None else label_value(text) for text in COUNTRIES}
    assert sized.keys() == texts
    assert {"'", "''"} <= texts


def test_values_that_are_null_are_left_out(api: TestClient) -> None:
    average = {"metricType": "AVG", "field": "interaction.n"}
    metric(api, "average", expose=True, groupBy=["interaction.country"], **average)
    metric(api, "nothing", expose=True, resourceType="MANY", **average)
    values = samples(api, "tocsin_metric_value")
    assert len(of("average", values)) == len(COUNTRIES)
    assert of("nothing", values) == []
    assert of("nothing", samples(api, "tocsin_metric_failed")) == [({}, 0)]


def test_the_unit_is_a_label(api: TestClient) -> None:
    metric(api, "rate", expose=True, metricType="RATE", timeWindow="1h")
    [(labels, value)] = of("rate", samples(api, "tocsin_metric_value"))
    assert labels == {"unit": "per hour"}
    assert value == len(COUNTRIES) + 2


def test_a_metric_has_at_most_a_thousand_rows(api: TestClient) -> None:
    metric(api, "many", expose=True, resourceType="MANY", groupBy=["interaction.number"])
    assert len(of("many", samples(api, "tocsin_metric_value"))) == 1_000
    assert of("many", samples(api, "tocsin_metric_rows_cut")) == [({}, 100)]
    assert of("exposed", samples(api, "tocsin_metric_rows_cut")) == [({}, 0)]


def test_metrics_of_one_name_differ_by_their_id(api: TestClient) -> None:
    for _ in range(2):
        metric(api, "twin", expose=True)
    twins = [labels for labels, _ in samples(api, "tocsin_metric_value")]
    ids = {labels["metric_id"] for labels in twins if labels["metric"] == "twin"}
    assert len(ids) == 2


def test_firing_groups_of_alerts_are_exposed(api: TestClient) -> None:
    watched = metric(api, "watched", groupBy=["interaction.country"])["metricId"]
    spec = {"metricId": watched, "operator": "gte", "alertAction": "fired", "severity": "critical"}
    for title, threshold in (("fires", 2), ("is quiet", 1_000)):
        answer = api.post(ALERTS, json={**spec, "title": title, "threshold": threshold})
        assert answer.status_code == 201, answer.text
    disabled = {**spec, "title": "is disabled", "threshold": 2, "enabled": False}
    assert api.post(ALERTS, json=disabled).status_code == 201
    shown = [
        ({name: text for name, text in labels.items() if name != "alert_id"}, value)
        for labels, value in samples(api, "tocsin_alert_firing")
    ]
    firing = {"alert": "fires", "severity": "critical", "interaction_country": "ZA"}
    assert (firing, 1) in shown
    assert ({"alert": "is quiet", "severity": "critical"}, 0) in shown
    assert all(labels["alert"] != "is disabled" for labels, _ in shown)


def test_expose_is_a_boolean_that_null_and_put_reset(api: TestClient) -> None:
    body = {"name": "reset", "metricType": "COUNT"}
    created = metric(api, "reset", expose=True)
    address = f"{METRICS}/{created['metricId']}"
    assert api.patch(address, json={"expose": None}).json()["expose"] is False
    assert api.patch(address, json={"expose": True}).json()["expose"] is True
    assert api.patch(address, json={"enabled": False}).json()["expose"] is True
    assert api.put(address, json=body).json()["expose"] is False
    wrongs: tuple[Any, ...] = ("yes", 1, [])
    for wrong in wrongs:
        answer = api.patch(address, json={"expose": wrong})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "expose"


def test_names_of_labels_are_valid_and_different() -> None:
    names = ["interaction_country", "U__x", "__reserved", "größe", "gr_f6_e", "名前", "a__b", "_a"]
    written = [label_name(name) for name in names]
    assert len(set(written)) == len(names)
    assert all(re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name) for name in written)
    assert not any(name.startswith("__") for name in written)
    assert label_name("interaction_country") == "interaction_country"


@pytest.mark.parametrize("value", [0, -1, 2**53, 10**40, 10**400, -(10**400), 0.1, 1e-320, 1e300])
def test_numbers_are_written_as_doubles(value: float) -> None:
    text = "".join(Gauge("g", "h", [({"a": "b"}, value)]).lines())
    [family] = text_string_to_metric_families(text)
    expected = float("inf") if value == 10**400 else float("-inf") if value < -1 else float(value)
    assert family.samples[0].value == expected


def test_texts_of_payloads_cannot_leave_their_label() -> None:
    texts = [*(text or "" for text in COUNTRIES), '"} 1\nother{a="', "\\", '\\"', "\\n", "\r\n"]
    gauge = Gauge("g", "h", [(dimension_labels({"a": text}), 1) for text in texts])
    [family] = text_string_to_metric_families("".join(gauge.lines()))
    parsed = [sample.labels["a"] for sample in family.samples]
    assert parsed == [label_value(text) for text in texts]

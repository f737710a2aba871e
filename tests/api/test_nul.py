"""U+0000 in texts: PostgreSQL cannot store it, so no definition may have it, in any deployment."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from support.definitions import (
    ALERTS,
    CATALOG,
    CHANNELS,
    KEYS,
    METRICS,
    SILENCES,
    SUBSCRIPTIONS,
    definitions,
)

TEXTS = [
    (CATALOG, "mnemonic"),
    (CATALOG, "title"),
    (CATALOG, "description"),
    (CATALOG, "icon"),
    (CATALOG, "fontColorHex"),
    (KEYS, "name"),
    (METRICS, "name"),
    (METRICS, "description"),
    (ALERTS, "title"),
    (ALERTS, "description"),
    (ALERTS, "runbookUrl"),
    (ALERTS, "labels.team"),
    (CHANNELS, "name"),
    (CHANNELS, "settings.url"),
    (SUBSCRIPTIONS, "template.title"),
    (SUBSCRIPTIONS, "template.body"),
    (SILENCES, "labels.team"),
    (SILENCES, "author"),
    (SILENCES, "reason"),
]


@pytest.fixture(scope="module")
def bodies(api: TestClient) -> dict[str, dict[str, Any]]:
    return definitions(api)


@pytest.mark.parametrize(("path", "field"), TEXTS)
def test_a_text_of_a_definition_with_u_0000_is_rejected_by_the_name_of_its_field(
    api: TestClient, bodies: dict[str, dict[str, Any]], path: str, field: str
) -> None:
    answer = api.post(path, json=with_text(bodies[path], field, "https://x/\x00b"))
    assert answer.status_code == 422, answer.text
    assert {error["field"] for error in answer.json()["errors"]} == {field}


@pytest.mark.parametrize("path", [ALERTS, SILENCES])
def test_a_label_with_u_0000_in_its_name_is_rejected(
    api: TestClient, bodies: dict[str, dict[str, Any]], path: str
) -> None:
    answer = api.post(path, json={**bodies[path], "labels": {"a\x00b": "x"}})
    assert answer.status_code == 422, answer.text
    assert all(error["field"].startswith("labels") for error in answer.json()["errors"])
    assert "U+0000" in answer.text


def test_the_rule_is_stated(api: TestClient, bodies: dict[str, dict[str, Any]]) -> None:
    answer = api.post(METRICS, json={**bodies[METRICS], "name": "a\x00b"})
    rule = "must not contain the character U+0000"
    assert answer.json()["errors"] == [{"field": "name", "message": rule}]


def test_a_metric_may_compare_payloads_with_u_0000(
    api: TestClient, bodies: dict[str, dict[str, Any]]
) -> None:
    condition = {"field": "interaction.a\x00b", "operator": "eq", "value": "c\x00d"}
    body = {**bodies[METRICS], "filters": [condition], "groupBy": ["interaction.a\x00b"]}
    created = api.post(METRICS, json=body)
    assert created.status_code == 201, created.text
    assert created.json()["filters"] == [condition]


def test_other_control_characters_are_accepted(
    api: TestClient, bodies: dict[str, dict[str, Any]]
) -> None:
    text = "".join(map(chr, range(1, 32))) + "\x7f\ufffe\uffff"
    created = api.post(METRICS, json={**bodies[METRICS], "name": text})
    assert created.status_code == 201, created.text
    assert created.json()["name"] == text


def with_text(body: dict[str, Any], field: str, text: str) -> dict[str, Any]:
    name, _, rest = field.partition(".")
    return {**body, name: with_text(body[name], rest, text) if rest else text}

"""PATCH, as JSON Merge Patch, of each kind of definition that PUT replaces."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from fastapi.testclient import TestClient

METRICS, ALERTS = "/api/interaction-metrics", "/api/interaction-alerts"
CHANNELS, SUBSCRIPTIONS, SILENCES = "/api/channels", "/api/subscriptions", "/api/silences"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
FAILED = {"field": "interaction.ok", "operator": "eq", "value": False}
Make = Callable[[str], str]


@pytest.fixture(scope="module", autouse=True)
def _catalog(api: TestClient) -> None:
    for kind in ("resource-types", "actions", "origins"):
        for mnemonic in ("ONE", "TWO"):
            created(api, f"/api/{kind}", {"mnemonic": mnemonic, "title": mnemonic})


def created(api: TestClient, path: str, body: Any) -> dict[str, Any]:
    answer = api.post(path, json=body)
    assert answer.status_code == 201, answer.text
    members: dict[str, Any] = answer.json()
    # The fields of these definitions do not occur in this installation.
    members.pop("warnings", None)
    return members


def patched(api: TestClient, address: str, patch: Any) -> dict[str, Any]:
    answer = api.patch(address, json=patch)
    assert answer.status_code == 200, answer.text
    members: dict[str, Any] = answer.json()
    members.pop("warnings", None)
    assert api.get(address).json().keys() == members.keys()
    return members


def problems(api: TestClient, address: str, patch: Any, status: int = 422) -> dict[str, str]:
    answer = api.patch(address, json=patch)
    assert answer.status_code == status, answer.text
    return {error["field"]: error["message"] for error in answer.json().get("errors", ())}


def without_dates(definition: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in definition.items() if name != "modifiedDate"}


def metric(api: TestClient, **members: Any) -> tuple[str, dict[str, Any]]:
    body = {"name": "m", "metricType": "COUNT", "action": "ONE", "timeWindow": "5m", **members}
    stored = created(api, METRICS, body)
    return f"{METRICS}/{stored['metricId']}", stored


def alert(api: TestClient, **members: Any) -> tuple[str, dict[str, Any]]:
    watched = metric(api)[1]["metricId"]
    body = {
        "title": "a",
        "metricId": watched,
        "operator": "gt",
        "threshold": 5,
        "alertAction": "fired",
        "labels": {"team": "a", "action": "b", "actionId": "c"},
        "enabled": False,
        **members,
    }
    stored = created(api, ALERTS, body)
    return f"{ALERTS}/{stored['alertId']}", stored


def channel(api: TestClient, **settings: Any) -> tuple[str, dict[str, Any]]:
    settings = {"url": "https://example.com/hooks/1", "headers": {"A": "1", "B": "2"}, **settings}
    stored = created(api, CHANNELS, {"name": "c", "kind": "webhook", "settings": settings})
    return f"{CHANNELS}/{stored['channelId']}", stored


def subscription(api: TestClient) -> tuple[str, dict[str, Any]]:
    body = {
        "channelId": channel(api)[1]["channelId"],
        "resourceType": "ONE",
        "action": "ONE",
        "origin": "ONE",
        "template": {"title": "{{ resourceId }}", "body": "b"},
    }
    stored = created(api, SUBSCRIPTIONS, body)
    return f"{SUBSCRIPTIONS}/{stored['subscriptionId']}", stored


def silence(api: TestClient) -> tuple[str, dict[str, Any]]:
    body = {
        "labels": {"team": "a", "site": "b"},
        "dimensions": {"interaction_country": "ZA"},
        "from": "2026-03-20T14:00:00.000Z",
        "to": "2026-03-20T18:00:00.000Z",
        "reason": "planned",
    }
    stored = created(api, SILENCES, body)
    return f"{SILENCES}/{stored['silenceId']}", stored


def entry(api: TestClient) -> tuple[str, dict[str, Any]]:
    body = {"mnemonic": "PATCHED", "title": "t", "icon": "x", "bgColorHex": "#1F6FEB"}
    response = api.post("/api/actions", json=body)
    entries = [e for e in api.get("/api/actions").json() if e["mnemonic"] == "PATCHED"]
    assert response.status_code in (201, 409)
    return f"/api/actions/{entries[0]['actionId']}", entries[0]


KINDS = [metric, alert, channel, subscription, silence, entry]


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_patch_changes_nothing(
    api: TestClient, kind: Callable[[TestClient], tuple[str, dict[str, Any]]]
) -> None:
    address, _ = kind(api)
    stored = api.get(address).json()
    assert without_dates(patched(api, address, {})) == without_dates(stored)
    assert without_dates(api.get(address).json()) == without_dates(stored)


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_and_read_only_members_are_rejected_by_name(
    api: TestClient, kind: Callable[[TestClient], tuple[str, dict[str, Any]]]
) -> None:
    address, stored = kind(api)
    for member in ("colour", "createdDate", next(name for name in stored if name.endswith("Id"))):
        if address.startswith(SILENCES) and member == "alertId":
            continue
        if member == "channelId" and address.startswith(SUBSCRIPTIONS):
            continue
        assert problems(api, address, {member: "x"})[member]
        assert problems(api, address, {member: None})[member]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"1", b"[1]"])
def test_a_patch_that_is_no_object_is_rejected(
    api: TestClient, kind: Callable[[TestClient], tuple[str, dict[str, Any]]], body: bytes
) -> None:
    answer = api.patch(kind(api)[0], content=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["message"] == "must be a JSON object"


def test_members_that_a_patch_leaves_out_stay(api: TestClient) -> None:
    address, stored = metric(api, groupBy=["interaction.a"], filters=[FAILED], description="d")
    changed = patched(api, address, {"enabled": False})
    assert without_dates(changed) == {**without_dates(stored), "enabled": False}
    assert changed["modifiedDate"] >= stored["modifiedDate"]


def test_null_removes_a_member(api: TestClient) -> None:
    address, _ = metric(api, groupBy=["interaction.a"], filters=[FAILED], description="d")
    patch = dict.fromkeys(("groupBy", "filters", "description", "timeWindow", "action"))
    changed = patched(api, address, patch)
    expected: dict[str, Any] = {
        "groupBy": [],
        "filters": [],
        "description": None,
        "timeWindow": None,
    }
    assert changed.items() >= {**expected, "action": None, "actionId": None}.items()
    assert problems(api, address, {"name": None}) == {"name": "is required"}


def test_null_for_a_member_that_is_missing_already_changes_nothing(api: TestClient) -> None:
    address, stored = metric(api)
    absent = dict.fromkeys(("description", "origin", "originId", "field", "numerator", "scale"))
    assert without_dates(patched(api, address, absent)) == without_dates(stored)
    held, silenced = silence(api)
    nothing = {"alertId": None, "labels": {"x": None}, "dimensions": {"interaction_n": None}}
    assert without_dates(patched(api, held, nothing)) == without_dates(silenced)


def test_a_list_is_replaced_as_a_whole(api: TestClient) -> None:
    address, _ = metric(api, filters=[FAILED, FAILED])
    other = {"field": "interaction.n", "operator": "gt", "value": 10**30}
    assert patched(api, address, {"filters": [other]})["filters"] == [other]


def test_a_mnemonic_replaces_the_stored_id_and_the_other_way_round(api: TestClient) -> None:
    address, stored = metric(api, origin="ONE")
    two = patched(api, address, {"action": "two"})
    assert two["action"] == "TWO"
    assert two["actionId"] != stored["actionId"]
    assert patched(api, address, {"actionId": stored["actionId"]})["action"] == "ONE"
    assert patched(api, address, {"metricType": "RATE"})["metricType"] == "RATE"
    assert patched(api, address, {"metricTypeId": stored["metricTypeId"]})["metricType"] == "COUNT"
    assert patched(api, address, {"originId": None})["origin"] is None
    both = problems(api, address, {"action": "TWO", "actionId": stored["actionId"]})
    assert "names another action" in both["action"]
    assert "action" in problems(api, address, {"action": "nobody"})


def test_the_rules_between_members_hold_for_the_result(api: TestClient) -> None:
    address, _ = metric(api)
    assert "field" in problems(api, address, {"metricType": "SUM"})
    changed = patched(api, address, {"metricType": "SUM", "field": "interaction.n"})
    assert changed["field"] == "interaction.n"
    assert "field" in problems(api, address, {"metricType": "COUNT"})


def test_a_side_of_a_ratio_is_patched_by_its_members(api: TestClient) -> None:
    sides = {
        "numerator": {"metricType": "COUNT", "action": "ONE", "filters": [FAILED]},
        "denominator": {"metricType": "COUNT", "action": "ONE"},
    }
    address, stored = metric(
        api, metricType="RATIO", action=None, **sides, scale=100, minimumDenominator=2
    )
    changed = patched(api, address, {"numerator": {"action": "TWO"}, "minimumDenominator": None})
    assert changed["numerator"]["action"] == "TWO"
    assert changed["numerator"]["filters"] == stored["numerator"]["filters"]
    assert changed["denominator"] == stored["denominator"]
    assert (changed["scale"], changed["minimumDenominator"]) == (100, None)
    back = {"numerator": {"actionId": stored["numerator"]["actionId"]}}
    assert patched(api, address, back)["numerator"] == stored["numerator"]
    assert "numerator" in problems(api, address, {"numerator": None})


def test_an_alert_is_patched(api: TestClient) -> None:
    address, stored = alert(api, recoveryAction="recovered", recoveryThreshold=3)
    patch = {"threshold": 7.5, "labels": {"team": None, "action": "z", "site": "x"}, "for": "2m"}
    changed = patched(api, address, patch)
    labels = {"action": "z", "actionId": "c", "site": "x"}
    assert changed.items() >= {"threshold": 7.5, "labels": labels, "for": "2m"}.items()
    assert changed["recoveryThreshold"] == 3
    assert patched(api, address, {"alertAction": "ONE"})["alertAction"] == "ONE"
    back = patched(api, address, {"alertActionId": stored["alertActionId"], "recoveryAction": None})
    assert (back["alertAction"], back["recoveryAction"]) == ("fired", None)
    assert "recoveryThreshold" in problems(api, address, {"threshold": 1})
    assert patched(api, address, {"resourceType": None})["resourceType"] == "ALERT"


def test_an_alert_that_a_patch_enables_is_evaluated_immediately(api: TestClient) -> None:
    address, stored = alert(api)
    assert stored["evaluatedAt"] is None
    assert patched(api, address, {"enabled": True})["evaluatedAt"] is not None


def test_a_patch_keeps_the_secrets_of_a_channel(api: TestClient) -> None:
    address, _ = channel(api, secret=SECRET)
    changed = patched(api, address, {"name": "d", "settings": {"headers": {"B": None, "C": "3"}}})
    assert changed["name"] == "d"
    masked = {"url": "https://example.com/hooks/1", "headers": {"A": "***", "C": "***"}}
    assert changed["settings"] == {**masked, "secret": "***"}
    same_target = patched(api, address, {"settings": {"url": "https://example.com/hooks/2"}})
    assert same_target["settings"]["url"] == "https://example.com/hooks/2"
    moved = problems(api, address, {"settings": {"url": "https://other.example/hooks/2"}})
    assert any("secret" in name or "headers" in name for name in moved), moved


def test_a_secret_that_is_null_is_generated_anew_and_shown_once(api: TestClient) -> None:
    address, _ = channel(api, secret=SECRET)
    new = patched(api, address, {"settings": {"secret": None}})["settings"]["secret"]
    assert new.startswith("whsec_")
    assert new != SECRET
    assert api.get(address).json()["settings"]["secret"] == "***"


def test_a_subscription_is_patched(api: TestClient) -> None:
    address, stored = subscription(api)
    changed = patched(api, address, {"action": "TWO", "template": {"title": None}})
    assert changed["action"] == "TWO"
    assert changed["resourceTypeId"] == stored["resourceTypeId"]
    assert changed["template"] == {"title": None, "body": "b"}
    assert patched(api, address, {"origin": None})["originId"] is None
    assert "template.title" in problems(api, address, {"template": {"title": "{{"}})
    assert "channelId" in problems(api, address, {"channelId": None})


def test_a_silence_is_patched(api: TestClient) -> None:
    address, _ = silence(api)
    patch = {"labels": {"site": None}, "to": "2026-03-20T19:00:00Z", "reason": None}
    changed = patched(api, address, patch)
    assert changed["labels"] == {"team": "a"}
    assert changed["to"] == "2026-03-20T19:00:00.000Z"
    assert (changed["from"], changed["reason"]) == ("2026-03-20T14:00:00.000Z", None)
    assert "to" in problems(api, address, {"to": "2026-03-20T13:00:00Z"})


def test_a_catalog_entry_is_patched(api: TestClient) -> None:
    address, stored = entry(api)
    changed = patched(api, address, {"title": "u", "icon": None})
    assert (changed["mnemonic"], changed["title"], changed["icon"]) == ("PATCHED", "u", None)
    assert changed["bgColorHex"] == stored["bgColorHex"]
    assert problems(api, address, {"mnemonic": "one"}, 409) == {}
    assert problems(api, address, {"title": None}) == {"title": "is required"}
    system = next(e for e in api.get("/api/actions").json() if e["isSystem"])
    assert problems(api, f"/api/actions/{system['actionId']}", {"title": "x"}, 409) == {}


def test_both_media_types_are_accepted(api: TestClient) -> None:
    address, _ = metric(api)
    for media in ("application/merge-patch+json", "application/json"):
        answer = api.patch(address, content=b'{"enabled": false}', headers={"content-type": media})
        assert answer.status_code == 200


def test_concurrent_patches_of_different_members_all_take_effect(api: TestClient) -> None:
    address, _ = metric(api)
    labelled, _ = alert(api)
    rounds = 24

    def change(number: int) -> int:
        status = api.patch(labelled, json={"labels": {f"l{number}": "x"}}).status_code
        member = ({"enabled": False}, {"description": "d"}, {"name": "n"}, {"timeWindow": "9m"})
        return max(status, api.patch(address, json=member[number % 4]).status_code)

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(change, range(rounds))) == {200}
    assert {f"l{n}" for n in range(rounds)} <= api.get(labelled).json()["labels"].keys()
    changed = {"enabled": False, "description": "d", "name": "n", "timeWindow": "9m"}
    assert api.get(address).json().items() >= changed.items()


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_patches_are_rejected(
    api: TestClient, kind: Callable[[TestClient], tuple[str, dict[str, Any]]]
) -> None:
    address, _ = kind(api)
    stored = api.get(address).json()
    patch = partial(api.patch, address)
    for levels in (10, 100, 400, 900, 2_000, 100_000):
        for member in (b"labels", b"settings", b"numerator", b"template", b"x"):
            nested = b'{"%s": ' % member + b'{"a": ' * levels + b"1" + b"}" * levels + b"}"
            assert patch(content=nested).status_code in (400, 422)
    assert patch(content=b'{"name": "' + b"x" * (3 << 20) + b'"}').status_code == 413
    many = json.dumps({f"member{n}": None for n in range(50_000)}).encode()
    assert patch(content=many).status_code in (200, 422)
    given = json.dumps({f"member{n}": 1 for n in range(50_000)}).encode()
    answer = patch(content=given)
    assert answer.status_code == 422
    assert len(answer.content) < 8 << 20
    for broken in (b"", b"{", b'{"a": NaN}', b"\xff", b'{"description": "\\ud800"}'):
        assert patch(content=broken).status_code in (400, 422)
    assert without_dates(api.get(address).json()) == without_dates(stored)


DEFINITIONS: list[dict[str, Any]] = [
    {"metricType": "RATE", "timeWindow": "5m", "rateUnit": "m", "unit": "req"},
    {"metricType": "PERCENTILE", "field": "interaction.n", "percentile": 99.9},
    {"metricType": "LATEST", "field": "interaction.n", "unit": "ms"},
    {"metricType": "COUNT", "timeWindow": "today", "timezone": "Europe/Berlin"},
    {"metricType": "COUNT", "timeWindow": "1h", "compare": {"offset": "7d", "as": "percent"}},
    {"metricType": "COUNT", "filters": [{"any": [FAILED, {"not": {"all": [FAILED, FAILED]}}]}]},
]


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda each: each["metricType"])
def test_every_kind_of_metric_can_be_disabled_by_a_patch(
    api: TestClient, definition: dict[str, Any]
) -> None:
    stored = created(api, METRICS, {"name": "kind", **definition})
    address = f"{METRICS}/{stored['metricId']}"
    stored = api.get(address).json()
    patched(api, address, {"enabled": False})
    assert without_dates(api.get(address).json()) == {**without_dates(stored), "enabled": False}


def test_a_patch_keeps_the_guards_of_an_alert(api: TestClient) -> None:
    guard = {"metricId": metric(api)[1]["metricId"], "operator": "gte", "threshold": 50}
    address, stored = alert(api, onlyWhen=[guard])
    assert patched(api, address, {"title": "b"})["onlyWhen"] == stored["onlyWhen"] != []
    assert not patched(api, address, {"onlyWhen": None}).get("onlyWhen")

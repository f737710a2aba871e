"""The audit trail over HTTP: a row for each action, and the histories of metrics and alerts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import delete, update

from tocsin.model.cursor import write_cursor
from tocsin.model.instant import format_instant
from tocsin.runtime import Runtime
from tocsin.store.notification_tables import deliveries
from tocsin.store.tables import audit

AUDIT, METRICS, ALERTS = "/api/audit", "/api/interaction-metrics", "/api/interaction-alerts"
METRIC = {"name": "Logins", "metricType": "COUNT"}
HOOK = {"name": "Hook", "kind": "webhook", "settings": {"url": "https://a.example/hook"}}
ENTRY = {"mnemonic": "audited", "title": "Audited"}
# Routes of admins that change nothing, beside those that only read.
UNCHANGING = {f"POST {ALERTS}/backtest", "POST /api/definitions/check"}

Call = tuple[str, str, dict[str, Any] | None]


class Row(NamedTuple):
    kind: str
    action: str


@pytest.fixture(scope="module")
def ids(api: TestClient) -> dict[str, str]:
    """The ids of one definition of each kind that others refer to."""
    metric = api.post(METRICS, json=METRIC).json()["metricId"]
    alert = api.post(ALERTS, json=alert_of(metric)).json()["alertId"]
    channel = api.post("/api/channels", json=HOOK).json()["channelId"]
    return {"metric": metric, "alert": alert, "channel": channel}


def alert_of(metric: str) -> dict[str, Any]:
    limits = {"operator": "gt", "threshold": 20, "alertAction": "fired"}
    return {"title": "Many", "metricId": metric, **limits}


def entries(api: TestClient, **query: str) -> list[dict[str, Any]]:
    answer = api.get(AUDIT, params=query)
    assert answer.status_code == 200, answer.text
    listed: list[dict[str, Any]] = answer.json()["entries"]
    return listed


def added(api: TestClient, act: Callable[[], object]) -> list[Row]:
    """The rows that an action adds, oldest first."""
    before = len(entries(api, limit="1000"))
    act()
    rows = entries(api, limit="1000")
    assert {row["by"] and row["by"]["name"] for row in rows[: len(rows) - before]} <= {
        "TOCSIN_ADMIN_KEY"
    }
    return [Row(row["kind"], row["action"]) for row in reversed(rows[: len(rows) - before])]


DEFINITIONS: list[tuple[str, str, str, Callable[[dict[str, str]], dict[str, Any]]]] = [
    ("metric", METRICS, "metricId", lambda _: METRIC),
    ("alert", ALERTS, "alertId", lambda ids: alert_of(ids["metric"])),
    ("channel", "/api/channels", "channelId", lambda _: HOOK),
    (
        "subscription",
        "/api/subscriptions",
        "subscriptionId",
        lambda ids: {"channelId": ids["channel"], "resourceType": "ALERT", "action": "fired"},
    ),
    (
        "silence",
        "/api/silences",
        "silenceId",
        lambda _: {"matchAll": True, "to": "2099-01-01T00:00:00Z"},
    ),
    ("resourceType", "/api/resource-types", "resourceTypeId", lambda _: ENTRY),
    ("action", "/api/actions", "actionId", lambda _: ENTRY),
    ("origin", "/api/origins", "originId", lambda _: ENTRY),
]


@pytest.mark.parametrize(("kind", "path", "id", "body_of"), DEFINITIONS)
def test_each_change_of_a_definition_adds_one_row(
    kind: str,
    path: str,
    id: str,
    body_of: Callable[[dict[str, str]], dict[str, Any]],
    api: TestClient,
    ids: dict[str, str],
) -> None:
    body, address = body_of(ids), path

    def change() -> None:
        nonlocal address
        answer = api.post(path, json=body)
        assert answer.status_code == 201, answer.text
        address = f"{path}/{answer.json()[id]}"
        assert api.put(address, json=body).status_code == 200
        assert api.patch(address, json={}).status_code in (200, 405)
        assert api.delete(address).status_code == 204
        assert api.delete(address).status_code == 404
        assert api.post(path, json={}).status_code == 422

    rows = added(api, change)
    created = "silenced" if kind == "silence" else "created"
    assert rows[0] == (kind, created)
    assert rows[-1] == (kind, "deleted")
    assert set(rows[1:-1]) == {(kind, "changed")}
    of_it = entries(api, kind=kind, id=address.rsplit("/", 1)[-1])
    assert len(of_it) == len(rows)


def test_keys_evaluations_tests_retries_exports_and_erasures_add_rows(
    api: TestClient, runtime: Runtime, ids: dict[str, str]
) -> None:
    delivery = failed_delivery(api, runtime, ids)

    def act() -> None:
        key = api.post("/api/keys", json={"name": "n", "role": "read"}).json()["keyId"]
        api.post(f"/api/keys/{key}/rotate", json={"grace": "0s"})
        api.delete(f"/api/keys/{key}")
        api.post(f"{ALERTS}/{ids['alert']}/evaluate")
        api.post(f"{ALERTS}/evaluate-all")
        api.post(f"/api/channels/{ids['channel']}/test")
        assert api.post(f"/api/deliveries/{delivery}/retry").status_code == 200
        assert api.post(f"/api/deliveries/{uuid4()}/retry").status_code == 404
        api.get("/api/interactions/export", params={"userId": "u1"})
        assert api.post("/api/erasures", json={"userId": "u2", "dryRun": True}).status_code == 200
        assert api.post("/api/erasures", json={"userId": "u2"}).status_code == 201

    rows = added(api, act)
    assert rows == [
        ("key", "created"),
        ("key", "rotated"),
        ("key", "revoked"),
        ("alert", "evaluated"),
        ("alert", "evaluated"),
        ("channel", "tested"),
        ("delivery", "retried"),
        ("interactions", "exported"),
        ("erasure", "erased"),
    ]
    _, exported, retried, _, of_all, of_alert = entries(api)[:6]
    assert exported["after"] == {"userId": ["u1"]}
    assert (retried["before"], retried["after"]) == ({"status": "failed"}, {"status": "pending"})
    assert retried["name"] == "Hook"
    assert (of_alert["id"], of_alert["name"]) == (ids["alert"], "Many")
    assert (of_all["id"], of_all["name"]) == (None, None)


def failed_delivery(api: TestClient, runtime: Runtime, ids: dict[str, str]) -> str:
    """A delivery to the channel, which was disabled so that it is not sent."""
    entry = {"resourceType": "ORDER", "action": "ordered", "origin": "web", "resourceId": "1"}
    api.post("/api/interactions", json=entry)
    topic = {"resourceType": "ORDER", "action": "ordered"}
    api.patch(f"/api/channels/{ids['channel']}", json={"enabled": False})
    subscribed = api.post("/api/subscriptions", json={"channelId": ids["channel"], **topic})
    api.post("/api/interactions", json=entry)
    api.delete(f"/api/subscriptions/{subscribed.json()['subscriptionId']}")
    (delivery,) = api.get("/api/deliveries").json()["deliveries"]
    failed = update(deliveries).where(deliveries.c.delivery_id == UUID(delivery["deliveryId"]))
    with runtime.database.writing() as connection:
        connection.execute(failed.values(status="failed"))
    return str(delivery["deliveryId"])


def test_every_route_of_admins_that_acts_is_audited(api: TestClient) -> None:
    """A new route has to be added to a test of this module."""
    paths = [path for _, path, _, _ in DEFINITIONS]
    tested = {
        *(f"POST {path}" for path in paths),
        *(f"{verb} {path}/{{id}}" for path in paths for verb in ("PUT", "PATCH", "DELETE")),
        "POST /api/keys",
        "POST /api/keys/{id}/rotate",
        "DELETE /api/keys/{id}",
        f"POST {ALERTS}/{{id}}/evaluate",
        f"POST {ALERTS}/evaluate-all",
        "POST /api/channels/{id}/test",
        "POST /api/deliveries/{id}/retry",
        "POST /api/erasures",
    }
    acting = {
        f"{method.upper()} {path}"
        for path, operations in api.get("/openapi.json").json()["paths"].items()
        for method, operation in operations.items()
        if method != "get" and operation.get("x-required-role") == ["admin"]
    }
    assert acting - tested - UNCHANGING == set()


def test_rows_are_listed_by_pages_and_filtered(api: TestClient) -> None:
    key = api.post("/api/keys", json={"name": "filtered", "role": "admin"}).json()
    by_it = {"x-api-key": key["key"]}
    metrics = [api.post(METRICS, json=METRIC, headers=by_it).json()["metricId"] for _ in range(3)]
    listed, cursor = [], None
    while True:
        query = {"keyName": "filtered", "limit": "2", **({"cursor": cursor} if cursor else {})}
        page = api.get(AUDIT, params=query).json()
        listed += [row["id"] for row in page["entries"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert listed == metrics[::-1]
    assert len(entries(api, keyId=key["keyId"], action="created")) == 3
    assert entries(api, keyId=key["keyId"], action="deleted") == []
    assert entries(api, keyId=key["keyId"], to="2020-01-01T00:00:00Z") == []
    assert entries(api, **{"from": "2099-01-01T00:00:00Z"}) == []
    beyond = write_cursor(0, 10**24)
    for wrong in (
        {"cursor": beyond},
        {"kind": "x"},
        {"action": "x"},
        {"id": "x"},
        {"cursor": "x"},
        {"from": "x"},
    ):
        assert api.get(AUDIT, params=wrong).status_code == 422


def test_only_admins_read_the_trail(api: TestClient, keys: dict[str, str]) -> None:
    for role, status in (("admin", 200), ("read", 403), ("ingest", 403)):
        assert api.get(AUDIT, headers={"x-api-key": keys[role]}).status_code == status


def test_the_history_of_a_metric_has_its_definitions_though_it_was_deleted(
    api: TestClient, keys: dict[str, str]
) -> None:
    metric = api.post(METRICS, json=METRIC).json()
    path = f"{METRICS}/{metric['metricId']}"
    api.patch(path, json={"name": "Sign-ins", "timeWindow": "5m"})
    api.delete(path)
    answer = api.get(f"{path}/history", headers={"x-api-key": keys["read"]}).json()
    deleted, renamed, created = answer["versions"]
    assert answer["nextCursor"] is None
    assert [each["action"] for each in (created, renamed, deleted)] == [
        "created",
        "changed",
        "deleted",
    ]
    assert renamed["changed"] == ["name", "timeWindow"]
    assert renamed["by"]["name"] == "TOCSIN_ADMIN_KEY"
    assert deleted["definition"] is None
    assert created["at"] == metric["createdDate"]
    assert api.post(METRICS, json=created["definition"]).json()["name"] == "Logins"
    first = api.get(f"{path}/history", params={"limit": 1}).json()
    rest = api.get(f"{path}/history", params={"cursor": first["nextCursor"]}).json()
    assert [*first["versions"], *rest["versions"]] == answer["versions"]


def test_the_history_of_an_alert_that_is_older_than_the_trail_begins_without_an_instant(
    api: TestClient, runtime: Runtime, ids: dict[str, str]
) -> None:
    alert = api.post(ALERTS, json=alert_of(ids["metric"])).json()
    path = f"{ALERTS}/{alert['alertId']}"
    with runtime.database.writing() as connection:
        connection.execute(delete(audit).where(audit.c.subject_id == UUID(alert["alertId"])))
    (unchanged,) = api.get(f"{path}/history").json()["versions"]
    assert (unchanged["at"], unchanged["by"]) == (None, None)
    assert unchanged["definition"]["threshold"] == 20
    api.patch(path, json={"threshold": 30})
    changed, oldest = api.get(f"{path}/history").json()["versions"]
    assert (oldest["at"], oldest["definition"]["threshold"]) == (None, 20)
    assert (changed["changed"], changed["definition"]["threshold"]) == (["threshold"], 30)


def test_a_definition_that_never_existed_has_no_history(
    api: TestClient, ids: dict[str, str]
) -> None:
    assert api.get(f"{METRICS}/{uuid4()}/history").status_code == 404
    assert api.get(f"{ALERTS}/{ids['metric']}/history").status_code == 404


def test_rows_expire_by_the_setting_and_the_histories_stay(
    api: TestClient, runtime: Runtime, ids: dict[str, str]
) -> None:
    runtime.maintenance.stop()
    now = runtime.now()
    past = {"at": now - timedelta(days=401)}
    with runtime.database.writing() as connection:
        connection.execute(update(audit).values(past))
    api.post("/api/keys", json={"name": "kept", "role": "read"})
    runtime.audit.drop_before(now - timedelta(days=runtime.settings.audit_days))
    rows = entries(api, kind="key")
    assert [row["name"] for row in rows] == ["kept"]
    assert rows[0]["at"] >= format_instant(now)
    assert api.get(f"{METRICS}/{ids['metric']}/history").json()["versions"][-1]["at"]

"""Resource types, actions and origins over HTTP, as docs/reference/api.md has them."""

from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

PATHS = {
    "/api/resource-types": "resourceTypeId",
    "/api/actions": "actionId",
    "/api/origins": "originId",
}
ORDER = {
    "mnemonic": "ORDER:1/a-b_c.d",
    "title": "Order",
    "description": "An order",
    "icon": "cart",
    "fontColorHex": "#ffffff",
    "bgColorHex": "#1F6FEB",
}


@pytest.mark.parametrize(("path", "member"), PATHS.items())
def test_an_entry_lives_from_creation_to_deletion(api: TestClient, path: str, member: str) -> None:
    created = api.post(path, json=ORDER)
    assert created.status_code == 201
    entry = created.json()
    assert set(entry) == {member, *ORDER, "isSystem", "createdDate", "modifiedDate"}
    assert {name: entry[name] for name in ORDER} == ORDER
    assert entry["isSystem"] is False
    assert created.headers["location"] == f"{path}/{entry[member]}"

    assert api.get(created.headers["location"]).json() == entry
    assert entry in api.get(path).json()

    replaced = api.put(created.headers["location"], json={"mnemonic": "order", "title": "t"})
    assert replaced.status_code == 200
    assert replaced.json()["description"] is None
    assert replaced.json()[member] == entry[member]
    assert replaced.json()["createdDate"] == entry["createdDate"]
    assert api.get(created.headers["location"]).json() == replaced.json()

    gone = api.delete(created.headers["location"])
    assert (gone.status_code, gone.content) == (204, b"")
    assert api.get(created.headers["location"]).status_code == 404
    assert api.delete(created.headers["location"]).status_code == 404


@pytest.mark.parametrize("path", PATHS)
def test_a_missing_entry_is_404(api: TestClient, path: str) -> None:
    for id in (str(uuid4()), "x", "1"):
        assert api.get(f"{path}/{id}").status_code == 404
        assert api.put(f"{path}/{id}", json=ORDER).status_code == 404
        assert api.delete(f"{path}/{id}").status_code == 404


def test_a_mnemonic_that_is_taken_in_any_case_is_409(api: TestClient) -> None:
    assert api.post("/api/actions", json={"mnemonic": "Taken", "title": "t"}).status_code == 201
    refused = api.post("/api/actions", json={"mnemonic": "tAKEN", "title": "t"})
    assert refused.status_code == 409
    assert "Taken" in refused.json()["detail"]


def test_a_system_entry_is_neither_changed_nor_deleted(api: TestClient) -> None:
    system = next(entry for entry in api.get("/api/actions").json() if entry["isSystem"])
    path = f"/api/actions/{system['actionId']}"
    assert api.put(path, json={"mnemonic": "mine", "title": "t"}).status_code == 409
    assert api.delete(path).status_code == 409
    assert api.get(path).json() == system


def test_an_entry_that_an_interaction_uses_is_not_deleted(api: TestClient) -> None:
    sent = {"resourceId": "1", "resourceType": "USED", "action": "USED", "origin": "USED"}
    recorded = api.post("/api/interactions", json=sent).json()
    for path, member in PATHS.items():
        assert api.delete(f"{path}/{recorded[member]}").status_code == 409


def test_an_entry_that_a_metric_uses_is_not_deleted_until_the_metric_is(api: TestClient) -> None:
    entry = api.post("/api/origins", json={"mnemonic": "MEASURED", "title": "t"}).json()
    body = {"name": "its metric", "metricType": "COUNT", "origin": "measured"}
    metric = api.post("/api/interaction-metrics", json=body)
    refused = api.delete(f"/api/origins/{entry['originId']}")
    assert refused.status_code == 409
    assert "its metric" in refused.json()["detail"]
    assert api.delete(metric.headers["location"]).status_code == 204
    assert api.delete(f"/api/origins/{entry['originId']}").status_code == 204


def test_a_new_mnemonic_applies_to_existing_interactions_and_metrics(api: TestClient) -> None:
    sent = {"resourceId": "1", "resourceType": "R", "action": "OLD", "origin": "O"}
    recorded = api.post("/api/interactions", json=sent).json()
    body = {"name": "n", "metricType": "COUNT", "action": "OLD"}
    metric = api.post("/api/interaction-metrics", json=body).headers["location"]
    new = {"mnemonic": "NEW", "title": "t"}
    assert api.put(f"/api/actions/{recorded['actionId']}", json=new).status_code == 200
    assert api.get(metric).json()["action"] == "NEW"
    assert api.get(f"/api/interactions/{recorded['interactionId']}").json()["action"] == "NEW"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"mnemonic", "title"}),
        ({"mnemonic": None, "title": None}, {"mnemonic", "title"}),
        ({"mnemonic": "", "title": ""}, {"mnemonic", "title"}),
        ({"mnemonic": "a b", "title": "x" * 201}, {"mnemonic", "title"}),
        ({"mnemonic": "x" * 65, "title": "t"}, {"mnemonic"}),
        ({"mnemonic": "ä", "title": "t"}, {"mnemonic"}),
        ({"mnemonic": "a\n", "title": "t"}, {"mnemonic"}),
        ({"mnemonic": 5, "title": ["t"]}, {"mnemonic", "title"}),
        ({"mnemonic": "a", "title": "t", "bgColorHex": "red"}, {"bgColorHex"}),
        ({"mnemonic": "a", "title": "t", "fontColorHex": "#fff"}, {"fontColorHex"}),
        ({"mnemonic": "a", "title": "t", "isSystem": True, "x": 1}, {"isSystem", "x"}),
        ([], {""}),
        ("x", {""}),
    ],
)
def test_an_invalid_entry_is_422_with_every_problem(
    api: TestClient, body: object, fields: set[str]
) -> None:
    entry = api.get("/api/origins").json()[0]
    for answer in (
        api.post("/api/origins", json=body),
        api.put(f"/api/origins/{entry['originId']}", json=body),
    ):
        assert answer.status_code == 422
        assert {error["field"] for error in answer.json()["errors"]} == fields

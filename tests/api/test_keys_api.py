"""Keys over HTTP: created, shown once, listed by prefix, revoked immediately."""

import pytest
from fastapi.testclient import TestClient

PATH = "/api/keys"
NOBODY = "7f1f4b1c-6f0c-4e29-8f7a-0c4d7e1a9b11"


def test_a_key_is_shown_once_and_listed_by_its_prefix(api: TestClient) -> None:
    created = api.post(PATH, json={"name": "billing", "role": "read"})
    assert created.status_code == 201
    secret = created.json()["key"]
    assert created.headers["location"] == f"{PATH}/{created.json()['keyId']}"
    listed = api.get(PATH)
    assert secret not in listed.text
    shown = {name: value for name, value in created.json().items() if name != "key"}
    assert shown in listed.json()
    assert secret.startswith(shown["prefix"])
    assert (shown["name"], shown["role"]) == ("billing", "read")


def test_a_key_works_until_it_is_revoked(api: TestClient) -> None:
    created = api.post(PATH, json={"name": "n", "role": "read"}).json()
    headers = {"x-api-key": created["key"]}
    assert api.get("/api/actions", headers=headers).status_code == 200
    assert api.delete(f"{PATH}/{created['keyId']}").status_code == 204
    assert api.get("/api/actions", headers=headers).status_code == 401
    assert api.delete(f"{PATH}/{created['keyId']}").status_code == 404


def test_the_key_of_the_environment_cannot_be_revoked_here(api: TestClient) -> None:
    given = next(key for key in api.get(PATH).json() if key["fromEnvironment"])
    refused = api.delete(f"{PATH}/{given['keyId']}")
    assert refused.status_code == 409
    assert "TOCSIN_ADMIN_KEY" in refused.json()["detail"]


@pytest.mark.parametrize("id", [NOBODY, "x"])
def test_a_missing_key_is_404(api: TestClient, id: str) -> None:
    assert api.delete(f"{PATH}/{id}").status_code == 404


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"name", "role"}),
        ({"name": "", "role": "root"}, {"name", "role"}),
        ({"name": "x" * 201, "role": None}, {"name", "role"}),
        ({"name": "n", "role": "read", "key": "mine"}, {"key"}),
    ],
)
def test_a_wrong_key_is_422(api: TestClient, body: object, fields: set[str]) -> None:
    answer = api.post(PATH, json=body)
    assert answer.status_code == 422
    assert {error["field"] for error in answer.json()["errors"]} == fields

"""Keys over HTTP: created, shown once, listed by prefix, revoked immediately."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from tocsin.model.instant import format_instant, parse_instant
from tocsin.model.key import Role
from tocsin.runtime import Runtime

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


def test_a_key_that_expires_is_listed_with_its_expiry_and_its_last_use(api: TestClient) -> None:
    body = {"name": "temporary", "role": "read", "expiresAt": "2299-01-01T01:00:00+01:00"}
    created = api.post(PATH, json=body).json()
    assert created["expiresAt"] == "2299-01-01T00:00:00.000Z"
    assert created["lastUsedAt"] is None
    headers = {"x-api-key": created["key"]}
    assert api.get("/api/actions", headers=headers).status_code == 200
    (listed,) = [key for key in api.get(PATH).json() if key["keyId"] == created["keyId"]]
    assert listed["expiresAt"] == created["expiresAt"]
    assert listed["lastUsedAt"].endswith(":00.000Z")
    assert listed["formerSecretUntil"] is None


@pytest.mark.parametrize("expiry", ["2020-01-01T00:00:00Z", "tomorrow", 5, "2026-02-30T00:00:00Z"])
def test_an_expiry_that_is_no_instant_in_the_future_is_422(api: TestClient, expiry: object) -> None:
    answer = api.post(PATH, json={"name": "n", "role": "read", "expiresAt": expiry})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["expiresAt"]


def test_an_expired_key_is_401_with_the_instant_of_its_expiry(
    api: TestClient, runtime: Runtime
) -> None:
    now = runtime.now()
    _, secret = runtime.keys.create("past", Role.INGEST, now, now)
    for path in ("/api/actions", "/api/interactions"):
        answer = api.post(path, headers={"x-api-key": secret}, content=b"{}")
        assert answer.status_code == 401
        assert answer.json()["detail"] == f"This key expired at {format_instant(now)}"


def test_a_rotated_key_has_a_new_secret_and_the_former_one_holds_for_the_grace(
    api: TestClient,
) -> None:
    created = api.post(PATH, json={"name": "rotated", "role": "read"}).json()
    rotated = api.post(f"{PATH}/{created['keyId']}/rotate", json={"grace": "2h"})
    assert rotated.status_code == 200
    assert rotated.json()["keyId"] == created["keyId"]
    assert rotated.json()["formerSecretUntil"] > created["createdDate"]
    secrets = (created["key"], rotated.json()["key"])
    answers = [api.get("/api/actions", headers={"x-api-key": secret}) for secret in secrets]
    assert [answer.status_code for answer in answers] == [200, 200]
    ended = api.post(f"{PATH}/{created['keyId']}/rotate", json={"grace": "0s"}).json()
    assert ended["formerSecretUntil"] is None
    refused = api.get("/api/actions", headers={"x-api-key": secrets[1]})
    assert refused.status_code == 401
    assert api.get("/api/actions", headers={"x-api-key": ended["key"]}).status_code == 200


def test_a_former_secret_is_401_with_the_instant_of_its_end(
    api: TestClient, runtime: Runtime
) -> None:
    now = runtime.now()
    key, secret = runtime.keys.create("rotated", Role.READ, now)
    runtime.keys.rotate(key.key_id, now - timedelta(hours=1), timedelta(minutes=1))
    answer = api.get("/api/actions", headers={"x-api-key": secret})
    assert answer.status_code == 401
    end = format_instant(now - timedelta(minutes=59))
    assert answer.json()["detail"].endswith(f"this former secret ended at {end}")


def test_a_rotation_without_a_body_has_a_grace_of_a_day(api: TestClient, runtime: Runtime) -> None:
    key, _ = runtime.keys.create("rotated", Role.READ, runtime.now())
    before = runtime.now()
    until = api.post(f"{PATH}/{key.key_id}/rotate").json()["formerSecretUntil"]
    day = timedelta(days=1)
    assert before + day <= parse_instant(until) <= runtime.now() + day


@pytest.mark.parametrize("grace", ["31d", "-1s", "1 day", 5, None])
def test_a_grace_that_is_no_duration_of_at_most_30_days_is_422(
    api: TestClient, runtime: Runtime, grace: object
) -> None:
    key, _ = runtime.keys.create("rotated", Role.READ, runtime.now())
    answer = api.post(f"{PATH}/{key.key_id}/rotate", json={"grace": grace})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["grace"]


def test_the_key_of_the_environment_cannot_be_rotated_here_and_a_missing_one_is_404(
    api: TestClient,
) -> None:
    given = next(key for key in api.get(PATH).json() if key["fromEnvironment"])
    refused = api.post(f"{PATH}/{given['keyId']}/rotate", json={})
    assert refused.status_code == 409
    assert "change that, then restart" in refused.json()["detail"]
    assert api.post(f"{PATH}/{NOBODY}/rotate", json={}).status_code == 404

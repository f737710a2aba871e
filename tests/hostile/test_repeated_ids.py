"""A sender that knows an id can neither read its interaction nor replace it unnoticed."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

ONE = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
FULL = {
    **ONE,
    "interaction": {"diagnosis": "secret"},
    "timestamp": "2026-03-20T14:30:00.000Z",
    "uowId": "0b6e1f2a-58c1-4f0e-9b1d-3c5a7e9f1b2d",
    "userId": "ann",
    "externalReference": "ref-1",
}
CHANGES: list[dict[str, Any]] = [
    {"resourceType": "T2"},
    {"resourceId": "2"},
    {"action": "A2"},
    {"origin": "O2"},
    {"interaction": {"diagnosis": "other"}},
    {"timestamp": "2026-03-20T14:30:00.001Z"},
    {"uowId": str(uuid4())},
    {"userId": "bob"},
    {"externalReference": "ref-2"},
]


@pytest.fixture
def stored(api: TestClient) -> dict[str, Any]:
    sent = {**FULL, "interactionId": str(uuid4())}
    assert api.post("/api/interactions", json=sent).status_code == 201
    return sent


def test_an_ingest_key_learns_only_that_it_is_a_repeat(
    api: TestClient, keys: dict[str, str], stored: dict[str, Any]
) -> None:
    number = api.get(f"/api/interactions/{stored['interactionId']}").json()["interactionNumber"]
    only = {
        "interactionId": stored["interactionId"],
        "interactionNumber": number,
        "duplicate": True,
    }
    # With a query that is empty the framework's route answers, not the fast path.
    for path in ("/api/interactions", "/api/interactions?"):
        answer = api.post(path, json=stored, headers={"x-api-key": keys["ingest"]})
        assert (answer.status_code, answer.json()) == (200, only)
        answer = api.post(path, json=stored, headers={"x-api-key": keys["admin"]})
        assert answer.status_code == 200
        assert answer.json()["interaction"] == {"diagnosis": "secret"}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_other_content_under_a_recorded_id_is_a_conflict(
    api: TestClient, keys: dict[str, str], stored: dict[str, Any], change: dict[str, Any]
) -> None:
    headers = {"x-api-key": keys["ingest"]}
    other = {**stored, **change}
    response = api.post("/api/interactions", json=other, headers=headers)
    assert response.status_code == 409
    assert "secret" not in response.text
    batch = api.post("/api/interactions/batch", json=[stored, other], headers=headers).json()
    assert (batch["accepted"], batch["duplicates"]) == (0, 1)
    assert [response["index"] for response in batch["rejected"]] == [1]
    assert batch["rejected"][0]["errors"][0]["field"] == "interactionId"
    new = str(uuid4())
    together = [{**FULL, "interactionId": new}, {**FULL, **change, "interactionId": new}]
    batch = api.post("/api/interactions/batch", json=together, headers=headers).json()
    assert (batch["accepted"], len(batch["rejected"])) == (1, 1)


def test_a_retry_is_a_repeat_whatever_the_server_filled_in(api: TestClient) -> None:
    sent = {**ONE, "interactionId": str(uuid4())}
    headers = {"x-userid": "ann", "x-uowid": str(uuid4())}
    first = api.post("/api/interactions", json=sent, headers=headers)
    again = api.post("/api/interactions", json=sent, headers={"x-userid": "bob"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    exported = api.get(f"/api/interactions/{sent['interactionId']}").json()
    imported = api.post("/api/interactions/batch?import=true", json=[exported]).json()
    assert imported == {"accepted": 0, "duplicates": 1, "rejected": []}

"""A page of large interactions is shorter; it is no error and needs no large memory."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

MIB = 1024 * 1024
SENT = {"resourceType": "Large", "action": "A", "origin": "O"}


def record(api: TestClient, id: str, size: int) -> None:
    body = {**SENT, "resourceId": id, "interaction": {"text": "x" * size}}
    assert api.post("/api/interactions", json=body).status_code == 201


def pages(api: TestClient, **params: Any) -> list[list[str]]:
    """The resource ids of each page, by the cursor of the one before."""
    read: list[list[str]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = api.get("/api/interactions", params={**params, **cursor})
        assert answer.status_code == 200, answer.text
        assert len(answer.content) < 9 * MIB
        body = answer.json()
        read.append([interaction["resourceId"] for interaction in body["interactions"]])
        if body["nextCursor"] is None:
            return read
        cursor = {"cursor": body["nextCursor"]}


def test_a_thousand_large_payloads_are_asked_for_and_come_in_pages_of_eight_mib(
    api: TestClient,
) -> None:
    ids = [str(number) for number in range(40)]
    for id in ids:
        record(api, id, 900_000)
    read = pages(api, resourceType="Large", limit=1000)
    assert [id for page in read for id in page] == ids[::-1], "each once, the newest first"
    assert [len(page) for page in read] == [9, 9, 9, 9, 4]


def test_pages_of_small_payloads_are_as_long_as_asked_for(api: TestClient) -> None:
    small = {**SENT, "resourceType": "Small"}
    batch = [{**small, "resourceId": str(number)} for number in range(25)]
    assert api.post("/api/interactions/batch", json=batch).status_code == 201
    read = pages(api, resourceType="Small", limit=10)
    assert [len(page) for page in read] == [10, 10, 5]

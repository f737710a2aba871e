"""Only Tocsin itself records transitions of alerts and outcomes of deliveries."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tocsin.model.interactions.catalog import SYSTEM, Kind, system_id

NAMED = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
PROTECTED = [(kind, mnemonic) for kind, mnemonic, _ in SYSTEM if kind is not Kind.ACTION]


def _spellings(kind: Kind, mnemonic: str) -> list[dict[str, Any]]:
    """An interaction for each way to name the entry."""
    id = str(system_id(kind, mnemonic))
    others = {name: value for name, value in NAMED.items() if name != kind.value}
    return [
        {**NAMED, kind.value: mnemonic},
        {**NAMED, kind.value: mnemonic.swapcase()},
        {**others, kind.id_member: id},
        {**others, kind.id_member: id.upper()},
        {**others, kind.id_member: id, kind.value: mnemonic},
    ]


@pytest.mark.parametrize(("kind", "mnemonic"), PROTECTED)
def test_a_system_entry_is_refused_by_name(
    api: TestClient, keys: dict[str, str], kind: Kind, mnemonic: str
) -> None:
    for role in ("ingest", "admin"):
        headers = {"x-api-key": keys[role]}
        for forged in _spellings(kind, mnemonic):
            response = api.post("/api/interactions", json=forged, headers=headers)
            assert response.status_code == 422, response.text
            fields = {error["field"] for error in response.json()["errors"]}
            assert fields <= {kind.value, kind.id_member}
            assert f"{mnemonic} is reserved for Tocsin itself" in response.text
            batch = api.post("/api/interactions/batch", json=[forged, NAMED], headers=headers)
            assert batch.json()["accepted"] == 1
            assert [refused["index"] for refused in batch.json()["rejected"]] == [0]
    stored = api.get("/api/interactions", params={kind.value: mnemonic}).json()
    assert stored["interactions"] == []


def test_a_system_action_may_be_recorded_of_other_things(api: TestClient) -> None:
    for kind, mnemonic, _ in SYSTEM:
        if kind is Kind.ACTION:
            sent = {**NAMED, "action": mnemonic}
            assert api.post("/api/interactions", content=json.dumps(sent)).status_code == 201

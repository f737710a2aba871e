"""Nobody but Tocsin itself records alerts' transitions and ends of deliveries."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tocsin.model.interactions.catalog import SYSTEM, Kind, system_id

NAMED = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
PROTECTED = [(kind, mnemonic) for kind, mnemonic, _ in SYSTEM if kind is not Kind.ACTION]


def _spellings(kind: Kind, mnemonic: str) -> list[dict[str, Any]]:
    """An interaction that names the entry in every way there is."""
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
            one = api.post("/api/interactions", json=forged, headers=headers)
            assert one.status_code == 422, one.text
            fields = {error["field"] for error in one.json()["errors"]}
            assert fields <= {kind.value, kind.id_member}
            assert f"{mnemonic} is reserved for Tocsin itself" in one.text
            batch = api.post("/api/interactions/batch", json=[forged, NAMED], headers=headers)
            assert batch.json()["accepted"] == 1
            assert [refused["index"] for refused in batch.json()["rejected"]] == [0]
    found = api.get("/api/interactions", params={kind.value: mnemonic}).json()
    assert found["interactions"] == []


def test_a_system_action_may_be_recorded_of_other_things(api: TestClient) -> None:
    for kind, mnemonic, _ in SYSTEM:
        if kind is Kind.ACTION:
            sent = {**NAMED, "action": mnemonic}
            assert api.post("/api/interactions", content=json.dumps(sent)).status_code == 201

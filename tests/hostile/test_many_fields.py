"""Discovery answers in an installation with very many fields."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.installation import ONE, Installation
from tocsin.clickhouse import warmup
from tocsin.model.ceilings import DISCOVERED_FIELDS


def test_discovery_answers_the_commonest_fields_and_says_so(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "data")
    try:
        path = "/api/interaction-metrics/fields/discover"
        assert "x-truncated" not in installation.admin.get(path).headers
        rows = [
            {**ONE, "interaction": {f"field{n}": n for n in range(first, first + 1_990)}}
            for first in range(0, 11_940, 1_990)
        ]
        rows += [{**ONE, "interaction": {"zzz": {"common": "x"}}}] * 2
        sent = installation.sender.post("/api/interactions/batch", json=rows)
        assert sent.json()["accepted"] == len(rows)
        plain = installation.admin.get(path)
        assert plain.headers["x-truncated"] == "true"
        assert len(plain.json()) == DISCOVERED_FIELDS
        assert "interaction.zzz.common" in plain.json()
        detailed = installation.admin.get(path, params={"detail": "true"})
        assert detailed.headers["x-truncated"] == "true"
        assert len(detailed.json()) == DISCOVERED_FIELDS
    finally:
        installation.runtime.close()


def test_a_raised_ceiling_of_paths_holds_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warmup, "MAX_LOADED_PATHS", 2)
    row = {**ONE, "interaction": {f"field{n}": n for n in range(9)}}
    for known in (0, 9):
        installation = Installation(tmp_path / "data", max_paths=9)
        try:
            installation.runtime.engine.load_field_types()
            assert installation.gauge("tocsin_paths") == known
            assert installation.sender.post("/api/interactions", json=row).status_code == 201
        finally:
            installation.runtime.close()

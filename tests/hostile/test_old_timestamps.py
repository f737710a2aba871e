"""Timestamps far from now neither create unlimited files nor keep other senders from recording."""

from __future__ import annotations

from pathlib import Path

from support.installation import ONE, Installation


def test_old_months_fill_a_ceiling_and_live_ones_are_taken_still(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "data", max_months=30)
    try:
        rows = [
            {**ONE, "timestamp": f"{year}-{month:02}-15T00:00:00Z"}
            for year in range(1970, 1980)
            for month in range(1, 13)
        ]
        path = "/api/interactions/batch?history=true"
        answer = installation.sender.post(path, json=rows).json()
        assert answer["accepted"] == 30
        assert len(answer["rejected"]) == 90
        assert "TOCSIN_MAX_MONTHS" in answer["rejected"][0]["errors"][0]["message"]
        assert answer["rejected"][0]["errors"][0]["field"] == "timestamp"
        assert len(installation.runtime.engine.rows_by_month()) == 30
        assert installation.sender.post("/api/interactions", json=ONE).status_code == 201
        assert installation.gauge("tocsin_engine_months") == 31
        assert installation.sender.post(path, json=rows[:24]).json()["accepted"] == 24
    finally:
        installation.runtime.close()


def test_what_has_expired_is_refused_by_name(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "data", retention="90d")
    try:
        sent = {**ONE, "timestamp": "2026-01-31T00:00:00Z"}
        for path in ("batch", "batch?history=true", "batch?import=true"):
            answer = installation.admin.post(f"/api/interactions/{path}", json=[sent])
            assert answer.status_code == 422
            assert "TOCSIN_RETENTION is 90d" in answer.text
    finally:
        installation.runtime.close()

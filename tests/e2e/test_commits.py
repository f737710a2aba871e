"""Real input: 27,260 commits of six repositories, and metrics with independently computed
answers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.serving import Server

DATA = Path(__file__).parents[3] / "shared" / "data"
COMMITS = DATA / "commits.ndjson.gz"

pytestmark = pytest.mark.skipif(not COMMITS.exists(), reason=f"{DATA} is not beside this checkout")


def import_commits(server: Server) -> str:
    command = [sys.executable, "-m", "tocsin.cli", "import", str(COMMITS)]
    done = subprocess.run(
        [*command, "--url", server.url, "--key", server.admin_key],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_commits_are_imported_once_and_their_metrics_have_the_expected_answers(
    server: Server,
) -> None:
    assert "27,260" in import_commits(server)
    assert "27,260" in import_commits(server)
    expected = json.loads((DATA / "commits.expected.json").read_text(encoding="utf-8"))
    assert len(expected) == 16
    with server.client() as client:
        for case in expected:
            created = client.post("/api/interaction-metrics", json=case["metric"])
            assert created.status_code == 201, created.text
            params = {"at": case["at"]} if "at" in case else {}
            path = f"/api/interaction-metrics/{created.json()['metricId']}/calculate"
            answer = client.post(path, params=params).json()
            expected_values = {
                g: pytest.approx(v, rel=1e-9) for g, v in by_group(case["results"]).items()
            }
            assert by_group(answer["results"]) == expected_values, case["metric"]
            assert "truncated" not in answer
        all_answers = client.post("/api/interaction-metrics/calculate-all").json()
    assert all_answers["calculated"] == 16


def by_group(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The values of the rows by their dimensions: the file does not define their order."""
    return {json.dumps(row["dimensions"], sort_keys=True): row["value"] for row in rows}

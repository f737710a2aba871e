"""Real input: 27,260 commits of six repositories, and metrics with independently computed
answers."""

from __future__ import annotations

import gzip
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


FIX = {"field": "interaction.subject.fix", "operator": "eq", "value": True}


SHARE_OF_FIXES: dict[str, Any] = {
    "metricType": "RATIO",
    "groupBy": ["resourceId"],
    "numerator": {"metricType": "COUNT", "action": "COMMITTED", "filters": [FIX]},
    "denominator": {"metricType": "COUNT", "action": "COMMITTED"},
    "scale": 100,
    "minimumDenominator": 100,
}
MERGES_FOR_EACH_AUTHOR: dict[str, Any] = {
    "metricType": "RATIO",
    "groupBy": ["resourceId"],
    "numerator": {"metricType": "COUNT", "action": "MERGED"},
    "denominator": {"metricType": "DISTINCT_COUNT", "field": "interaction.author"},
}
DELETED_FOR_EACH_INSERTED: dict[str, Any] = {
    "metricType": "RATIO",
    "action": "COMMITTED",
    "numerator": {"metricType": "SUM", "field": "interaction.deletions"},
    "denominator": {"metricType": "SUM", "field": "interaction.insertions"},
}


def test_ratios_of_the_commits_have_the_values_of_a_plain_count(server: Server) -> None:
    import_commits(server)
    commits = read_commits()
    committed = [each for each in commits if each["action"] == "COMMITTED"]
    merged = [each for each in commits if each["action"] == "MERGED"]
    fixes = [each for each in committed if each["interaction"]["subject"]["fix"] is True]
    shares, merges = {}, {}
    for repository in {str(each["resourceId"]) for each in commits}:
        of_it = [each for each in commits if each["resourceId"] == repository]
        fixed, all_commits, count, authors = (
            count_of(fixes, repository),
            count_of(committed, repository),
            count_of(merged, repository),
            len({each["interaction"]["author"] for each in of_it}),
        )
        share = shown(100 * fixed / all_commits) if all_commits >= 100 else None
        shares[repository] = share, fixed, all_commits
        merges[repository] = shown(count / authors), count, authors
    assert shares["openmeterio/openmeter"] == (None, 3, 22)
    deleted, inserted = (total(committed, name) for name in ("deletions", "insertions"))
    assert calculated(server, SHARE_OF_FIXES) == shares
    assert calculated(server, MERGES_FOR_EACH_AUTHOR) == merges
    ratio = shown(deleted / inserted), deleted, inserted
    assert calculated(server, DELETED_FOR_EACH_INSERTED) == {None: ratio}


def calculated(server: Server, metric: dict[str, Any]) -> dict[str | None, Any]:
    """The value and the sides of each repository; of None without groups."""
    with server.client() as client:
        answer = client.post("/api/interaction-metrics/preview", json=metric)
    assert answer.status_code == 200, answer.text
    return {
        (row["dimensions"] or {}).get("resourceId"): (
            row["value"],
            row["numerator"],
            row["denominator"],
        )
        for row in answer.json()["results"]
    }


def read_commits() -> list[dict[str, Any]]:
    with gzip.open(COMMITS, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def count_of(commits: list[dict[str, Any]], repository: str) -> int:
    return sum(commit["resourceId"] == repository for commit in commits)


def total(commits: list[dict[str, Any]], name: str) -> int:
    return sum(commit["interaction"].get(name, 0) for commit in commits)


def shown(value: float) -> float:
    """The value as an answer has it: to 15 significant digits."""
    return float(format(value, ".15g"))


def by_group(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The values of the rows by their dimensions: the file does not define their order."""
    return {json.dumps(row["dimensions"], sort_keys=True): row["value"] for row in rows}

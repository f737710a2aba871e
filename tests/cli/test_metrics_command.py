"""`tocsin metrics` against a real server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.running import Run

TWO = """
- name: Orders
  metricType: COUNT
  resourceType: ORDER
- name: Revenue by country
  metricType: SUM
  field: interaction.total
  resourceType: order
  groupBy: [interaction.country]
  filters: [{field: interaction.country, operator: neq, value: NO}]
"""


@pytest.fixture(autouse=True)
def orders(server: Any) -> None:
    """Three orders, with fixed ids, so that repeats record nothing."""
    with server.client() as client:
        for number, country in enumerate(["ZA", "ZA", "NO"]):
            order = {
                "resourceType": "ORDER",
                "resourceId": f"order-{number}",
                "action": "PLACED",
                "origin": "WEB",
                "interaction": {"total": 2.5, "country": country},
                "timestamp": "2026-03-20T14:00:00Z",
                "interactionId": f"6e1d5c7e-0c1b-4e0e-9d3a-70c51a00000{number}",
            }
            client.post("/api/interactions", json=order).raise_for_status()


def write(folder: Path, text: str) -> Path:
    path = folder / "metrics.yaml"
    path.write_text(text)
    return path


def metrics(server: Any) -> dict[str, Any]:
    with server.client() as client:
        return {metric["name"]: metric for metric in client.get("/api/interaction-metrics").json()}


def test_applying_creates_new_metrics_changes_others_and_keeps_equal_ones(
    at_server: Run, server: Any, tmp_path: Path
) -> None:
    created = at_server("metrics", "apply", write(tmp_path, TWO), "--yes")
    assert created.returncode == 0, created.stderr
    assert "create     Orders\n" in created.stdout
    assert "2 written." in created.stdout
    before = metrics(server)
    unchanged = at_server("metrics", "apply", write(tmp_path, TWO))
    assert unchanged.returncode == 0
    assert unchanged.stdout == "unchanged  Orders\nunchanged  Revenue by country\n"
    other = TWO.replace("SUM", "AVG")
    changed = at_server("metrics", "apply", write(tmp_path, other), "--yes")
    assert 'metricType: "SUM" -> "AVG"' in changed.stdout
    after = metrics(server)
    assert after["Revenue by country"]["metricType"] == "AVG"
    assert after["Revenue by country"]["metricId"] == before["Revenue by country"]["metricId"]
    assert after["Orders"] == before["Orders"]


def test_a_list_from_the_server_can_be_applied_and_changes_nothing(
    at_server: Run, server: Any, tmp_path: Path
) -> None:
    at_server("metrics", "apply", write(tmp_path, TWO), "--yes")
    listed = json.dumps(list(metrics(server).values()))
    done = at_server("metrics", "apply", write(tmp_path, listed))
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) & {"create", "change"} == set()


def test_nothing_is_written_without_confirmation_or_in_a_dry_run(
    at_server: Run, server: Any, tmp_path: Path
) -> None:
    path = write(tmp_path, "[{name: Never, metricType: COUNT}]")
    planned = at_server("metrics", "apply", path, "--dry-run")
    assert (planned.returncode, planned.stdout) == (2, "create     Never\n")
    refused = at_server("metrics", "apply", path, input="n\n")
    assert refused.returncode == 1
    assert "Apply these changes?" in refused.stdout
    assert "Never" not in metrics(server)


def test_a_field_that_has_never_occurred_is_a_warning_and_no_error(
    at_server: Run, tmp_path: Path
) -> None:
    path = write(tmp_path, "[{name: Odd, metricType: COUNT, groupBy: [interaction.contry]}]")
    planned = at_server("metrics", "apply", path, "--dry-run")
    assert (planned.returncode, planned.stdout) == (2, "create     Odd\n")
    warning = "warning    Odd: groupBy[0] has never occurred in any interaction\n"
    assert planned.stderr == warning


def test_nothing_is_written_if_one_definition_is_invalid(
    at_server: Run, server: Any, tmp_path: Path
) -> None:
    bad = """
    - {name: Good, metricType: COUNT}
    - {name: No field, metricType: SUM}
    - {name: Odd, metricType: COUNT, timeWindow: 5 minutes, window: 5m}
    - {name: Bad filter, metricType: COUNT, filters: [{field: country, operator: is, value: 1}]}
    """
    failed = at_server("metrics", "apply", write(tmp_path, bad), "--yes")
    assert failed.returncode == 1
    assert failed.stderr.startswith(f"tocsin: {tmp_path}/metrics.yaml cannot be applied:")
    for place in (
        "line 3: No field: field: ",
        "line 4: Odd: timeWindow: ",
        "line 4: Odd: window: ",
        "line 5: Bad filter: filters[0].operator: ",
        "line 5: Bad filter: filters[0].field: ",
    ):
        assert f"\n  {place}" in failed.stderr
    assert "Good" not in metrics(server)


def test_a_metric_is_disabled_and_enabled_and_nothing_else_of_it_changes(
    at_server: Run, server: Any, tmp_path: Path
) -> None:
    at_server("metrics", "apply", write(tmp_path, TWO), "--yes")
    before = metrics(server)["Orders"]
    assert at_server("metrics", "disable", "orders").stdout == "Orders: disabled\n"
    disabled = metrics(server)["Orders"]
    assert {**disabled, "enabled": True, "modifiedDate": ""} == {**before, "modifiedDate": ""}
    assert at_server("metrics", "enable", before["metricId"]).stdout == "Orders: enabled\n"
    assert metrics(server)["Orders"]["enabled"] is True


def test_metrics_are_listed_and_calculated(at_server: Run, tmp_path: Path) -> None:
    assert at_server("metrics", "apply", write(tmp_path, TWO), "--yes").returncode == 0
    listed = at_server("metrics", "list").stdout
    assert "Revenue by country" in listed
    assert "interaction.country ≠ NO" in listed
    for name in ("Orders", "orders"):
        assert " 3 " in at_server("metrics", "calculate", name).stdout
    revenue = at_server("metrics", "calculate", "Revenue by country").stdout
    assert "interaction_country" in revenue
    assert " ZA " in revenue
    assert " 5 " in revenue
    early = at_server("metrics", "calculate", "Orders", "--at", "2026-03-20T13:59:59Z").stdout
    assert " 0 " in early
    assert "2026-03-20T13:59:59.000Z" in early
    everything = at_server("metrics", "calculate").stdout
    assert "Orders, COUNT" in everything
    assert "Revenue by country, SUM" in everything


def test_an_unknown_metric_or_time_is_reported(at_server: Run) -> None:
    missing = at_server("metrics", "calculate", "No such metric")
    assert missing.stderr.startswith("tocsin: There is no metric No such metric;")
    wrong = at_server("metrics", "calculate", "--at", "yesterday")
    assert wrong.returncode == 1
    assert "\n  at: " in wrong.stderr

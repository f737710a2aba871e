"""The URLs of servers reach only the commands that are meant for servers."""

from __future__ import annotations

from pathlib import Path

from support.running import run_tocsin

UNREACHABLE = {
    "TOCSIN_DATABASE_URL": "postgresql://127.0.0.1:1/tocsin",
    "TOCSIN_CLICKHOUSE_URL": "clickhouse://127.0.0.1:1/tocsin",
}
UNIT_TEST = """
metrics:
  - name: Logins
    metricType: COUNT
    action: LOGIN
tests:
  - name: a login counts
    interactions:
      - {at: 30s, action: LOGIN, resourceType: CUSTOMER, resourceId: "42", origin: WEB}
    expect:
      - {metric: Logins, at: 1m, results: [{value: 1}]}
"""


def test_the_demo_ignores_the_servers_of_the_environment() -> None:
    shown = run_tocsin("demo", "--history", 1, "--seconds", 1, "--no-live", environment=UNREACHABLE)
    assert shown.returncode == 0, shown.stderr
    assert "Recorded the history" in shown.stdout


def test_unit_tests_of_metrics_ignore_the_servers_of_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "logins.yaml"
    file.write_text(UNIT_TEST)
    tested = run_tocsin("test", file, environment=UNREACHABLE)
    assert tested.returncode == 0, tested.stdout + tested.stderr

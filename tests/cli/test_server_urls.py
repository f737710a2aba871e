"""The URLs of servers reach only the commands that are meant for servers."""

from __future__ import annotations

from pathlib import Path

from support.running import run_here, run_tocsin

UNREACHABLE = {
    "TOCSIN_DATABASE_URL": "postgresql://127.0.0.1:1/tocsin",
    "TOCSIN_CLICKHOUSE_URL": "clickhouse://127.0.0.1:1/tocsin",
}
ODD = "é 100%20 + & = ' \" # ? \\ ; [b]"
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


def test_the_demo_ignores_the_servers_of_the_environment(tmp_path: Path) -> None:
    """And runs with any folder for temporary files, where its data is."""
    temporary = tmp_path / ODD
    temporary.mkdir()
    options = ("--history", 1, "--seconds", 1, "--no-live", "--port", 0)
    environment = {**UNREACHABLE, "TMPDIR": str(temporary)}
    shown = run_tocsin("demo", *options, environment=environment)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "Recorded the history" in shown.stdout
    assert "Traceback" not in shown.stdout + shown.stderr


def test_unit_tests_of_metrics_ignore_the_servers_of_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "logins.yaml"
    file.write_text(UNIT_TEST)
    tested = run_here("test", file, environment=UNREACHABLE)
    assert tested.returncode == 0, tested.stdout + tested.stderr

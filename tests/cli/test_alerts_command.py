"""`tocsin alerts` against a real server, and `tocsin test` without one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from support.running import Run, run_here

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "test-alerts.md"
METRIC = "Refused payments"
FILE = f"""
- title: Many refused payments
  metric: {METRIC}
  operator: gt
  threshold: 1
  alertAction: fired
  recoveryAction: recovered
  interval: 24h
"""


@pytest.fixture(scope="module", autouse=True)
def _payments(server: Any) -> None:
    with server.client() as client:
        for number in range(2):
            payment = {
                "resourceType": "PAYMENT",
                "resourceId": f"p{number}",
                "action": "REFUSED",
                "origin": "WEB",
                "timestamp": "2026-03-20T14:00:00Z",
                "interaction": {"country": "ZA"},
            }
            client.post("/api/interactions", json=payment).raise_for_status()
        metric = {
            "name": METRIC,
            "metricType": "COUNT",
            "action": "REFUSED",
            "groupBy": ["interaction.country"],
            "unit": "payments",
        }
        client.post("/api/interaction-metrics", json=metric).raise_for_status()


def write(folder: Path, text: str) -> Path:
    path = folder / "alerts.yaml"
    path.write_text(text)
    return path


def test_applying_creates_new_alerts_changes_others_and_keeps_equal_ones(
    at_server: Run, tmp_path: Path
) -> None:
    path = write(tmp_path, FILE)
    assert at_server("alerts", "apply", path, "--dry-run").stdout == (
        "create     Many refused payments\n"
    )
    created = at_server("alerts", "apply", path, "--yes")
    assert created.returncode == 0, created.stderr
    assert "1 written." in created.stdout
    assert at_server("alerts", "apply", path).stdout == "unchanged  Many refused payments\n"
    write(tmp_path, FILE.replace("threshold: 1", "threshold: 0.5\n  severity: critical"))
    changed = at_server("alerts", "apply", path, "--yes").stdout
    assert "threshold: 1 -> 0.5" in changed
    assert 'severity: "warning" -> "critical"' in changed

    switched = at_server("alerts", "disable", "Many refused payments").stdout
    assert switched == "Many refused payments: disabled\n"
    switched = at_server("alerts", "enable", "Many refused payments").stdout
    assert switched == "Many refused payments: enabled\n"

    listed = at_server("alerts", "list").stdout
    assert METRIC in listed
    assert "gt 0.5 payments" in listed
    evaluated = at_server("alerts", "evaluate")
    assert evaluated.returncode == 0, evaluated.stderr
    assert "Many refused payments: 1 of 1 groups are firing" in evaluated.stdout
    states = at_server("alerts", "states", "Many refused payments").stdout
    assert "interaction_country=ZA" in states
    assert "FIRING" in states
    assert states.splitlines()[2].split()[-2:] == ["payments", "┃"]
    firing = at_server("alerts", "firing").stdout
    assert re.search("critical.*Many refused payments.*interaction_country=ZA.*2 payments", firing)
    (group,) = json.loads(at_server("alerts", "firing", "--json").stdout)["firing"]
    assert (group["alertTitle"], group["silenced"]) == ("Many refused payments", False)
    span = ("--from", "2026-03-20T13:55:00Z", "--to", "2026-03-20T14:05:00Z")
    backtest = at_server("alerts", "backtest", "Many refused payments", *span)
    assert "10 evaluations of 1 groups; fired 1 times, 300 s in total" in backtest.stdout
    assert "2026-03-20T14:00:00.000Z" in backtest.stdout


def test_nothing_is_written_if_one_definition_is_invalid(at_server: Run, tmp_path: Path) -> None:
    path = write(tmp_path, FILE + FILE.replace("Many", "Few").replace("gt", "above"))
    failed = at_server("alerts", "apply", path, "--yes")
    assert failed.returncode == 1
    assert "line 12: Few refused payments: operator: " in failed.stderr
    unresolved = write(tmp_path, FILE.replace(METRIC, "Nothing"))
    message = at_server("alerts", "apply", unresolved, "--yes").stderr
    assert (
        "line 3: Many refused payments: metric: no metric has the key or the name Nothing"
        in message
    )


def test_an_unknown_alert_is_named_in_the_error(at_server: Run) -> None:
    missing = at_server("alerts", "states", "No such alert")
    assert missing.returncode == 1
    assert missing.stderr.startswith("tocsin: There is no alert No such alert;")


def example() -> str:
    """The test file in docs/how-to/test-alerts.md."""
    text = HOW_TO.read_text(encoding="utf-8")
    match = re.search(r"```yaml\n(# shop\.yaml\n.*?)```", text, re.DOTALL)
    assert match
    return match[1]


def test_the_documented_file_of_metrics_can_be_applied(
    server: Any, at_server: Run, tmp_path: Path
) -> None:
    action = {"mnemonic": "LOGIN_FAILED", "title": "Login failed"}
    with server.client() as client:
        client.post("/api/actions", json=action).raise_for_status()
    blocks = re.findall(r"```yaml\n(- name.*?)```", HOW_TO.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 1
    planned = at_server("metrics", "apply", write(tmp_path, blocks[0]), "--dry-run")
    assert planned.stdout == "create     Failed logins per country (5m)\n", planned.stderr


def test_the_documented_example_passes(tmp_path: Path) -> None:
    done = run_here("test", write(tmp_path, example()))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith("all passed.")


def test_an_expectation_that_fails_is_shown_as_a_difference(tmp_path: Path) -> None:
    wrong = example().replace("value: 4", "value: 5").replace("at: 6m", "at: 7m")
    done = run_here("test", write(tmp_path, wrong))
    assert done.returncode == 1
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert lines[0].startswith("FAIL")
    assert "- 5  interaction_country=ZA" in lines
    assert "+ 4  interaction_country=ZA" in lines
    assert any(line.startswith("- 7m  OK") for line in lines)
    assert any(line.startswith("+ 6m  OK") for line in lines)


RATIO = """
metrics:
  - name: Login failure rate
    metricType: RATIO
    timeWindow: 5m
    groupBy: [interaction.country]
    numerator: {metricType: COUNT, action: LOGIN_FAILED}
    denominator: {metricType: COUNT, resourceType: CUSTOMER}
    scale: 100
    minimumDenominator: 4
alerts:
  - {title: Logins fail, metric: Login failure rate, operator: gt, threshold: 50,
     alertAction: fired, recoveryAction: recovered}
tests:
  - name: too few logins have no rate
    interactions:
      - {at: 30s, times: 3, every: 1s, action: LOGIN_FAILED, interaction: {country: ZA},
         resourceType: CUSTOMER, resourceId: "42", origin: WEB}
      - {at: 150s, action: LOGGED_IN, interaction: {country: ZA},
         resourceType: CUSTOMER, resourceId: "42", origin: WEB}
    expect:
      - metric: Login failure rate
        at: 1m
        results:
          - {value: null, dimensions: {interaction_country: ZA}, numerator: 3, denominator: 3}
      - metric: Login failure rate
        at: 3m
        results: [{value: 75, dimensions: {interaction_country: ZA}}]
      - alert: Logins fail
        until: 10m
        transitions:
          - {at: 3m, status: FIRING, value: 75, dimensions: {interaction_country: ZA}}
          - {at: 6m, status: OK, value: null, reason: recovered}
"""


def test_a_ratio_is_tested_with_its_sides(tmp_path: Path) -> None:
    done = run_here("test", write(tmp_path, RATIO))
    assert done.returncode == 0, done.stdout + done.stderr
    wrong = RATIO.replace("numerator: 3,", "numerator: 2,")
    done = run_here("test", write(tmp_path, wrong))
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert "- –  2 of 3  interaction_country=ZA" in lines
    assert "+ –  3 of 3  interaction_country=ZA" in lines


COMPARED = """
metrics:
  - name: Orders against ten minutes earlier
    metricType: COUNT
    action: ORDERED
    timeWindow: 5m
    compare: {offset: 10m, as: percent, minimumBase: 2}
alerts:
  - {title: More orders, metric: Orders against ten minutes earlier, operator: gte, threshold: 50,
     alertAction: fired, recoveryAction: recovered}
tests:
  - name: three orders after two
    interactions:
      - {at: 30s, times: 2, every: 1s, action: ORDERED, resourceType: SHOP, resourceId: "1",
         origin: WEB}
      - {at: 630s, times: 3, every: 1s, action: ORDERED, resourceType: SHOP, resourceId: "1",
         origin: WEB}
    expect:
      - metric: Orders against ten minutes earlier
        at: 2m
        results: [{value: null, current: 2, base: 0}]
      - metric: Orders against ten minutes earlier
        at: 12m
        results: [{value: 50, current: 3, base: 2}]
      - alert: More orders
        until: 20m
        transitions:
          - {at: 11m, status: FIRING, value: 50}
          - {at: 16m, status: OK, value: null, reason: recovered}
"""


def test_a_comparison_is_tested_with_both_periods(tmp_path: Path) -> None:
    done = run_here("test", write(tmp_path, COMPARED))
    assert done.returncode == 0, done.stdout + done.stderr
    wrong = COMPARED.replace("current: 3,", "current: 4,")
    done = run_here("test", write(tmp_path, wrong))
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert "- 50  4 vs 2" in lines
    assert "+ 50  3 vs 2" in lines


GUARDED = """
metrics:
  - {name: Failed, metricType: COUNT, action: LOGIN_FAILED, timeWindow: 5m,
     groupBy: [interaction.country]}
  - {name: Logins, metricType: COUNT, resourceType: CUSTOMER, timeWindow: 5m}
alerts:
  - title: Logins fail
    metric: Failed
    operator: gte
    threshold: 2
    onlyWhen: [{metric: Logins, operator: gte, threshold: 4}]
    alertAction: fired
    recoveryAction: recovered
tests:
  - name: failures fire only while there are enough logins
    interactions:
      - {at: 30s, times: 2, every: 1s, action: LOGIN_FAILED, interaction: {country: ZA},
         resourceType: CUSTOMER, resourceId: "42", origin: WEB}
      - {at: 150s, times: 2, every: 1s, action: LOGGED_IN, interaction: {country: US},
         resourceType: CUSTOMER, resourceId: "43", origin: WEB}
    expect:
      - alert: Logins fail
        until: 10m
        transitions:
          - {at: 3m, status: FIRING, value: 2, dimensions: {interaction_country: ZA}}
          - {at: 6m, status: OK, value: null, reason: recovered}
"""


def test_the_guards_of_an_alert_are_tested_without_a_server(tmp_path: Path) -> None:
    done = run_here("test", write(tmp_path, GUARDED))
    assert done.returncode == 0, done.stdout + done.stderr
    done = run_here("test", write(tmp_path, GUARDED.replace("threshold: 4", "threshold: 5")))
    assert "- 3m  FIRING  2  interaction_country=ZA" in done.stdout
    unknown = GUARDED.replace("{metric: Logins,", "{metric: Visits,")
    done = run_here("test", write(tmp_path, unknown))
    assert done.returncode == 1
    assert (
        "Logins fail: onlyWhen[0].metric: no metric has the key or the name Visits" in done.stderr
    )


def test_the_guards_of_a_file_name_their_metrics(at_server: Run, tmp_path: Path) -> None:
    guarded = (
        FILE.replace("Many refused payments", "Guarded")
        + f"  onlyWhen: [{{metric: {METRIC}, operator: gte, threshold: 1.0}}]\n"
    )
    path = write(tmp_path, guarded)
    created = at_server("alerts", "apply", path, "--yes")
    assert created.returncode == 0, created.stderr
    assert at_server("alerts", "apply", path).stdout == "unchanged  Guarded\n"
    write(tmp_path, guarded.replace("threshold: 1.0", "threshold: 2"))
    changed = at_server("alerts", "apply", path, "--yes").stdout
    assert "onlyWhen: " in changed
    assert f"gt 1 payments only when {METRIC} gte 2 payments" in at_server("alerts", "list").stdout
    wrong = write(tmp_path, guarded.replace("operator: gte", "operator: is"))
    rejected = at_server("alerts", "apply", wrong, "--yes")
    assert rejected.returncode == 1
    assert "Guarded: onlyWhen[0].operator" in rejected.stderr


def test_the_channels_of_a_file_are_named(server: Any, at_server: Run, tmp_path: Path) -> None:
    with server.client() as client:
        body = {"name": "ops", "kind": "apprise", "settings": {"url": "tgram://token/chat"}}
        client.post("/api/channels", json=body).raise_for_status()
    named = FILE.replace("Many refused payments", "Notifying") + "  channels: [ops]\n"
    path = write(tmp_path, named)
    created = at_server("alerts", "apply", path, "--yes")
    assert created.returncode == 0, created.stderr
    assert at_server("alerts", "apply", path).stdout == "unchanged  Notifying\n"
    assert " ops " in at_server("alerts", "list").stdout


TODAY = """
metrics:
  - {name: Orders today, metricType: COUNT, timeWindow: today, timezone: Europe/Berlin}
alerts:
  - {title: Many orders, metric: Orders today, operator: gte, threshold: 2,
     alertAction: fired, recoveryAction: recovered}
tests:
  - name: the count starts anew at midnight
    start: "2026-03-29T21:00:00Z"
    interactions:
      - {at: 10m, times: 2, resourceType: ORDER, resourceId: "1", action: PLACED, origin: WEB}
      - {at: 60m, resourceType: ORDER, resourceId: "1", action: PLACED, origin: WEB}
    expect:
      - {metric: Orders today, at: 59m, value: 2}
      - {metric: Orders today, at: 60m, value: 1}
      - alert: Many orders
        until: 2h
        transitions:
          - {at: 10m, status: FIRING, value: 2}
          - {at: 60m, status: OK, value: 1}
"""


def test_a_calendar_window_is_tested_across_midnight(tmp_path: Path) -> None:
    done = run_here("test", write(tmp_path, TODAY))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "tests: [{name: n, expect: [{metric: M, at: 1m, results: [{value: 1, numerator: 1}]}]}"
            "]",
            "needs both numerator and denominator, or neither",
        ),
        ("metrics: []", "must have a list of tests under tests:"),
        ("tests: [{name: n, expect: []}]", "tests[0].expect: "),
        ("tests: [{name: n, expect: [{metric: M, value: 1}]}]", "needs at"),
        ("tests: [{name: n, expect: [{metric: M, at: 1m, value: 1}]}]", "defines no metric M"),
        ("metrics: [{name: M}]\ntests: [{name: n, expect: [{metric: M, at: 1m}]}]", "M: metricTy"),
        (
            "tests: [{name: n, interactions: [{at: 1m}], expect: [{metric: M, at: 1m}]}]",
            "resourceId: is required",
        ),
    ],
)
def test_a_file_that_cannot_be_run_is_rejected_with_the_reason(
    tmp_path: Path, text: str, message: str
) -> None:
    done = run_here("test", write(tmp_path, text))
    assert done.returncode == 1
    assert message in done.stderr

"""A PERCENTILE and a LATEST in files: `tocsin test`."""

from __future__ import annotations

from pathlib import Path

from support.running import run_here

FILE = """
metrics:
  - name: p75
    metricType: PERCENTILE
    percentile: 75
    field: interaction.ms
    timeWindow: 5m
  - {name: latest, metricType: LATEST, field: interaction.ms, timeWindow: 5m}
alerts:
  - {title: Slow, metric: p75, operator: gt, threshold: 25, alertAction: slow,
     recoveryAction: fast}
  - {title: Silent, metric: latest, operator: lt, threshold: 0, alertAction: silent,
     noData: firing}
tests:
  - name: slow checkouts
    interactions:
      - {at: 30s, interaction: {ms: 10}, resourceType: CHECKOUT, resourceId: "1",
         action: DONE, origin: WEB}
      - {at: 90s, interaction: {ms: 30}, resourceType: CHECKOUT, resourceId: "1",
         action: DONE, origin: WEB}
      - {at: 90s, interaction: {ms: 20}, resourceType: CHECKOUT, resourceId: "1",
         action: DONE, origin: WEB}
    expect:
      - {metric: p75, at: 1m, results: [{value: 10}]}
      - {metric: p75, at: 2m, results: [{value: 30}]}
      - {metric: latest, at: 2m, results: [{value: 20}]}
      - {metric: latest, at: 10m, results: [{value: null}]}
      - alert: Slow
        until: 10m
        transitions:
          - {at: 2m, status: FIRING, value: 30}
          - {at: 7m, status: OK, value: null, reason: recovered}
      - alert: Silent
        until: 10m
        transitions: [{at: 7m, status: FIRING, value: null, reason: no-data}]
"""


def test_percentiles_and_latest_numbers_are_tested(tmp_path: Path) -> None:
    file = tmp_path / "alerts.yaml"
    file.write_text(FILE, encoding="utf-8")
    done = run_here("test", str(file))
    assert done.returncode == 0, done.stdout + done.stderr

"""Measures a tick of many alerts, the delay until an alert fires, and a backtest.

    python -m benchmarks.alerts --rows 1000000 --alerts 1000

Runs in process, on the same rows as the other benchmarks. They end now, so that windows are full.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks import data
from tocsin.alerting.backtest import BacktestInput
from tocsin.config import Settings
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.alerts.alert import Alert, Rule
from tocsin.model.alerts.backtest import PastSpan
from tocsin.model.alerts.draft import read_alert
from tocsin.model.instant import cut, to_milliseconds
from tocsin.model.interactions.catalog import Kind
from tocsin.model.metrics.draft import read_metric
from tocsin.model.metrics.metric import Metric
from tocsin.process.events import DefinitionsChanged
from tocsin.runtime import Runtime

BATCH = 10_000
WINDOWS = ("5m", "15m", "1h", "24h")
FILTERS: tuple[list[dict[str, Any]], ...] = (
    [],
    [{"field": "interaction.outcome", "operator": "eq", "value": "failed"}],
    [{"field": "interaction.total", "operator": "gt", "value": 100}],
)
GROUPS: tuple[list[str], ...] = ([], [], ["interaction.country"], ["interaction.user.plan"])
console = Console()


def main(
    rows: Annotated[int, typer.Option(help="Interactions.")] = 1_000_000,
    alerts: Annotated[int, typer.Option(help="Alerts, a metric for each.")] = 1_000,
    ticks: Annotated[int, typer.Option(help="Evaluations of all of them.")] = 8,
    seed: int = 7,
) -> None:
    with opened() as runtime:
        took = timed(lambda: load(runtime, rows, seed))
        console.print(f"{rows:,} interactions recorded in {took:.1f} s")
        defined = define(runtime, alerts, Random(seed))
        report_ticks(runtime, [alert.alert_id for alert in defined], ticks)
        report_arrivals(runtime)
        report_backtest(runtime)


@contextmanager
def opened() -> Iterator[Runtime]:
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
        runtime = Runtime(Settings(data_dir=Path(folder), log_level="warning"))
        try:
            yield runtime
        finally:
            runtime.close()


def load(runtime: Runtime, rows: int, seed: int) -> None:
    for chunk in data.generate(rows, seed, datetime.now(UTC)):
        lines = [line.encode() for line in chunk.ndjson().to_pylist()]
        for start in range(0, len(lines), BATCH):
            request = RequestContext(to_milliseconds(runtime.now()))
            assert not runtime.recorder.record_batch(lines[start : start + BATCH], request).rejected


def define(runtime: Runtime, count: int, random: Random) -> list[Alert]:
    """Alerts of as many metrics: counts, rates, sums, distinct users; a part of them by groups.
    They are disabled, so that nobody else evaluates them."""
    alerts = []
    for number in range(count):
        metric = add_metric(runtime, metric_body(random, number))
        body = {
            "title": f"alert {number}",
            "metricId": str(metric.metric_id),
            "operator": "gt",
            "threshold": random.choice([5, 100, 10_000]),
            "for": random.choice(["0s", "1m"]),
            "interval": "10s",
            "alertAction": "fired",
            "enabled": False,
        }
        draft = read_alert(body, runtime.catalog, runtime.metrics, runtime.channels)
        alerts.append(runtime.alerts.create(draft, runtime.now()))
    return alerts


def metric_body(random: Random, number: int) -> dict[str, Any]:
    kind = random.choice(["COUNT", "COUNT", "RATE", "SUM", "DISTINCT_COUNT"])
    fields = {"SUM": "interaction.total", "DISTINCT_COUNT": "userId"}
    return {
        "name": f"metric {number}",
        "metricType": kind,
        "field": fields.get(kind),
        "resourceType": random.choice(list(data.RESOURCE_TYPES)),
        "action": random.choice(list(data.ACTIONS)),
        "timeWindow": random.choice(WINDOWS),
        "filters": random.choice(FILTERS),
        "groupBy": random.choice(GROUPS),
    }


def add_metric(runtime: Runtime, body: dict[str, Any]) -> Metric:
    draft, question = read_metric(body, runtime.catalog)
    return runtime.metrics.create(draft, question, runtime.now())


def report_ticks(runtime: Runtime, ids: list[Any], ticks: int) -> None:
    times, transitions = [], 0
    for number in range(ticks):
        at = cut(datetime.now(UTC))
        began = time.perf_counter()
        findings = runtime.evaluator.evaluate(ids, at, at)
        times.append(time.perf_counter() - began)
        assert len(findings) == len(ids)
        assert not any(finding.error for finding in findings), "an evaluation failed"
        transitions += sum(len(finding.transitions) for finding in findings)
        groups = sum(finding.groups for finding in findings)
        console.print(f"tick {number}: {times[-1] * 1000:,.0f} ms, {groups:,} groups")
    middle = statistics.median(times[1:])
    console.print(
        f"{len(ids):,} alerts: middle {middle * 1000:,.0f} ms; {transitions:,} transitions"
    )


def report_arrivals(runtime: Runtime) -> None:
    """From an acknowledged interaction to the transition that it causes, on disk."""
    times = []
    for number in range(20):
        runtime.catalog.ensure_all(Kind.ACTION, [f"ARRIVED{number}"], runtime.now())
        metric = add_metric(
            runtime,
            {"name": "arrived", "metricType": "COUNT", "action": f"ARRIVED{number}"},
        )
        body = {
            "title": "arrival",
            "metricId": str(metric.metric_id),
            "operator": "gte",
            "threshold": 1,
            "interval": "24h",
            "alertAction": "fired",
        }
        draft = read_alert(body, runtime.catalog, runtime.metrics, runtime.channels)
        alert = runtime.alerts.create(draft, runtime.now())
        runtime.events.publish(DefinitionsChanged())
        sent = {
            "resourceType": "user",
            "resourceId": "1",
            "action": f"ARRIVED{number}",
            "origin": "web",
        }
        request = RequestContext(to_milliseconds(runtime.now()))
        runtime.recorder.record_batch([json.dumps(sent).encode()], request)
        began = time.perf_counter()
        while not runtime.transitions.page(1, alert_id=alert.alert_id):
            time.sleep(0.001)
        times.append(time.perf_counter() - began)
    middle, worst = statistics.median(times) * 1000, max(times) * 1000
    console.print(f"from acknowledged to fired: middle {middle:,.0f} ms, at most {worst:,.0f} ms")


def report_backtest(runtime: Runtime) -> None:
    """30 days by the minute, a thousand groups."""
    metric = add_metric(
        runtime,
        {
            "name": "tried",
            "metricType": "COUNT",
            "timeWindow": "1h",
            "groupBy": ["interaction.items", "interaction.country", "interaction.device.os"],
        },
    )
    rule = Rule.model_validate(
        {"operator": "gt", "threshold": 2, "for": "5m", "keepFiringFor": "5m"}
    )
    to = cut(datetime.now(UTC))
    span = PastSpan.model_validate({"from": to - timedelta(days=30), "to": to, "step": "1m"})
    began = time.perf_counter()
    pasts = list(runtime.backtester.backtest(BacktestInput(rule, metric.question), span))
    took = time.perf_counter() - began
    transitions = sum(len(past.changes) for past in pasts)
    console.print(
        f"backtest of {span.points:,} evaluations, {len(pasts):,} groups, "
        f"{transitions:,} transitions: {took:.1f} s"
    )


def timed(action: Any) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


if __name__ == "__main__":
    typer.run(main)

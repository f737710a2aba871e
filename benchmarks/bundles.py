"""Measures one bundle of many transitions, from the evaluation to the receiver.

    python -m benchmarks.bundles --groups 10000

Runs in process, with a webhook on this machine. Each group fires in one evaluation.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from tocsin.config import Settings
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.draft import read_alert
from tocsin.model.instant import cut, parse_instant, to_milliseconds
from tocsin.model.metrics.draft import read_metric
from tocsin.model.notifications.channel import read_channel
from tocsin.model.notifications.subscription import read_subscription
from tocsin.runtime import Runtime

# Longer than the evaluation takes on a machine with other work.
WAIT_SECONDS = 60
SENT = {"resourceType": "BENCH", "action": "FAILED", "origin": "BENCH"}
console = Console()


def main(groups: Annotated[int, typer.Option(help="Groups that fire.")] = 10_000) -> None:
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder, received() as messages:
        settings = Settings(data_dir=Path(folder), log_level="warning", allow_private_targets=True)
        runtime = Runtime(settings)
        try:
            alert = define(runtime, groups, f"http://127.0.0.1:{messages.port}/")
            report(runtime, alert, messages)
        finally:
            runtime.close()


class Messages(list[tuple[datetime, dict[str, Any]]]):
    """The messages with the times at which they came."""

    port = 0


@contextmanager
def received() -> Iterator[Messages]:
    messages = Messages()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            messages.append((datetime.now(UTC), json.loads(body)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Logs nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    messages.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield messages
    finally:
        server.shutdown()


def define(runtime: Runtime, groups: int, url: str) -> Alert:
    """An interaction for each group, an alert on it that nothing else evaluates, and a grouped
    subscription."""
    request = RequestContext(to_milliseconds(runtime.now()))
    lines = [json.dumps({**SENT, "resourceId": f"r{number}"}).encode() for number in range(groups)]
    assert not runtime.recorder.record_batch(lines, request).rejected
    body = {"name": "failed", "metricType": "COUNT", "groupBy": ["resourceId"]}
    metric = runtime.metrics.create(*read_metric(body, runtime.catalog), runtime.now())
    rule = {"title": "failed", "metricId": str(metric.metric_id), "operator": "gte"}
    definition = {**rule, "threshold": 1, "alertAction": "fired", "interval": "24h"}
    draft = read_alert(
        {**definition, "enabled": False}, runtime.catalog, runtime.metrics, runtime.channels
    )
    hook = {"name": "bench", "kind": "webhook", "settings": {"url": url}}
    channel = runtime.channels.create(read_channel(hook), runtime.now())
    topic = {"resourceType": "ALERT", "action": "fired", "channelId": str(channel.channel_id)}
    grouped = {**topic, "groupBy": "alert", "groupWait": f"{WAIT_SECONDS}s"}
    runtime.subscriptions.create(read_subscription(grouped, runtime.catalog), runtime.now())
    return runtime.alerts.create(draft, runtime.now())


def report(runtime: Runtime, alert: Alert, messages: Messages) -> None:
    began = time.perf_counter()
    (result,) = runtime.evaluator.evaluate([alert.alert_id], cut(datetime.now(UTC)))
    took = time.perf_counter() - began
    console.print(f"{len(result.transitions):,} transitions evaluated and stored in {took:.2f} s")
    closes_at = result.at + timedelta(seconds=WAIT_SECONDS)
    time.sleep(max(0.0, (closes_at - datetime.now(UTC)).total_seconds()))
    began = time.process_time()
    while not messages:
        time.sleep(0.01)
    cpu = time.process_time() - began
    at, message = messages[0]
    bundle = message["data"]["interaction"]
    late = at - parse_instant(bundle["sentAt"])
    console.print(
        f"a message of {bundle['total']:,} groups, {len(bundle['groups'])} named, "
        f"{late / timedelta(milliseconds=1):,.0f} ms after its bundle was to close "
        f"({cpu:.2f} s of CPU time)"
    )
    time.sleep(2)
    assert len(messages) == 1


if __name__ == "__main__":
    typer.run(main)

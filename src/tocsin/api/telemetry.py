"""Prometheus metrics of the service, and the handling of unexpected errors.

Each application has a registry of its own, so that tests can create several.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tocsin.api.bodies import release_body
from tocsin.api.coordination_metrics import coordination_metrics
from tocsin.api.id_metrics import id_metrics
from tocsin.api.problems import problem
from tocsin.errors import Stopping, TocsinError
from tocsin.model.alerts.alert import Health
from tocsin.model.interactions.catalog import Kind
from tocsin.process.log_config import dropped_lines
from tocsin.runtime import Runtime

log = structlog.get_logger()

_CLIENT_LEFT = 499
_METHODS = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

# For a response without a Cache-Control of its own (pages and their files have one): it belongs to
# the holder of the key, and browsers must not take it for a page.
HEADERS = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]


class Observations:
    """The measurements of one application."""

    def __init__(self, runtime: Runtime) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Counts(runtime))
        labels = ("method", "route", "status")
        self._requests = Counter(
            "tocsin_http_requests", "HTTP requests answered.", labels, registry=self.registry
        )
        self._request_seconds = Histogram(
            "tocsin_http_request_duration_seconds",
            "Time from the first byte of a request to the last byte of its response.",
            labels[:2],
            registry=self.registry,
            buckets=_SECONDS,
        )
        self._calculation_seconds = Histogram(
            "tocsin_calculation_duration_seconds",
            "Time to calculate an answer, including the engine.",
            ("operation",),
            registry=self.registry,
            buckets=_SECONDS,
        )

    def calculating(self, operation: str) -> AbstractContextManager[object]:
        """Measures the body of the `with` statement as a calculation."""
        return self._calculation_seconds.labels(operation).time()

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(method, route).observe(seconds)

    def text(self) -> bytes:
        return generate_latest(self.registry)


class _Counts(Collector):
    """The counts that the parts of the runtime keep."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def collect(self) -> Iterator[Metric]:
        recorder, engine = self._runtime.recorder, self._runtime.engine
        interactions = CounterMetricFamily(
            "tocsin_interactions", "Interactions received.", labels=["outcome"]
        )
        interactions.add_metric(["accepted"], recorder.accepted)
        interactions.add_metric(["duplicate"], recorder.duplicates)
        interactions.add_metric(["rejected"], recorder.rejected)
        yield interactions
        yield CounterMetricFamily(
            "tocsin_log_lines_dropped",
            "Log lines dropped because the reader of the log was too slow.",
            dropped_lines(),
        )
        refused = CounterMetricFamily(
            "tocsin_refused",
            "Requests rejected because no thread of the pool was free in time.",
            labels=["pool"],
        )
        for pool in self._runtime.pools.all:
            refused.add_metric([pool.name], pool.refused)
        yield refused
        yield from self._alerts()
        yield from self._of_notifications()
        yield from _problems(self._runtime)
        yield from _fill_levels(self._runtime)
        yield from id_metrics(self._runtime)
        yield from coordination_metrics(self._runtime)
        try:
            rows, size = engine.rows(), engine.bytes_on_disk()
        except TocsinError:
            # An engine that does not answer must not hide the other metrics.
            return
        yield GaugeMetricFamily("tocsin_engine_rows", "Interactions stored in the engine.", rows)
        yield GaugeMetricFamily(
            "tocsin_engine_bytes_on_disk", "Size of the stored interactions on disk.", size
        )

    def _alerts(self) -> Iterator[Metric]:
        runtime = self._runtime
        evaluations = CounterMetricFamily(
            "tocsin_alert_evaluations",
            "Evaluations of alerts, scheduled or on demand.",
            labels=["outcome"],
        )
        failed = runtime.evaluator.failed
        evaluations.add_metric(["ok"], runtime.evaluator.evaluated - failed)
        evaluations.add_metric(["failed"], failed)
        yield evaluations
        missed = runtime.schedule.missed
        yield CounterMetricFamily(
            "tocsin_alert_slots_missed", "Scheduled evaluations that were skipped.", missed
        )
        try:
            statuses = runtime.evaluations.statuses().values()
        except TocsinError:
            return
        health = GaugeMetricFamily("tocsin_alerts", "Alerts, by health.", labels=["health"])
        for value in Health:
            count = sum(evaluation.health is value for evaluation in statuses)
            health.add_metric([value], count)
        yield health

    def _of_notifications(self) -> Iterator[Metric]:
        attempts = CounterMetricFamily(
            "tocsin_delivery_attempts", "Delivery attempts.", labels=["kind", "outcome"]
        )
        for (kind, outcome), count in self._runtime.notifications.attempts.counts.copy().items():
            attempts.add_metric([kind, outcome], count)
        yield attempts
        deliveries = GaugeMetricFamily(
            "tocsin_deliveries", "Deliveries in the store, by status.", labels=["status"]
        )
        # A store that does not answer must not hide the other metrics.
        with suppress(TocsinError):
            for status, count in self._runtime.deliveries.counts().items():
                deliveries.add_metric([status], count)
            yield from self._of_queues()
        yield deliveries

    def _of_queues(self) -> Iterator[Metric]:
        runtime = self._runtime
        yield CounterMetricFamily(
            "tocsin_deliveries_dropped",
            "Deliveries dropped because their channel had reached TOCSIN_MAX_PENDING_DELIVERIES.",
            runtime.dropped.total(),
        )
        pending = GaugeMetricFamily(
            "tocsin_deliveries_pending",
            "Pending deliveries of each channel, by its id.",
            labels=["channel"],
        )
        for id, count in runtime.deliveries.pending_by_channel().items():
            pending.add_metric([str(id)], count)
        yield pending
        oldest, now = runtime.deliveries.oldest_pending(), runtime.now()
        yield GaugeMetricFamily(
            "tocsin_deliveries_oldest_pending_seconds",
            "Age of the oldest pending delivery; 0 if there is none.",
            max(0.0, (now - oldest).total_seconds()) if oldest else 0.0,
        )


def _fill_levels(runtime: Runtime) -> Iterator[Metric]:
    """Quantities that grow towards a ceiling of docs/reference/ceilings.md."""
    yield GaugeMetricFamily(
        "tocsin_body_bytes", "Memory that request bodies use.", runtime.bodies.used
    )
    yield GaugeMetricFamily(
        "tocsin_engine_months",
        "Months that have interactions.",
        len(runtime.engine.recorded_months),
    )
    paths = len(runtime.engine.field_types.paths)
    yield GaugeMetricFamily("tocsin_paths", "Distinct paths in all payloads.", paths)
    entries = GaugeMetricFamily(
        "tocsin_catalog_entries", "Catalog entries, by kind.", labels=["kind"]
    )
    for kind in Kind:
        entries.add_metric([kind], len(runtime.catalog.mnemonics(kind)))
    yield entries


def _problems(runtime: Runtime) -> Iterator[Metric]:
    problems = GaugeMetricFamily(
        "tocsin_problems",
        "Problems that an operator must fix, by kind; /readyz describes them.",
        labels=["kind"],
    )
    for kind, sentences in runtime.problems().items():
        problems.add_metric([kind], len(sentences))
    yield problems
    with suppress(OSError):
        free = runtime.disk.free_bytes()
        if free is not None:
            yield GaugeMetricFamily(
                "tocsin_disk_free_bytes", "Free space on the disk of the data folder.", free
            )
    parts = GaugeMetricFamily(
        "tocsin_engine_detached_part_rows",
        "Interactions in a part that the engine detached; NaN if unknown.",
        labels=["part", "reason"],
    )
    for part in runtime.losses.shown_parts:
        parts.add_metric([part.name, part.reason], math.nan if part.rows is None else part.rows)
    yield parts
    missing = GaugeMetricFamily(
        "tocsin_missing_interactions", "Recorded interactions that are missing from the engine."
    )
    missing.add_metric([], sum(runtime.losses.missing.values()))
    yield missing


class TelemetryMiddleware:
    """Measures each request, completes the headers of its response, and answers an unexpected error
    as a problem."""

    def __init__(self, app: ASGIApp, observations: Observations) -> None:
        self._app = app
        self._observations = observations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"]
                if not any(name == b"cache-control" for name, _ in headers):
                    message["headers"] = [*headers, *HEADERS]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except ClientDisconnect:
            status = _CLIENT_LEFT
        except asyncio.CancelledError:
            # The server is stopping, and its grace period for this request has ended.
            if not status:
                await problem(Stopping())(scope, receive, sending)
        except Exception:
            log.exception("request failed", method=scope["method"], path=scope["path"])
            if not status:
                await problem(TocsinError("An unexpected error occurred; the log has the details"))(
                    scope, receive, sending
                )
        finally:
            release_body(scope)
            seconds = time.perf_counter() - started
            self._observations.note(_method(scope), _route(scope), status, seconds)


def _method(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in _METHODS else "other"


def _route(scope: Scope) -> str:
    """The template of the route: a label must not have a value for each id."""
    return str(getattr(scope.get("route"), "path_format", "unknown"))

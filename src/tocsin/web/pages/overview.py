"""The first page: problems, firing alerts, current values, and recent changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from fastapi import Request, Response

from tocsin.model.alerts.state import Status
from tocsin.model.group_name import group_name
from tocsin.model.interactions.catalog import Kind
from tocsin.model.severity import MOST_SEVERE_FIRST
from tocsin.runtime import Runtime
from tocsin.web.alert_status import ShownGroup
from tocsin.web.dashboard import MetricValues
from tocsin.web.pages.metrics import rows_of
from tocsin.web.rendering import Pages, Reader, Site
from tocsin.web.routing import PageRouter

PATH = "/"
_SHOWN_FIRING = 12
_SHOWN_METRICS = 20
_SHOWN_CHANGES = 8
_SHOWN_PROBLEMS = 6


@dataclass(frozen=True, slots=True)
class RecentChange:
    """An alert that fired or recovered, or a definition that was created or changed."""

    at: datetime
    verb: str
    noun: str
    name: str
    address: str


router = PageRouter()


@router.get(PATH)
async def overview(pages: Site, request: Request, _viewer: Reader) -> Response:
    rates, values = await pages.dashboard.rates(), await pages.dashboard.values()
    render = partial(_render, pages, request, rates, values)
    return await pages.runtime.pools.pages.run(render)


def _render(pages: Pages, request: Request, rates: list[int], values: MetricValues) -> Response:
    runtime = pages.runtime
    metrics, alerts = runtime.metrics.all(), pages.alert_status.all()
    enabled = [metric for metric in metrics if metric.enabled]
    firing = pages.alert_status.firing()
    return pages.render(
        request,
        "overview.html",
        problems=[problem for kind in runtime.problems().values() for problem in kind],
        shown_problems=_SHOWN_PROBLEMS,
        rates=rates,
        firing=firing,
        silences=[
            runtime.silences.of_group(group.alert, group.dimensions, values.at)
            for group in firing[:_SHOWN_FIRING]
        ],
        severities=_severities(firing),
        shown_firing=_SHOWN_FIRING,
        failing=[each for each in alerts if each.alert.enabled and each.evaluation.error],
        enabled_alerts=sum(each.alert.enabled for each in alerts),
        recorded=runtime.engine.rows(),
        metrics=rows_of(runtime, values, enabled[:_SHOWN_METRICS]),
        metric_count=len(metrics),
        at=values.at,
        changes=_latest(runtime),
    )


def _severities(firing: Sequence[ShownGroup]) -> list[tuple[str, int]]:
    """The severities of groups that are firing, with the number of each."""
    counts = Counter(group.alert.severity for group in firing)
    return [(severity, counts[severity]) for severity in MOST_SEVERE_FIRST if counts[severity]]


def _latest(runtime: Runtime) -> list[RecentChange]:
    changes = [*_transitions(runtime), *_alerts(runtime), *_metrics(runtime), *_entries(runtime)]
    return sorted(changes, key=lambda change: change.at, reverse=True)[:_SHOWN_CHANGES]


def _transitions(runtime: Runtime) -> Iterator[RecentChange]:
    for transition in runtime.transitions.page(_SHOWN_CHANGES):
        alert, change = transition.alert, transition.change
        verb = "fired" if change.status is Status.FIRING else "recovered"
        group = group_name(change.dimensions)
        name = f"{alert.title} ({group})" if group else alert.title
        yield RecentChange(change.at, verb, "alert", name, f"/web/alerts/{alert.alert_id}")


def _alerts(runtime: Runtime) -> Iterator[RecentChange]:
    for alert in runtime.alerts.all():
        verb = "created" if alert.created_date == alert.modified_date else "changed"
        address = f"/web/alerts/{alert.alert_id}"
        yield RecentChange(alert.modified_date, verb, "alert", alert.title, address)


def _metrics(runtime: Runtime) -> Iterator[RecentChange]:
    for metric in runtime.metrics.all():
        verb = "created" if metric.created_date == metric.modified_date else "changed"
        address = f"/web/metrics/{metric.metric_id}"
        yield RecentChange(metric.modified_date, verb, "metric", metric.name, address)


def _entries(runtime: Runtime) -> Iterator[RecentChange]:
    for kind in Kind:
        for entry in runtime.catalog.entries(kind):
            if not entry.is_system:
                verb = "created" if entry.created_date == entry.modified_date else "changed"
                address = f"/web/catalog#{entry.id}"
                yield RecentChange(entry.modified_date, verb, kind.words, entry.mnemonic, address)

"""The first page: what is going on now, and what changed lately."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from fastapi import APIRouter, Request, Response

from tocsin.model.alerts.state import Status
from tocsin.model.interactions.catalog import Kind
from tocsin.runtime import Runtime
from tocsin.web.alert_status import Watch
from tocsin.web.dashboard import Board, Values
from tocsin.web.formatting import dimensions
from tocsin.web.pages.metrics import rows_of
from tocsin.web.rendering import Pages, Reader
from tocsin.web.routing import page_router

PATH = "/"
_SHOWN_FIRING = 12
_SHOWN_METRICS = 20
_SHOWN_CHANGES = 8
_SHOWN_PROBLEMS = 6


@dataclass(frozen=True, slots=True)
class Change:
    """Something that was made or changed."""

    at: datetime
    verb: str
    what: str
    name: str
    address: str


def routes(pages: Pages, board: Board, watch: Watch) -> APIRouter:
    router = page_router(pages)
    runtime = pages.runtime

    @router.get(PATH)
    async def overview(request: Request, _viewer: Reader) -> Response:
        pulse, values = await board.pulse(), await board.values()
        show = partial(_show, pages, watch, request, pulse, values)
        return await runtime.pools.pages.run(show)

    return router


def _show(
    pages: Pages, watch: Watch, request: Request, pulse: list[int], values: Values
) -> Response:
    runtime = pages.runtime
    metrics = runtime.metrics.all()
    enabled = [metric for metric in metrics if metric.enabled]
    return pages.show(
        request,
        "overview.html",
        problems=[each for kind in runtime.problems().values() for each in kind],
        shown_problems=_SHOWN_PROBLEMS,
        pulse=pulse,
        firing=watch.firing(),
        shown_firing=_SHOWN_FIRING,
        failing=[one for one in watch.all() if one.alert.enabled and one.evaluation.error],
        alerts=sum(one.alert.enabled for one in watch.all()),
        recorded=runtime.engine.rows(),
        metrics=rows_of(runtime, values, enabled[:_SHOWN_METRICS]),
        of=len(metrics),
        at=values.at,
        changes=_latest(runtime),
    )


def _latest(runtime: Runtime) -> list[Change]:
    changes = [*_transitions(runtime), *_changes(runtime)]
    return sorted(changes, key=lambda change: change.at, reverse=True)[:_SHOWN_CHANGES]


def _transitions(runtime: Runtime) -> Iterator[Change]:
    for made in runtime.transitions.page(_SHOWN_CHANGES):
        verb = "fired" if made.change.status is Status.FIRING else "recovered"
        group = dimensions(made.change.dimensions)
        name = f"{made.alert.title} ({group})" if group else made.alert.title
        yield Change(made.change.at, verb, "alert", name, f"/web/alerts/{made.alert.alert_id}")


def _changes(runtime: Runtime) -> Iterator[Change]:
    for alert in runtime.alerts.all():
        verb = "made" if alert.created_date == alert.modified_date else "changed"
        where = f"/web/alerts/{alert.alert_id}"
        yield Change(alert.modified_date, verb, "alert", alert.title, where)
    for metric in runtime.metrics.all():
        is_new = metric.created_date == metric.modified_date
        yield Change(
            metric.modified_date,
            "made" if is_new else "changed",
            "metric",
            metric.name,
            f"/web/metrics/{metric.metric_id}",
        )
    for kind in Kind:
        for entry in runtime.catalog.entries(kind):
            if not entry.is_system:
                verb = "added" if entry.created_date == entry.modified_date else "changed"
                where = f"/web/catalog#{entry.id}"
                yield Change(entry.modified_date, verb, kind.words, entry.mnemonic, where)

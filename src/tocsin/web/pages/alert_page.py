"""One alert: its groups, what it did, and the metric it watches against its threshold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from tocsin.api.pooled import pooled
from tocsin.errors import Conflict
from tocsin.model.alerts.evaluation import Group
from tocsin.model.alerts.state import Status
from tocsin.web import formatting
from tocsin.web.address_parameters import reads
from tocsin.web.alert_status import Watch
from tocsin.web.backtest_preview import drawn, stretches_of
from tocsin.web.charts import RANGES, read_range
from tocsin.web.pages.alerts import PATH
from tocsin.web.pagination import part_of
from tocsin.web.rendering import Admin, Pages, Reader, go_to
from tocsin.web.routing import page_router

_HISTORY = 50
_DRAWN = 1_000
_RANK = {Status.FIRING: 0, Status.PENDING: 1, Status.OK: 2}
_ORDERS: dict[str, Callable[[Group], Any]] = {
    "state": lambda group: _RANK[group.status],
    "group": lambda group: formatting.dimensions(group.dimensions).casefold(),
    "value": lambda group: (group.value is not None, group.value or 0),
}


def routes(pages: Pages, watch: Watch) -> APIRouter:
    router = page_router(pages)
    _add_looking(router, pages)
    _add_doing(router, pages, watch)
    return router


def _add_looking(router: APIRouter, pages: Pages) -> None:
    runtime = pages.runtime

    @router.get(PATH + "/{id:uuid}", **reads("from", "to"))
    @pooled(runtime.pools.questions)
    def alert(
        request: Request,
        _viewer: Reader,
        id: UUID,
        range: str | None = None,
        sort: str | None = None,
        page: int = 1,
    ) -> Response:
        alert, now = runtime.alerts.get(id), runtime.now()
        metric = runtime.metrics.get(alert.metric_id)
        over = read_range(range, *_from_and_to(request), now)
        history = runtime.transitions.page(_DRAWN, alert_id=id)
        stretches = stretches_of((made.change for made in history), now)
        return pages.show(
            request,
            "alert.html",
            alert=alert,
            metric=metric,
            sentence=formatting.rule(alert.rule, metric.name),
            evaluation=runtime.evaluations.status(id),
            over=over,
            ranges=RANGES,
            chart=drawn(runtime, metric.question, alert.rule, over, stretches),
            part=part_of(runtime.evaluator.groups(alert), _ORDERS, sort, page, range=range or ""),
            history=history[:_HISTORY],
            changes=len(history),
            drawn=_DRAWN,
            now=now,
        )


def _add_doing(router: APIRouter, pages: Pages, watch: Watch) -> None:
    runtime = pages.runtime

    @router.post(PATH + "/{id:uuid}/evaluate")
    @pooled(runtime.pools.questions)
    def evaluate_alert(_viewer: Admin, id: UUID) -> Response:
        if not runtime.alerts.get(id).enabled:
            raise Conflict("This alert is disabled: enable it first")
        runtime.evaluator.evaluate([id], runtime.now())
        watch.forget()
        return go_to(f"{PATH}/{id}")

    @router.post(PATH + "/{id:uuid}/delete")
    def delete_alert(viewer: Admin, id: UUID) -> Response:
        runtime.alert_service.delete(id, viewer.actor)
        watch.forget()
        return go_to(PATH)


def _from_and_to(request: Request) -> tuple[str | None, str | None]:
    asked = request.query_params
    return asked.get("from"), asked.get("to")

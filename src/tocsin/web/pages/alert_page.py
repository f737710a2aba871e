"""The page of an alert: its groups, its history, and its metric's chart with the threshold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from fastapi import Request, Response

from tocsin.model.alerts.evaluation import Group
from tocsin.model.alerts.state import Status
from tocsin.model.group_name import group_name
from tocsin.web import formatting
from tocsin.web.address_parameters import reads
from tocsin.web.backtest_preview import chart_with_threshold, firing_periods
from tocsin.web.charts import RANGES, read_range
from tocsin.web.pages.alerts import PATH
from tocsin.web.pagination import paginate
from tocsin.web.rendering import Admin, Reader, Site, redirect
from tocsin.web.routing import PageRouter, run_on

_HISTORY = 50
_DRAWN = 1_000
_RANK = {Status.FIRING: 0, Status.PENDING: 1, Status.OK: 2}
_ORDERS: dict[str, Callable[[Group], Any]] = {
    "state": lambda group: _RANK[group.status],
    "group": lambda group: group_name(group.dimensions).casefold(),
    "value": lambda group: (group.value is not None, group.value or 0),
}


router = PageRouter()


@router.get(PATH + "/{id:uuid}", **reads("from", "to"))
@run_on("questions")
def alert(
    pages: Site,
    request: Request,
    _viewer: Reader,
    id: UUID,
    range: str | None = None,
    sort: str | None = None,
    page: int = 1,
) -> Response:
    runtime = pages.runtime
    alert, now = runtime.alerts.get(id), runtime.now()
    metric = runtime.metrics.get(alert.metric_id)
    query = request.query_params
    over = read_range(range, query.get("from"), query.get("to"), now)
    history = runtime.transitions.page(_DRAWN, alert_id=id)
    periods = firing_periods((transition.change for transition in history), now)
    return pages.render(
        request,
        "alert.html",
        alert=alert,
        metric=metric,
        sentence=formatting.alert_sentence(alert, runtime.metrics.all()),
        channels=[each for id in alert.channel_ids if (each := runtime.channels.find(id))],
        evaluation=runtime.evaluations.status(id),
        over=over,
        ranges=RANGES,
        chart=chart_with_threshold(runtime, metric.question, alert.rule, over, periods),
        listing=paginate(runtime.alert_service.groups(id), _ORDERS, sort, page, range=range or ""),
        history=history[:_HISTORY],
        changes=len(history),
        drawn=_DRAWN,
        now=now,
    )


@router.post(PATH + "/{id:uuid}/evaluate")
@run_on("questions")
def evaluate_alert(pages: Site, viewer: Admin, id: UUID) -> Response:
    pages.runtime.alert_service.evaluate(id, viewer.actor)
    pages.alert_status.forget()
    return redirect(f"{PATH}/{id}")


@router.post(PATH + "/{id:uuid}/delete")
def delete_alert(pages: Site, viewer: Admin, id: UUID) -> Response:
    pages.runtime.alert_service.delete(id, viewer.actor)
    pages.alert_status.forget()
    return redirect(PATH)

"""The list of alerts, with their states: searched, sorted, enabled and disabled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from fastapi import Request, Response

from tocsin.api.bodies import Body
from tocsin.api.schemas.alerts import AlertResponse
from tocsin.api.schemas.shape import to_json
from tocsin.model.alerts.draft import read_alert
from tocsin.model.alerts.evaluation import EvaluationStatus
from tocsin.runtime import Runtime
from tocsin.web import formatting
from tocsin.web.alert_status import AlertStatus
from tocsin.web.forms import Form
from tocsin.web.pagination import paginate
from tocsin.web.rendering import Admin, Reader, Site, redirect
from tocsin.web.routing import PageRouter, run_on

PATH = "/web/alerts"
DEFINED = (
    *("title", "description", "runbookUrl", "labels", "metricId", "operator", "threshold"),
    *("recoveryThreshold", "for", "keepFiringFor", "noData", "alertAction", "recoveryAction"),
    *("resourceType", "severity", "interval", "evaluationDelay", "enabled", "onlyWhen"),
    "channelIds",
)
_RANK = {"firing": 0, "error": 1, "pending": 2, "ok": 3, "disabled": 4}
_SEVERITY = {"critical": 0, "warning": 1, "info": 2}
_ORDERS: dict[str, Callable[[AlertStatus], Any]] = {
    "state": lambda status: (
        *(_RANK[status.label], _SEVERITY[status.alert.severity], status.alert.title),
    ),
    "title": lambda status: status.alert.title.casefold(),
    "severity": lambda status: (_SEVERITY[status.alert.severity], status.alert.title),
}


router = PageRouter()


@router.get(PATH)
def alerts(
    pages: Site,
    request: Request,
    _viewer: Reader,
    q: str = "",
    sort: str | None = None,
    page: int = 1,
) -> Response:
    runtime = pages.runtime
    matching = [status for status in pages.alert_status.all() if _matches(status, q)]
    listing = paginate(matching, _ORDERS, sort, page, q=q)
    metrics = runtime.metrics.all()
    return pages.render(
        request,
        "alerts.html",
        listing=listing,
        q=q,
        any_alert=bool(runtime.alerts.all()),
        any_metric=bool(metrics),
        sentences={
            row.alert.alert_id: formatting.alert_sentence(row.alert, metrics)
            for row in listing.rows
        },
    )


@router.post(PATH + "/evaluate-all")
@run_on("questions")
def evaluate_all(pages: Site, viewer: Admin) -> Response:
    pages.runtime.alert_service.evaluate_all(viewer.actor)
    pages.alert_status.forget()
    return redirect(PATH)


@router.post(PATH + "/{id:uuid}/enabled")
@run_on("questions")
def switch_alert(pages: Site, viewer: Admin, id: UUID, body: Body) -> Response:
    runtime = pages.runtime
    spec = {**definition_of(runtime, id), "enabled": Form(body).has("enabled")}
    draft = read_alert(spec, runtime.catalog, runtime.metrics, runtime.channels)
    runtime.alert_service.replace(id, draft, viewer.actor)
    pages.alert_status.forget()
    return redirect(PATH)


def definition_of(runtime: Runtime, id: UUID) -> dict[str, Any]:
    """The definition of an alert as the API takes it, with mnemonics; raises NotFound."""
    alert, at = runtime.alerts.get(id), runtime.now()
    evaluation = EvaluationStatus(at, None, None, None)
    spec = to_json(AlertResponse.of(alert, evaluation, runtime.catalog))
    return {member: spec[member] for member in DEFINED} | {"metricId": str(alert.metric_id)}


def _matches(status: AlertStatus, search: str) -> bool:
    """Whether all words of the search occur in the alert's texts or its state."""
    alert = status.alert
    labels = " ".join(f"{key}={value}" for key, value in alert.labels.items())
    text = f"{alert.title} {alert.description or ''} {alert.severity} {status.label} {labels}"
    return all(word in text.casefold() for word in search.casefold().split())

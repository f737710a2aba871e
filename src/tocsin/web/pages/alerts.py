"""All alerts: what fires, what is wrong with them, searched and sorted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from tocsin.api.bodies import Body
from tocsin.api.pooled import pooled
from tocsin.api.schemas.alerts import AlertResponse
from tocsin.api.schemas.shape import to_json
from tocsin.model.alerts.draft import read_alert
from tocsin.model.alerts.evaluation import EvaluationStatus
from tocsin.runtime import Runtime
from tocsin.web.alert_status import Watch, Watched
from tocsin.web.forms import Form
from tocsin.web.pagination import part_of
from tocsin.web.rendering import Admin, Pages, Reader, go_to
from tocsin.web.routing import page_router

PATH = "/web/alerts"
DEFINED = (
    *("title", "description", "runbookUrl", "labels", "metricId", "operator", "threshold"),
    *("recoveryThreshold", "for", "keepFiringFor", "noData", "alertAction", "recoveryAction"),
    *("resourceType", "severity", "interval", "evaluationDelay", "enabled"),
)
_RANK = {"firing": 0, "error": 1, "pending": 2, "ok": 3, "disabled": 4}
_SEVERITY = {"critical": 0, "warning": 1, "info": 2}
_ORDERS: dict[str, Callable[[Watched], Any]] = {
    "state": lambda one: (_RANK[one.word], _SEVERITY[one.alert.severity], one.alert.title),
    "title": lambda one: one.alert.title.casefold(),
    "severity": lambda one: (_SEVERITY[one.alert.severity], one.alert.title),
}


def routes(pages: Pages, watch: Watch) -> APIRouter:
    router = page_router(pages)
    runtime = pages.runtime

    @router.get(PATH)
    def alerts(
        request: Request, _viewer: Reader, q: str = "", sort: str | None = None, page: int = 1
    ) -> Response:
        found = [one for one in watch.all() if _matches(one, q)]
        return pages.show(
            request,
            "alerts.html",
            part=part_of(found, _ORDERS, sort, page, q=q),
            q=q,
            any_alert=bool(runtime.alerts.all()),
            any_metric=bool(runtime.metrics.all()),
            names={metric.metric_id: metric.name for metric in runtime.metrics.all()},
        )

    @router.post(PATH + "/evaluate-all")
    @pooled(runtime.pools.questions)
    def evaluate_all(_viewer: Admin) -> Response:
        enabled = [alert.alert_id for alert in runtime.alerts.all() if alert.enabled]
        runtime.evaluator.evaluate(enabled, runtime.now())
        watch.forget()
        return go_to(PATH)

    @router.post(PATH + "/{id:uuid}/enabled")
    @pooled(runtime.pools.questions)
    def switch_alert(viewer: Admin, id: UUID, body: Body) -> Response:
        said = {**definition_of(runtime, id), "enabled": Form(body).has("enabled")}
        draft = read_alert(said, runtime.catalog, runtime.metrics)
        runtime.alert_service.replace(id, draft, viewer.actor)
        watch.forget()
        return go_to(PATH)

    return router


def definition_of(runtime: Runtime, id: UUID) -> dict[str, Any]:
    """The alert as somebody would write it, with mnemonics; raises NotFound."""
    alert, at = runtime.alerts.get(id), runtime.now()
    evaluation = EvaluationStatus(at, None, None, None)
    said = to_json(AlertResponse.of(alert, evaluation, runtime.catalog))
    return {member: said[member] for member in DEFINED} | {"metricId": str(alert.metric_id)}


def _matches(one: Watched, searched: str) -> bool:
    alert = one.alert
    labels = " ".join(f"{key}={value}" for key, value in alert.labels.items())
    text = f"{alert.title} {alert.description or ''} {alert.severity} {one.word} {labels}"
    return all(word in text.casefold() for word in searched.casefold().split())

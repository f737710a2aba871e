"""Making an alert: the threshold on the metric's chart, and how often it would have fired."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Request, Response

from tocsin.api.bodies import Body
from tocsin.api.pooled import pooled
from tocsin.errors import TocsinError
from tocsin.model.alerts.alert import Comparison, NoData, Severity
from tocsin.model.alerts.draft import read_alert
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.filter import WORDS, Operator
from tocsin.web import formatting
from tocsin.web.alert_status import Watch
from tocsin.web.backtest_preview import tried
from tocsin.web.charts import read_range
from tocsin.web.choices import choices_of
from tocsin.web.forms import Form
from tocsin.web.metric_preview import complaints, run_preview
from tocsin.web.pages.alerts import DEFINED, PATH, definition_of
from tocsin.web.quoting import decoded, write_pairs
from tocsin.web.rendering import Admin, Pages, Reader, go_to
from tocsin.web.routing import page_router

NEW = {
    **{"operator": "gt", "severity": "warning", "alertAction": "fired"},
    **{"recoveryAction": "recovered", "for": "0s", "interval": "1m", "enabled": True},
}
NO_DATA = {
    NoData.OK: "clear: it does not fire",
    NoData.KEEP: "as it was",
    NoData.FIRING: "it fires",
}
_PREVIEW = "alert_preview.html"
_NUMBERS = ("threshold", "recoveryThreshold")
_TEXTS = tuple(m for m in DEFINED if m not in (*_NUMBERS, "labels", "enabled"))


def routes(pages: Pages, watch: Watch) -> APIRouter:
    router = page_router(pages)
    _add_showing(router, pages)
    _add_saving(router, pages, watch)
    return router


def _add_showing(router: APIRouter, pages: Pages) -> None:
    runtime = pages.runtime

    @router.get(PATH + "/new")
    def new_alert(request: Request, _viewer: Reader, metric: UUID | None = None) -> Response:
        said = {**NEW, "metricId": str(metric)} if metric else NEW
        return _shown(pages, request, said)

    @router.get(PATH + "/{id:uuid}/edit")
    def edit_alert(request: Request, _viewer: Admin, id: UUID) -> Response:
        return _shown(pages, request, definition_of(runtime, id), editing=id)

    @router.post(PATH + "/preview")
    async def preview_alert(request: Request, _viewer: Reader, body: Body) -> Response:
        show = partial(_preview, pages, request, body)
        return await run_preview(pages, request, _PREVIEW, show)


def _preview(pages: Pages, request: Request, body: bytes) -> Response:
    """When the form's alert would have fired; what is not filled in yet is no error."""
    form, runtime = Form(body), pages.runtime
    try:
        draft = read_alert(definition_in(form), runtime.catalog, runtime.metrics, is_saved=False)
        alert = draft.alert(uuid4(), runtime.now(), runtime.now())
        name = runtime.metrics.get(alert.metric_id).name
        over = read_range(form.text("range"), None, None, runtime.now())
        found = tried(runtime, alert, over)
    except TocsinError as error:
        return pages.show(request, _PREVIEW, found=None, complaints=complaints(form, error))
    shown = {"found": found, "sentence": formatting.rule(alert.rule, name), "over": over}
    return pages.show(request, _PREVIEW, complaints=None, **shown)


def _add_saving(router: APIRouter, pages: Pages, watch: Watch) -> None:
    runtime = pages.runtime

    @router.post(PATH + "/new")
    @pooled(runtime.pools.questions)
    def create_alert(request: Request, viewer: Admin, body: Body) -> Response:
        said = definition_in(Form(body))
        try:
            draft = read_alert(said, runtime.catalog, runtime.metrics)
            alert = runtime.alert_service.create(draft, viewer.actor)
        except TocsinError as error:
            return _shown(pages, request, said, error)
        watch.forget()
        return go_to(f"{PATH}/{alert.alert_id}")

    @router.post(PATH + "/{id:uuid}/edit")
    @pooled(runtime.pools.questions)
    def replace_alert(request: Request, viewer: Admin, id: UUID, body: Body) -> Response:
        said = definition_in(Form(body))
        try:
            draft = read_alert(said, runtime.catalog, runtime.metrics)
            runtime.alert_service.replace(id, draft, viewer.actor)
        except TocsinError as error:
            return _shown(pages, request, said, error, editing=id)
        watch.forget()
        return go_to(f"{PATH}/{id}")


def definition_in(form: Form) -> dict[str, Any]:
    """The definition that a form holds, right or wrong."""
    numbers = {name: _number(text) for name in _NUMBERS if (text := form.text(name))}
    return {
        **form.members(*_TEXTS),
        **numbers,
        "labels": form.pairs("labels", "="),
        "enabled": form.has("enabled"),
    }


def _number(text: str) -> Any:
    """A number; what is none stays text, and is refused as such."""
    try:
        value = decoded(text)
    except ValueError:
        return text
    return value if isinstance(value, int | float) and not isinstance(value, bool) else text


def _shown(
    pages: Pages,
    request: Request,
    said: dict[str, Any],
    error: TocsinError | None = None,
    editing: UUID | None = None,
) -> Response:
    runtime = pages.runtime
    return pages.show_form(
        request,
        "alert_form.html",
        error,
        said={**dict.fromkeys(DEFINED), **said},
        labels=write_pairs(said.get("labels") or {}, "="),
        editing=editing,
        metrics=sorted(runtime.metrics.all(), key=lambda metric: metric.name.casefold()),
        operators={comparison: WORDS[Operator(comparison)] for comparison in Comparison},
        severities=list(Severity),
        no_data=NO_DATA,
        actions=choices_of(runtime, Kind.ACTION),
        resource_types=choices_of(runtime, Kind.RESOURCE_TYPE),
    )

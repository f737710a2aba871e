"""Making a metric: a form that follows what there is to measure, and shows what it would say."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from tocsin.api.bodies import Body
from tocsin.errors import TocsinError
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.field import Column
from tocsin.model.interactions.filter import LISTS, UNARY, WORDS
from tocsin.model.interactions.scope import Scope
from tocsin.model.metrics.metric import Aggregation
from tocsin.web.address_parameters import CONDITIONS, reads
from tocsin.web.choices import all_choices
from tocsin.web.dashboard import Board
from tocsin.web.filter_rows import KINDS, Condition
from tocsin.web.forms import Form
from tocsin.web.metric_export import MEMBERS, definition_in, definition_of, read_form
from tocsin.web.metric_preview import complaints, preview_of, run_preview
from tocsin.web.pages.metrics import PATH
from tocsin.web.rendering import Admin, Pages, Reader, go_to
from tocsin.web.routing import page_router

BLANK = dict.fromkeys(MEMBERS) | {"enabled": True}
NEW = {"metricType": "COUNT", "timeWindow": "1h"}
AGGREGATIONS = {
    Aggregation.COUNT: "How many",
    Aggregation.RATE: "How many per minute, hour or day",
    Aggregation.SUM: "Sum of a field",
    Aggregation.AVG: "Average of a field",
    Aggregation.MIN: "Least of a field",
    Aggregation.MAX: "Greatest of a field",
    Aggregation.DISTINCT_COUNT: "How many different values of a field",
}
_PREVIEW = "metric_preview.html"
_COPY = " (copy)"
_LONGEST_NAME = 200
WINDOWS = ("5m", "15m", "1h", "6h", "24h", "7d", "30d")


def routes(pages: Pages, board: Board) -> APIRouter:
    router = page_router(pages)
    _add_showing(router, pages)
    _add_trying(router, pages, board)
    _add_saving(router, pages, board)
    return router


def _add_showing(router: APIRouter, pages: Pages) -> None:
    runtime = pages.runtime

    @router.get(PATH + "/new", **reads(*MEMBERS, *CONDITIONS, "enabled"))
    def new_metric(request: Request, _viewer: Reader, like: UUID | None = None) -> Response:
        """Empty, like another metric, or filled by the address: a search that is to be counted."""
        form = Form(request.url.query)
        if like:
            definition = definition_of(runtime, runtime.metrics.get(like))
            definition["name"] = definition["name"][: _LONGEST_NAME - len(_COPY)] + _COPY
            return _shown(pages, request, definition)
        said = {k: v for k, v in definition_in(form).items() if v}
        # A search without a time counts all of it, where an empty form suggests a window.
        definition = {"metricType": "COUNT", **said} if said else dict(NEW)
        return _shown(pages, request, definition, form.conditions())

    @router.get(PATH + "/{id:uuid}/edit")
    def edit_metric(request: Request, _viewer: Admin, id: UUID) -> Response:
        metric = runtime.metrics.get(id)
        return _shown(pages, request, definition_of(runtime, metric), editing=id)


def _add_trying(router: APIRouter, pages: Pages, board: Board) -> None:
    runtime = pages.runtime

    @router.post(PATH + "/preview")
    async def preview_metric(request: Request, _viewer: Reader, body: Body) -> Response:
        show = partial(_preview, pages, request, body)
        return await run_preview(pages, request, _PREVIEW, show)

    @router.get("/web/fields")
    async def fields(
        request: Request,
        _viewer: Reader,
        resourceType: str = "",  # noqa: N803
        action: str = "",
    ) -> Response:
        entries = (
            runtime.catalog.find(kind, mnemonic)
            for kind, mnemonic in ((Kind.RESOURCE_TYPE, resourceType), (Kind.ACTION, action))
        )
        scope = Scope(*(entry.id if entry else None for entry in entries))
        reports = await board.fields(scope)
        shown = {"reports": reports, "columns": list(Column)}
        return await runtime.pools.pages.run(partial(pages.show, request, "fields.html", **shown))


def _preview(pages: Pages, request: Request, body: bytes) -> Response:
    """What the form's definition says now; what is not filled in yet is no error."""
    form = Form(body)
    try:
        _, question = read_form(pages.runtime, form, name_required=False)
        found = preview_of(pages.runtime, question)
    except TocsinError as error:
        return pages.show(request, _PREVIEW, found=None, complaints=complaints(form, error))
    return pages.show(request, _PREVIEW, found=found, complaints=None)


def _add_saving(router: APIRouter, pages: Pages, board: Board) -> None:
    runtime = pages.runtime

    @router.post(PATH + "/new")
    def create_metric(request: Request, viewer: Admin, body: Body) -> Response:
        form = Form(body)
        try:
            draft, question = read_form(runtime, form)
            metric = runtime.metric_service.create(draft, question, viewer.actor)
        except TocsinError as error:
            return _shown(pages, request, definition_in(form), form.conditions(), error)
        board.forget()
        return go_to(f"{PATH}/{metric.metric_id}")

    @router.post(PATH + "/{id:uuid}/edit")
    def replace_metric(request: Request, viewer: Admin, id: UUID, body: Body) -> Response:
        form = Form(body)
        try:
            draft, question = read_form(runtime, form)
            runtime.metric_service.replace(id, draft, question, viewer.actor)
        except TocsinError as error:
            return _shown(pages, request, definition_in(form), form.conditions(), error, editing=id)
        board.forget()
        return go_to(f"{PATH}/{id}")

    @router.post(PATH + "/{id:uuid}/delete")
    def delete_metric(viewer: Admin, id: UUID) -> Response:
        runtime.metric_service.delete(id, viewer.actor)
        board.forget()
        return go_to(PATH)


def _shown(
    pages: Pages,
    request: Request,
    definition: dict[str, Any],
    conditions: Sequence[Condition] | None = None,
    error: TocsinError | None = None,
    editing: UUID | None = None,
) -> Response:
    """The form; conditions that were entered already are shown as they were entered."""
    if conditions is None:
        conditions = [Condition.of(filter) for filter in definition.get("filters", ())]
    return pages.show_form(
        request,
        "metric_form.html",
        error,
        said={**BLANK, **definition},
        conditions_shown=conditions,
        editing=editing,
        aggregations=AGGREGATIONS,
        operators=WORDS,
        unary=UNARY,
        lists=LISTS,
        kinds=KINDS,
        windows=WINDOWS,
        entries=all_choices(pages.runtime),
    )

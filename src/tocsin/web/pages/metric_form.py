"""The form of a metric: it suggests the fields that were recorded, and previews the result."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from fastapi import Request, Response

from tocsin.api.bodies import Body
from tocsin.errors import TocsinError
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.field import Column
from tocsin.model.interactions.filter import LISTS, UNARY, WORDS
from tocsin.model.interactions.scope import Scope
from tocsin.model.metrics.aggregation import SIDE_AGGREGATIONS, Aggregation
from tocsin.model.metrics.comparison import Change
from tocsin.model.metrics.question import SIDES
from tocsin.model.metrics.rates import RateUnit
from tocsin.model.metrics.time_window import PERIODS
from tocsin.web.address_parameters import CONDITIONS, reads
from tocsin.web.choices import all_choices
from tocsin.web.filter_outline import rows_of
from tocsin.web.filter_rows import GROUPS, KINDS, Condition
from tocsin.web.forms import Form
from tocsin.web.metric_export import MEASURE, MEMBERS, definition_in, definition_of, read_form
from tocsin.web.metric_preview import preview_of, preview_problems, run_preview
from tocsin.web.pages.metrics import PATH
from tocsin.web.rendering import Admin, Pages, Reader, Site, redirect
from tocsin.web.routing import PageRouter

BLANK = dict.fromkeys(MEMBERS) | {"enabled": True, "expose": False}
NEW = {"metricType": "COUNT", "timeWindow": "1h"}
AGGREGATIONS = {
    Aggregation.COUNT: "Count",
    Aggregation.RATE: "Rate: number per time",
    Aggregation.SUM: "Sum of a field",
    Aggregation.AVG: "Average of a field",
    Aggregation.MIN: "Minimum of a field",
    Aggregation.MAX: "Maximum of a field",
    Aggregation.DISTINCT_COUNT: "Number of distinct values of a field",
    Aggregation.PERCENTILE: "Percentile of a field",
    Aggregation.LATEST: "Latest number of a field",
    Aggregation.RATIO: "Ratio of two aggregates",
}
CHANGES = {
    Change.DIFFERENCE: "the difference: current − base",
    Change.PERCENT: "the change in percent",
    Change.FACTOR: "a factor: current ÷ base",
}
COMPARISON = ("as", "offset", "minimumBase")
OFFSETS = ("1h", "1d", "7d", "28d")
SIDE_LABELS = {"numerator": "Numerator", "denominator": "Denominator"}
_PREVIEW = "metric_preview.html"
_COPY = " (copy)"
_LONGEST_NAME = 200
PERCENTILES = (50, 90, 95, 99)
WINDOWS = ("5m", "15m", "1h", "6h", "24h", "7d", "30d", *PERIODS)


router = PageRouter()


@router.get(PATH + "/new", **reads(*MEMBERS, *CONDITIONS, "enabled", "expose"))
def new_metric(
    pages: Site, request: Request, _viewer: Reader, like: UUID | None = None
) -> Response:
    """An empty form, a copy of the metric `like`, or one filled from the address: "Count these"
    on the page of interactions leads here."""
    form, runtime = Form(request.url.query), pages.runtime
    if like:
        definition = definition_of(runtime, runtime.metrics.get(like))
        definition["name"] = definition["name"][: _LONGEST_NAME - len(_COPY)] + _COPY
        return _form(pages, request, definition)
    entered = {member: value for member, value in definition_in(form).items() if value}
    # A search without a time counts all time, where an empty form suggests a window.
    definition = {"metricType": "COUNT", **entered} if entered else dict(NEW)
    return _form(pages, request, definition, form)


@router.get(PATH + "/{id:uuid}/edit")
def edit_metric(pages: Site, request: Request, _viewer: Admin, id: UUID) -> Response:
    metric = pages.runtime.metrics.get(id)
    return _form(pages, request, definition_of(pages.runtime, metric), editing=id)


@router.post(PATH + "/preview")
async def preview_metric(pages: Site, request: Request, _viewer: Reader, body: Body) -> Response:
    return await run_preview(pages, request, _PREVIEW, partial(_preview, pages, request, body))


@router.get("/web/fields")
async def fields(
    pages: Site,
    request: Request,
    _viewer: Reader,
    resourceType: str = "",  # noqa: N803
    action: str = "",
) -> Response:
    """The fields of interactions in a scope, as suggestions of the form."""
    runtime = pages.runtime
    entries = (
        runtime.catalog.find(Kind.RESOURCE_TYPE, resourceType),
        runtime.catalog.find(Kind.ACTION, action),
    )
    scope = Scope(*(entry.id if entry else None for entry in entries))
    reports = await pages.dashboard.fields(scope)
    render = partial(pages.render, request, "fields.html", reports=reports, columns=list(Column))
    return await runtime.pools.pages.run(render)


@router.post(PATH + "/new")
def create_metric(pages: Site, request: Request, viewer: Admin, body: Body) -> Response:
    form, runtime = Form(body), pages.runtime
    try:
        draft, question = read_form(runtime, form)
        metric = runtime.metric_service.create(draft, question, viewer.actor)
    except TocsinError as error:
        return _form(pages, request, definition_in(form), form, error)
    pages.dashboard.forget()
    return redirect(f"{PATH}/{metric.metric_id}")


@router.post(PATH + "/{id:uuid}/edit")
def replace_metric(pages: Site, request: Request, viewer: Admin, id: UUID, body: Body) -> Response:
    form, runtime = Form(body), pages.runtime
    try:
        draft, question = read_form(runtime, form)
        runtime.metric_service.replace(id, draft, question, viewer.actor)
    except TocsinError as error:
        return _form(pages, request, definition_in(form), form, error, editing=id)
    pages.dashboard.forget()
    return redirect(f"{PATH}/{id}")


@router.post(PATH + "/{id:uuid}/delete")
def delete_metric(pages: Site, viewer: Admin, id: UUID) -> Response:
    pages.runtime.metric_service.delete(id, viewer.actor)
    pages.dashboard.forget()
    return redirect(PATH)


def _preview(pages: Pages, request: Request, body: bytes) -> Response:
    """The result of the form's metric; fields that are empty so far are listed, not rejected."""
    form = Form(body)
    try:
        _, question = read_form(pages.runtime, form, name_required=False)
        preview = preview_of(pages.runtime, question)
    except TocsinError as error:
        problems = preview_problems(form, error)
        return pages.render(request, _PREVIEW, preview_problems=problems)
    return pages.render(request, _PREVIEW, preview=preview, preview_problems=None)


def _form(
    pages: Pages,
    request: Request,
    definition: dict[str, Any],
    entered: Form | None = None,
    error: TocsinError | None = None,
    editing: UUID | None = None,
) -> Response:
    """The form. Conditions are shown as they were entered; without a form, those of the
    definition."""
    return pages.render_form(
        request,
        "metric_form.html",
        error,
        spec={**BLANK, **definition},
        sides=[_side(name, definition.get(name) or {}, entered) for name in SIDES],
        side_aggregations={each: AGGREGATIONS[each] for each in SIDE_AGGREGATIONS},
        conditions_shown=_conditions(definition, entered),
        editing=editing,
        aggregations=AGGREGATIONS,
        operators=WORDS,
        unary=UNARY,
        lists=LISTS,
        kinds=KINDS,
        percentiles=PERCENTILES,
        groups=GROUPS,
        windows=WINDOWS,
        rate_units=list(RateUnit),
        periods=PERIODS,
        changes=CHANGES,
        compare=dict.fromkeys(COMPARISON) | (definition.get("compare") or {}),
        offsets=OFFSETS,
        entries=all_choices(pages.runtime),
    )


def _conditions(
    definition: dict[str, Any], entered: Form | None, prefix: str = ""
) -> list[Condition]:
    if entered:
        return entered.conditions(prefix)
    return rows_of(definition.get("filters", ()))


def _side(name: str, definition: dict[str, Any], entered: Form | None) -> dict[str, Any]:
    """The fields of one side of a RATIO."""
    return {
        "name": name,
        "label": SIDE_LABELS[name],
        "spec": {**dict.fromkeys(MEASURE), "metricType": Aggregation.COUNT, **definition},
        "conditions": _conditions(definition, entered, f"{name}."),
    }

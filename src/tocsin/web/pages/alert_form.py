"""The form of an alert, with a preview: the threshold on the metric's chart, and a backtest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from fastapi import Request, Response

from tocsin.api.bodies import Body
from tocsin.errors import TocsinError
from tocsin.model.alerts.alert import Comparison, NoData
from tocsin.model.alerts.draft import read_alert
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.filter import WORDS, Operator
from tocsin.model.notifications.channel import Channel, ChannelKind
from tocsin.model.severity import Severity
from tocsin.web import formatting
from tocsin.web.backtest_preview import summarize_backtest
from tocsin.web.charts import read_range
from tocsin.web.choices import choices_of
from tocsin.web.forms import Form
from tocsin.web.metric_preview import preview_problems, run_preview
from tocsin.web.new_channel import BUTTON, PREFIX, NewChannel, create_channel
from tocsin.web.pages.alerts import DEFINED, PATH, definition_of
from tocsin.web.quoting import write_pairs
from tocsin.web.rendering import Admin, Pages, Reader, Site, Viewer, redirect
from tocsin.web.routing import PageRouter, run_on

NEW = {
    **{"operator": "gt", "severity": "warning", "alertAction": "fired"},
    **{"recoveryAction": "recovered", "for": "0s", "interval": "1m", "enabled": True},
}
NO_DATA = {
    NoData.OK: "treat as OK",
    NoData.KEEP: "keep the last state",
    NoData.FIRING: "fire",
}
NEW_GUARD = {"metricId": None, "operator": "gte", "threshold": None}
_PREVIEW = "alert_preview.html"
_NUMBERS = ("threshold", "recoveryThreshold")
_OTHERS = (*_NUMBERS, "labels", "enabled", "onlyWhen", "channelIds")
_TEXTS = tuple(m for m in DEFINED if m not in _OTHERS)
_NEW_CHANNEL = tuple(f"{PREFIX}.{member}" for member in ("name", "kind", "target"))


router = PageRouter()


@router.get(PATH + "/new")
def new_alert(
    pages: Site, request: Request, _viewer: Reader, metric: UUID | None = None
) -> Response:
    spec = {**NEW, "metricId": str(metric)} if metric else NEW
    return _form(pages, request, spec)


@router.get(PATH + "/{id:uuid}/edit")
def edit_alert(pages: Site, request: Request, _viewer: Admin, id: UUID) -> Response:
    return _form(pages, request, definition_of(pages.runtime, id), editing=id)


@router.post(PATH + "/preview")
async def preview_alert(pages: Site, request: Request, _viewer: Reader, body: Body) -> Response:
    return await run_preview(pages, request, _PREVIEW, partial(_preview, pages, request, body))


@router.post(PATH + "/new")
@run_on("questions")
def create_alert(pages: Site, request: Request, viewer: Admin, body: Body) -> Response:
    form, runtime = Form(body), pages.runtime
    if form.has(BUTTON):
        return _with_new_channel(pages, request, viewer, form)
    spec = definition_in(form)
    try:
        draft = read_alert(spec, runtime.catalog, runtime.metrics, runtime.channels)
        alert = runtime.alert_service.create(draft, viewer.actor)
    except TocsinError as error:
        return _form(pages, request, spec, error)
    pages.alert_status.forget()
    return redirect(f"{PATH}/{alert.alert_id}")


@router.post(PATH + "/{id:uuid}/edit")
@run_on("questions")
def replace_alert(pages: Site, request: Request, viewer: Admin, id: UUID, body: Body) -> Response:
    form, runtime = Form(body), pages.runtime
    if form.has(BUTTON):
        return _with_new_channel(pages, request, viewer, form, editing=id)
    spec = definition_in(form)
    try:
        draft = read_alert(spec, runtime.catalog, runtime.metrics, runtime.channels)
        runtime.alert_service.replace(id, draft, viewer.actor)
    except TocsinError as error:
        return _form(pages, request, spec, error, editing=id)
    pages.alert_status.forget()
    return redirect(f"{PATH}/{id}")


def _preview(pages: Pages, request: Request, body: bytes) -> Response:
    """The backtest of the form's alert; fields that are empty so far are listed, not rejected."""
    form, runtime = Form(body), pages.runtime
    try:
        draft = read_alert(
            definition_in(form), runtime.catalog, runtime.metrics, runtime.channels, is_saved=False
        )
        alert = draft.alert(uuid4(), runtime.now(), runtime.now())
        over = read_range(form.text("range"), None, None, runtime.now())
        backtest = summarize_backtest(runtime, alert, over)
    except TocsinError as error:
        problems = preview_problems(form, error)
        return pages.render(request, _PREVIEW, preview_problems=problems)
    return pages.render(
        request,
        _PREVIEW,
        preview_problems=None,
        backtest=backtest,
        sentence=formatting.alert_sentence(alert, runtime.metrics.all()),
    )


def definition_in(form: Form) -> dict[str, Any]:
    """The definition in a form, which may be invalid."""
    numbers = [form.number(name) for name in _NUMBERS]
    return {
        **form.members(*_TEXTS),
        **{name: value for number in numbers for name, value in number.items()},
        "labels": form.pairs("labels", "="),
        "enabled": form.has("enabled"),
        "onlyWhen": form.guards(),
        "channelIds": form.checked("channelIds"),
    }


def _with_new_channel(
    pages: Pages, request: Request, viewer: Viewer, form: Form, editing: UUID | None = None
) -> Response:
    """The form as it was sent, with the channel that it creates."""
    spec = definition_in(form)
    try:
        new = create_channel(pages.runtime, form, viewer.actor)
    except TocsinError as error:
        entered = form.members(*_NEW_CHANNEL)
        return _form(pages, request, spec, error, editing=editing, entered=entered)
    spec["channelIds"].append(new.id)
    return _form(pages, request, spec, editing=editing, new=new)


def _chosen_first(channels: Sequence[Channel], chosen: Sequence[str]) -> list[Channel]:
    """The chosen channels in their order, as the form sends them back, then all others."""
    places = {id: place for place, id in enumerate(chosen)}
    return sorted(channels, key=lambda each: places.get(str(each.channel_id), len(places)))


def _form(
    pages: Pages,
    request: Request,
    spec: dict[str, Any],
    error: TocsinError | None = None,
    *,
    editing: UUID | None = None,
    entered: Mapping[str, str] | None = None,
    new: NewChannel | None = None,
) -> Response:
    """The form; `entered` are the fields of a channel that could not be created."""
    runtime, chosen = pages.runtime, list(map(str, spec.get("channelIds") or ()))
    return pages.render_form(
        request,
        "alert_form.html",
        error,
        spec={**dict.fromkeys(DEFINED), **spec},
        guards=[{**NEW_GUARD, **guard} for guard in spec.get("onlyWhen") or []],
        new_guard=NEW_GUARD,
        channels=_chosen_first(runtime.channels.all(), chosen),
        chosen=chosen,
        entered_channel={**dict.fromkeys(_NEW_CHANNEL), **(entered or {})},
        new_channel=new,
        channel_kinds=list(ChannelKind),
        labels=write_pairs(spec.get("labels") or {}, "="),
        editing=editing,
        metrics=sorted(runtime.metrics.all(), key=lambda metric: metric.name.casefold()),
        operators={comparison: WORDS[Operator(comparison)] for comparison in Comparison},
        severities=list(Severity),
        no_data=NO_DATA,
        actions=choices_of(runtime, Kind.ACTION),
        resource_types=choices_of(runtime, Kind.RESOURCE_TYPE),
    )

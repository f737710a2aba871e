"""The page and the form of silences, which hold deliveries of matching alerts back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi import Request, Response

from tocsin.api.bodies import Body
from tocsin.api.schemas.shape import to_json
from tocsin.api.schemas.silences import SilenceResponse
from tocsin.errors import TocsinError
from tocsin.model.instant import format_instant
from tocsin.model.notifications.recurrence import WEEKDAYS
from tocsin.model.notifications.silence import Silence
from tocsin.model.notifications.silence_draft import read_silence
from tocsin.model.severity import MOST_SEVERE_FIRST
from tocsin.web.forms import Form
from tocsin.web.metric_preview import preview_problems
from tocsin.web.quoting import write_pairs
from tocsin.web.rendering import Admin, Pages, Reader, Site, redirect
from tocsin.web.routing import PageRouter
from tocsin.web.silence_preview import silence_preview

PATH = "/web/silences"
_MEMBERS = ("author", "reason", "from", "to", "length")
_SHOWN = ("alertId", "matchAll", "severities", "recurs", *_MEMBERS)
_RECURRENCE = ("from", "to", "timezone", "until")
_SHOWN_RECURRENCE = ("weekdays", *_RECURRENCE)
_EVERY_ALERT = "all"
_ONCE, _WEEKLY = "once", "weekly"
_PREVIEW = "silence_preview.html"
LENGTHS = {
    "1h": timedelta(hours=1),
    "4h": timedelta(hours=4),
    "1d": timedelta(days=1),
    "7d": timedelta(days=7),
}

_NOT_STORED = UUID(int=0)

router = PageRouter()


@router.get(PATH)
def silences(pages: Site, request: Request, _viewer: Reader) -> Response:
    runtime = pages.runtime
    return pages.render(
        request,
        "silences.html",
        silences=sorted(runtime.silences.all(), key=_end, reverse=True),
        titles={alert.alert_id: alert.title for alert in runtime.alerts.all()},
        now=runtime.now(),
    )


@router.get(PATH + "/new")
def new_silence(
    pages: Site, request: Request, viewer: Admin, alert: UUID | None = None
) -> Response:
    spec = {"alertId": alert, "author": viewer.key.name, "length": next(iter(LENGTHS))}
    return _form(pages, request, spec)


@router.post(PATH + "/preview")
def preview_silence(pages: Site, request: Request, _viewer: Reader, body: Body) -> Response:
    """The preview of the form; fields that are empty so far are listed, not rejected."""
    form, now = Form(body), pages.runtime.now()
    try:
        silence = read_silence(silence_in(form, now), now).silence(_NOT_STORED, now, now)
    except TocsinError as error:
        return pages.render(request, _PREVIEW, preview_problems=preview_problems(form, error))
    preview = silence_preview(pages, silence, now)
    return pages.render(request, _PREVIEW, preview_problems=None, preview=preview)


@router.get(PATH + "/{id:uuid}")
def edit_silence(pages: Site, request: Request, _viewer: Admin, id: UUID) -> Response:
    spec = to_json(SilenceResponse.of(pages.runtime.silences.get(id), pages.runtime.now()))
    return _form(pages, request, spec, editing=id)


@router.post(PATH + "/new")
def create_silence(pages: Site, request: Request, viewer: Admin, body: Body) -> Response:
    form, now = Form(body), pages.runtime.now()
    try:
        draft = read_silence(silence_in(form, now), now)
        pages.runtime.silence_service.create(draft, viewer.actor)
    except TocsinError as error:
        return _form(pages, request, _entered(form), error)
    return redirect(PATH)


@router.post(PATH + "/{id:uuid}")
def replace_silence(pages: Site, request: Request, viewer: Admin, id: UUID, body: Body) -> Response:
    form, now = Form(body), pages.runtime.now()
    try:
        draft = read_silence(silence_in(form, now), now)
        pages.runtime.silence_service.replace(id, draft, viewer.actor)
    except TocsinError as error:
        return _form(pages, request, _entered(form), error, editing=id)
    return redirect(PATH)


@router.post(PATH + "/{id:uuid}/delete")
def delete_silence(pages: Site, viewer: Admin, id: UUID) -> Response:
    pages.runtime.silence_service.delete(id, viewer.actor)
    return redirect(PATH)


def _end(silence: Silence) -> tuple[bool, datetime]:
    return silence.end is None, silence.end or silence.start


def silence_in(form: Form, now: datetime) -> dict[str, Any]:
    """The silence in a form, which may be invalid. A length counts from now."""
    spec = _entered(form)
    length = LENGTHS.get(spec.pop("length", ""))
    if "recurs" in spec:
        spec.pop("to", None)
    elif length:
        spec["to"] = format_instant(now + length)
    return spec


def _entered(form: Form) -> dict[str, Any]:
    """The members of the form, which it shows again after an error."""
    alert_id = form.text("alertId")
    return {
        **form.members(*_MEMBERS),
        **({"matchAll": True} if alert_id == _EVERY_ALERT else {"alertId": alert_id}),
        **({"recurs": _recurrence_in(form)} if form.text("repeats") == _WEEKLY else {}),
        "severities": form.checked("severities"),
        "labels": form.pairs("labels", "="),
        "dimensions": form.pairs("dimensions", "=", nullable=True),
    }


def _recurrence_in(form: Form) -> dict[str, Any]:
    names = {f"recurs.{name}": name for name in _RECURRENCE}
    members = form.members(*names)
    weekdays = form.checked("recurs.weekdays")
    return {"weekdays": weekdays, **{names[path]: text for path, text in members.items()}}


def _form(
    pages: Pages,
    request: Request,
    spec: dict[str, Any],
    error: TocsinError | None = None,
    editing: UUID | None = None,
) -> Response:
    alerts = pages.runtime.alerts.all()
    return pages.render_form(
        request,
        "silence_form.html",
        error,
        spec={**dict.fromkeys(_SHOWN), **spec},
        recurs={**dict.fromkeys(_SHOWN_RECURRENCE), **(spec.get("recurs") or {})},
        repeats={_ONCE: "once", _WEEKLY: "every week"},
        chosen=_WEEKLY if spec.get("recurs") else _ONCE,
        every_alert=_EVERY_ALERT,
        severities=MOST_SEVERE_FIRST,
        weekdays=WEEKDAYS,
        labels=write_pairs(spec.get("labels") or {}, "="),
        dimensions=write_pairs(spec.get("dimensions") or {}, "="),
        editing=editing,
        lengths=LENGTHS,
        alerts=sorted(alerts, key=lambda alert: alert.title.casefold()),
        alert_ids={str(alert.alert_id) for alert in alerts},
    )

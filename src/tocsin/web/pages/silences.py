"""Silences: whose transitions are not delivered for a while, and why; made, changed, ended."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from tocsin.api.bodies import Body
from tocsin.api.schemas.notifications import SilenceResponse
from tocsin.api.schemas.shape import to_json
from tocsin.errors import TocsinError
from tocsin.model.instant import format_instant
from tocsin.model.notifications.silence import read_silence
from tocsin.web.forms import Form
from tocsin.web.quoting import write_pairs
from tocsin.web.rendering import Admin, Pages, Reader, go_to
from tocsin.web.routing import page_router

PATH = "/web/silences"
_MEMBERS = ("alertId", "author", "reason", "from", "to", "length")
LENGTHS = {
    "1h": timedelta(hours=1),
    "4h": timedelta(hours=4),
    "1d": timedelta(days=1),
    "7d": timedelta(days=7),
}


def routes(pages: Pages) -> APIRouter:
    router = page_router(pages)
    _add_showing(router, pages)
    _add_saving(router, pages)
    return router


def _add_showing(router: APIRouter, pages: Pages) -> None:
    runtime = pages.runtime

    @router.get(PATH)
    def silences(request: Request, _viewer: Reader) -> Response:
        return pages.show(
            request,
            "silences.html",
            silences=sorted(runtime.silences.all(), key=lambda one: one.to, reverse=True),
            titles={alert.alert_id: alert.title for alert in runtime.alerts.all()},
            now=runtime.now(),
        )

    @router.get(PATH + "/new")
    def new_silence(request: Request, viewer: Admin, alert: UUID | None = None) -> Response:
        said = {"alertId": alert, "author": viewer.key.name, "length": next(iter(LENGTHS))}
        return _form(pages, request, said)

    @router.get(PATH + "/{id:uuid}")
    def edit_silence(request: Request, _viewer: Admin, id: UUID) -> Response:
        said = to_json(SilenceResponse.of(runtime.silences.get(id)))
        return _form(pages, request, said, editing=id)


def _add_saving(router: APIRouter, pages: Pages) -> None:
    runtime = pages.runtime

    @router.post(PATH + "/new")
    def create_silence(request: Request, viewer: Admin, body: Body) -> Response:
        form, now = Form(body), runtime.now()
        try:
            draft = read_silence(silence_in(form, now), now)
            runtime.silence_service.create(draft, viewer.actor)
        except TocsinError as error:
            return _form(pages, request, _entered(form), error)
        return go_to(PATH)

    @router.post(PATH + "/{id:uuid}")
    def replace_silence(request: Request, viewer: Admin, id: UUID, body: Body) -> Response:
        form, now = Form(body), runtime.now()
        try:
            draft = read_silence(silence_in(form, now), now)
            runtime.silence_service.replace(id, draft, viewer.actor)
        except TocsinError as error:
            return _form(pages, request, _entered(form), error, editing=id)
        return go_to(PATH)

    @router.post(PATH + "/{id:uuid}/delete")
    def delete_silence(viewer: Admin, id: UUID) -> Response:
        runtime.silence_service.delete(id, viewer.actor)
        return go_to(PATH)


def silence_in(form: Form, now: datetime) -> dict[str, Any]:
    """The silence that a form holds, right or wrong; a length counts from now."""
    said = _entered(form)
    length = LENGTHS.get(said.pop("length", ""))
    return {**said, "to": format_instant(now + length)} if length else said


def _entered(form: Form) -> dict[str, Any]:
    """What the form holds, and shows again after an error."""
    return {
        **form.members(*_MEMBERS),
        "labels": form.pairs("labels", "="),
        "dimensions": form.pairs("dimensions", "=", nullable=True),
    }


def _form(
    pages: Pages,
    request: Request,
    said: dict[str, Any],
    error: TocsinError | None = None,
    editing: UUID | None = None,
) -> Response:
    alerts = pages.runtime.alerts.all()
    return pages.show_form(
        request,
        "silence_form.html",
        error,
        said={**dict.fromkeys(_MEMBERS), **said},
        labels=write_pairs(said.get("labels") or {}, "="),
        dimensions=write_pairs(said.get("dimensions") or {}, "="),
        editing=editing,
        lengths=LENGTHS,
        alerts=sorted(alerts, key=lambda alert: alert.title.casefold()),
        known={str(alert.alert_id) for alert in alerts},
    )

"""Whose transitions are not delivered for a while, why, and what was held back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from tocsin.api.body import Body
from tocsin.errors import TocsinError
from tocsin.model.instant import format_instant
from tocsin.model.silence import read_silence
from tocsin.web.forms import Form
from tocsin.web.pages import Admin, Pages, Reader, Viewer, go_to
from tocsin.web.routing import page_router

PATH = "/web/silences"
LENGTHS = {
    "1h": timedelta(hours=1),
    "4h": timedelta(hours=4),
    "1d": timedelta(days=1),
    "7d": timedelta(days=7),
}


def routes(pages: Pages) -> APIRouter:
    router = page_router()
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
        return _form(pages, request, viewer, {"alertId": alert and str(alert)})

    @router.post(PATH + "/new")
    def create_silence(request: Request, viewer: Admin, body: Body) -> Response:
        said = silence_in(Form(body), runtime.now())
        try:
            runtime.silences.create(read_silence(said, runtime.now()), runtime.now())
        except TocsinError as error:
            return _form(pages, request, viewer, said, error)
        return go_to(PATH)

    @router.post(PATH + "/{id:uuid}/delete")
    def delete_silence(_viewer: Admin, id: UUID) -> Response:
        runtime.silences.delete(id)
        return go_to(PATH)

    return router


def silence_in(form: Form, now: datetime) -> dict[str, Any]:
    """The silence that a form holds, right or wrong; it ends after a while, or when it is said."""
    length = LENGTHS.get(form.text("length") or "")
    ends = {"to": format_instant(now + length)} if length else form.members("to")
    return {
        **form.members("alertId", "author", "reason"),
        "labels": form.pairs("labels", "="),
        "dimensions": form.pairs("dimensions", "="),
        **ends,
    }


def _form(
    pages: Pages,
    request: Request,
    viewer: Viewer,
    said: dict[str, Any],
    error: TocsinError | None = None,
) -> Response:
    return pages.show_form(
        request,
        "silence_form.html",
        error,
        said={"author": viewer.key.name, **said},
        lengths=LENGTHS,
        alerts=sorted(pages.runtime.alerts.all(), key=lambda alert: alert.title.casefold()),
    )

"""The pages of an application: every page's routes, and what a person sees who is lost."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.exceptions import HTTPException

from tocsin.errors import NotFound
from tocsin.runtime import Runtime
from tocsin.web import assets
from tocsin.web.alert_status import Watch
from tocsin.web.dashboard import Board
from tocsin.web.pages import (
    alert_form,
    alert_page,
    alerts,
    catalog,
    channels,
    deliveries,
    interactions,
    keys,
    metric_form,
    metric_page,
    metrics,
    overview,
    sign_in,
    silences,
    subscriptions,
)
from tocsin.web.rendering import Pages

_NOT_FOUND = 404


def add_pages(app: FastAPI, runtime: Runtime) -> None:
    """Put the pages beside the API, on the same runtime."""
    pages = Pages(runtime)
    app.state.pages = pages
    for router in routers(pages):
        app.include_router(router)
    _find_the_lost(app, pages)


def routers(pages: Pages) -> list[APIRouter]:
    board, watch = Board(pages.runtime), Watch(pages.runtime)
    return [
        assets.routes(),
        sign_in.routes(pages),
        overview.routes(pages, board, watch),
        metrics.routes(pages, board),
        metric_form.routes(pages, board),
        metric_page.routes(pages, watch),
        alerts.routes(pages, watch),
        alert_form.routes(pages, watch),
        alert_page.routes(pages, watch),
        interactions.routes(pages),
        catalog.routes(pages),
        channels.routes(pages),
        subscriptions.routes(pages),
        deliveries.routes(pages),
        silences.routes(pages),
        keys.routes(pages),
    ]


def _find_the_lost(app: FastAPI, pages: Pages) -> None:
    """A browser that asks for what is not there gets a page; everybody else what the API says."""
    answer: Any = app.exception_handlers[HTTPException]

    async def answer_lost(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        is_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
        if error.status_code == _NOT_FOUND and is_page:
            return pages.show_error(request, NotFound("There is no such page"))
        said: Response = await answer(request, error)
        return said

    app.add_exception_handler(HTTPException, answer_lost)

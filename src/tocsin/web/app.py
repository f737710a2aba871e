"""Adds the pages to an application: the routes of every page, and a page for unknown addresses."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from tocsin.errors import NotFound
from tocsin.runtime import Runtime
from tocsin.web import assets
from tocsin.web.pages import (
    alert_form,
    alert_page,
    alerts,
    audit,
    catalog,
    channels,
    deliveries,
    erasures,
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

ROUTERS = tuple(
    module.router
    for module in (
        assets,
        sign_in,
        overview,
        metrics,
        metric_form,
        metric_page,
        alerts,
        alert_form,
        alert_page,
        interactions,
        catalog,
        channels,
        subscriptions,
        deliveries,
        silences,
        keys,
        audit,
        erasures,
    )
)
_NOT_FOUND = 404


def add_pages(app: FastAPI, runtime: Runtime) -> None:
    """Add the pages to an application that has the API already, on the same runtime."""
    pages = Pages(runtime)
    app.state.pages = pages
    for router in ROUTERS:
        app.include_router(router)
    _add_not_found_page(app, pages)


def _add_not_found_page(app: FastAPI, pages: Pages) -> None:
    """Answer a browser that requests an unknown address with a page; other clients keep the
    problem document of the API."""
    respond_as_api: Any = app.exception_handlers[HTTPException]

    async def respond(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        is_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
        if error.status_code == _NOT_FOUND and is_page:
            return pages.render_error(request, NotFound("There is no such page"))
        response: Response = await respond_as_api(request, error)
        return response

    app.add_exception_handler(HTTPException, respond)

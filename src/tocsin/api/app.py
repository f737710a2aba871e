"""The application: every route, how errors are answered, and the document of it all."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Response

from tocsin.api import (
    alert_evaluations,
    alerts,
    calculations,
    catalog,
    channels,
    deliveries,
    export,
    health,
    interactions,
    keys,
    metrics,
    silences,
    subscriptions,
)
from tocsin.api.bodies import answer
from tocsin.api.fast_path import Direct
from tocsin.api.head_requests import Head
from tocsin.api.known_parameters import REFUSES_UNKNOWN
from tocsin.api.openapi import document
from tocsin.api.problems import answer_errors
from tocsin.api.reference_page import page
from tocsin.api.telemetry import Observations, Observed
from tocsin.runtime import Runtime


def create_app(runtime: Runtime) -> FastAPI:
    """The application on an open runtime, which stays the caller's to close."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.runtime = runtime
    observations = Observations(runtime)
    app.add_middleware(Head)
    app.add_middleware(Direct, runtime=runtime, observations=observations)
    app.add_middleware(Observed, observations=observations)
    answer_errors(app)
    for router in (
        export.routes(runtime),
        interactions.routes(runtime),
        metrics.routes(runtime),
        calculations.routes(runtime, observations),
        alerts.routes(runtime),
        alert_evaluations.routes(runtime, observations),
        catalog.routes(runtime),
        channels.routes(runtime),
        subscriptions.routes(runtime),
        deliveries.routes(runtime),
        silences.routes(runtime),
        keys.routes(runtime),
        health.routes(runtime, observations),
    ):
        app.include_router(router)
    _add_document(app)
    return app


def _add_document(app: FastAPI) -> None:
    """The document is made when it is first asked for, so that starting does not wait for it."""

    def made() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = document(app)
        return app.openapi_schema

    # schemathesis and other tools ask the application itself.
    app.openapi = made  # type: ignore[method-assign]

    @app.get("/openapi.json", include_in_schema=False, **REFUSES_UNKNOWN)
    def openapi_json() -> Response:
        return answer(made())

    @app.get("/docs", include_in_schema=False, **REFUSES_UNKNOWN)
    def docs() -> Response:
        return page(made())

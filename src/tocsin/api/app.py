"""The application: its routes, its middleware, the handling of errors, and the OpenAPI document."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import FastAPI, Request, Response

from tocsin.api import (
    alert_evaluations,
    alerts,
    audit,
    backups,
    calculations,
    catalog,
    channels,
    cloud_events,
    definition_checks,
    deliveries,
    erasures,
    export,
    exposed_values,
    firing,
    health,
    hot_routes,
    interactions,
    keys,
    metric_rows,
    metrics,
    silences,
    subscriptions,
)
from tocsin.api.bodies import json_response
from tocsin.api.head_requests import HeadRequestMiddleware
from tocsin.api.known_parameters import REJECTS_UNKNOWN
from tocsin.api.openapi import document
from tocsin.api.problems import add_error_handlers
from tocsin.api.reference_page import reference_page
from tocsin.api.refreshing import RefreshMiddleware
from tocsin.api.telemetry import Observations, TelemetryMiddleware
from tocsin.runtime import Runtime

# In the order of the OpenAPI document.
_ROUTERS = (
    export.router,
    interactions.router,
    cloud_events.router,
    metrics.router,
    calculations.router,
    metric_rows.router,
    alerts.router,
    alert_evaluations.router,
    firing.router,
    catalog.router,
    channels.router,
    subscriptions.router,
    deliveries.router,
    silences.router,
    definition_checks.router,
    keys.router,
    audit.router,
    erasures.router,
    backups.router,
    health.router,
    exposed_values.router,
)


def create_app(runtime: Runtime) -> FastAPI:
    """The application on an open runtime, which the caller closes."""
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        routes=list(hot_routes.ROUTES),
    )
    app.state.runtime = runtime
    app.state.observations = observations = Observations(runtime)
    if runtime.database.is_shared:
        app.add_middleware(RefreshMiddleware, runtime=runtime)
    app.add_middleware(HeadRequestMiddleware)
    app.add_middleware(TelemetryMiddleware, observations=observations)
    add_error_handlers(app)
    for router in _ROUTERS:
        app.include_router(router)
    # schemathesis and other tools call this method.
    app.openapi = partial(_document, app)  # type: ignore[method-assign]
    app.get("/openapi.json", include_in_schema=False, **REJECTS_UNKNOWN)(openapi_json)
    app.get("/docs", include_in_schema=False, **REJECTS_UNKNOWN)(docs)
    return app


def _document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, which is built on first use so that the start does not wait for it."""
    if app.openapi_schema is None:
        app.openapi_schema = document(app)
    return app.openapi_schema


def openapi_json(request: Request) -> Response:
    return json_response(_document(request.app))


def docs(request: Request) -> Response:
    return reference_page(_document(request.app))

"""The endpoints that are called most, as plain Starlette routes in front of those of FastAPI.

FastAPI resolves the dependencies of a request in 0.1 to 0.2 ms, longer than recording an
interaction or adding up partial aggregates takes. Its routes for the same paths document these
endpoints and declare their parameters; the handlers there do the work. See
docs/decisions/0067-serve-hot-endpoints-by-plain-starlette-routes.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tocsin.api import calculations, interactions, metrics
from tocsin.api.auth import authorize
from tocsin.api.bodies import read_body
from tocsin.api.known_parameters import read_known
from tocsin.api.parameters import AS_OF, read_as_of
from tocsin.model.ceilings import DEFINITION_BYTES
from tocsin.model.key import Role

_Handler = Callable[[Request], Awaitable[Response]]


class HotRoute(Route):
    """A Starlette route that is measured under its path, as the routes of FastAPI are.

    Errors pass to the exception handlers of the application directly: Starlette's own route would
    look for a handler in a second place before, for each request.
    """

    def __init__(self, path: str, handler: _Handler) -> None:
        super().__init__(path, handler, methods=["POST"])
        self._handler = handler

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = self
        if scope["method"] != "POST":
            await super().handle(scope, receive, send)
            return
        response = await self._handler(Request(scope, receive, send))
        await response(scope, receive, send)


async def record(request: Request) -> Response:
    _checked(request, Role.INGEST, ())
    return await interactions.record_interaction(request.app.state.runtime, request)


async def calculate(request: Request) -> Response:
    at, limit = read_as_of(_checked(request, Role.READ, AS_OF))
    return await calculations.calculate_metric(
        **_application(request), id=request.path_params["id"], at=at, limit=limit
    )


async def calculate_all(request: Request) -> Response:
    at, limit = read_as_of(_checked(request, Role.READ, AS_OF))
    return await calculations.calculate_all_metrics(**_application(request), at=at, limit=limit)


async def preview(request: Request) -> Response:
    query = _checked(request, Role.READ, AS_OF)
    body = await read_body(request, DEFINITION_BYTES)
    at, limit = read_as_of(query)
    return await calculations.preview_metric(**_application(request), body=body, at=at, limit=limit)


def _checked(request: Request, role: Role, parameters: Collection[str]) -> dict[str, str]:
    """The query parameters, once the key is accepted."""
    authorize(request.app.state.runtime, request, [role])
    return read_known(request.scope["query_string"], parameters)


def _application(request: Request) -> dict[str, Any]:
    """The arguments that are dependencies in the signature of a handler."""
    state = request.app.state
    return {"runtime": state.runtime, "observations": state.observations}


ROUTES = (
    HotRoute(interactions.PATH, record),
    HotRoute(f"{metrics.PATH}/{{id:uuid}}/calculate", calculate),
    HotRoute(f"{metrics.PATH}/calculate-all", calculate_all),
    HotRoute(f"{metrics.PATH}/preview", preview),
)

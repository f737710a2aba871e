"""The routes of pages: they run on pools of threads, and errors are answered with pages.

Each route refuses requests that change something and do not come from our own pages, and
addresses with an unknown query parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from inspect import iscoroutinefunction
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from tocsin.api.auth import caller_of
from tocsin.api.known_parameters import names_of
from tocsin.api.pooled import pooled
from tocsin.errors import InvalidInput, TocsinError
from tocsin.model.validation import problems_in
from tocsin.runtime import Runtime
from tocsin.web.csrf import is_foreign
from tocsin.web.rendering import Pages
from tocsin.web.unknown_parameters import unknown_in

log = structlog.get_logger()

_UNEXPECTED = TocsinError("An unexpected error occurred; the server log has the details")

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def _runtime_of(arguments: dict[str, Any]) -> Runtime:
    pages: Pages = arguments["pages"]
    return pages.runtime


run_on = partial(pooled, runtime_of=_runtime_of)
"""`pooled` for a handler that takes `pages: Site`."""


class PageRoute(APIRoute):
    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def respond(request: Request) -> Response:
            pages: Pages = request.app.state.pages
            try:
                if is_foreign(request):
                    raise pages.runtime.access.forbid_foreign(caller_of(request))
                if unknown := unknown_in(request, names_of(self.dependant)):
                    return pages.render_unknown(request, unknown)
                return await handle(request)
            except TocsinError as error:
                return pages.render_error(request, error)
            except RequestValidationError as error:
                problems = problems_in(error.errors(), skipped=1)
                return pages.render_error(request, InvalidInput(problems=problems))
            except ClientDisconnect:
                raise
            except Exception:
                log.exception("page failed", method=request.method, path=request.url.path)
                return pages.render_error(request, _UNEXPECTED)

        return respond


class PageRouter(APIRouter):
    """Runs handlers on the pool of pages unless they are coroutines."""

    def __init__(self) -> None:
        super().__init__(route_class=PageRoute, include_in_schema=False)

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if not iscoroutinefunction(endpoint):
            endpoint = run_on("pages")(endpoint)
        super().add_api_route(path, endpoint, **options)

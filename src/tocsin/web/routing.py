"""The routes of pages: they run on pools of threads, and errors are answered with pages.

Each route refuses requests that change something and do not come from our own pages, and
addresses with an unknown query parameter.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from functools import partial, wraps
from inspect import iscoroutinefunction
from typing import Any, Literal, ParamSpec, TypeVar

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from tocsin.api.auth import caller_of
from tocsin.api.known_parameters import names_of
from tocsin.errors import InvalidInput, TocsinError
from tocsin.model.validation import problems_in
from tocsin.process.pools import Pool
from tocsin.web.csrf import is_foreign
from tocsin.web.rendering import Pages
from tocsin.web.unknown_parameters import unknown_in

log = structlog.get_logger()

_UNEXPECTED = TocsinError("An unexpected error occurred; the server log has the details")

P = ParamSpec("P")
T = TypeVar("T")
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
PagePool = Literal["pages", "questions", "searches"]


def run_on(pool: PagePool) -> Callable[[Callable[P, T]], Callable[P, Awaitable[T]]]:
    """Decorates a handler that takes `pages: Site`, so that it runs on the pool of that name.

    The decorator goes below the one of the route, where the framework still reads the handler's
    signature.
    """

    def decorate(handler: Callable[P, T]) -> Callable[P, Awaitable[T]]:
        @wraps(handler)
        async def respond(*args: P.args, **kwargs: P.kwargs) -> T:
            return await _pool(kwargs["pages"], pool).run(partial(handler, *args, **kwargs))

        return respond

    return decorate


def _pool(pages: Any, name: PagePool) -> Pool:
    pool: Pool = getattr(pages.runtime.pools, name)
    return pool


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

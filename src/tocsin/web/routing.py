"""How are pages reached: each route answers what goes wrong with a page, and refuses requests
that change something unless they come from our own pages, and addresses with a misspelled name."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
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
from tocsin.process.pools import Pool
from tocsin.web.csrf import is_foreign
from tocsin.web.rendering import Pages
from tocsin.web.unknown_parameters import unknown_in

log = structlog.get_logger()

_UNEXPECTED = TocsinError("Something went wrong; the log of the server says what")

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class PageRoute(APIRoute):
    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            pages: Pages = request.app.state.pages
            try:
                if is_foreign(request):
                    raise pages.runtime.access.forbid_foreign(caller_of(request))
                if unknown := unknown_in(request, names_of(self.dependant)):
                    return pages.show_unknown(request, unknown)
                return await handle(request)
            except TocsinError as error:
                return pages.show_error(request, error)
            except RequestValidationError as error:
                problems = problems_in(error.errors(), skipped=1)
                return pages.show_error(request, InvalidInput(problems=problems))
            except ClientDisconnect:
                raise
            except Exception:
                log.exception("page failed", method=request.method, path=request.url.path)
                return pages.show_error(request, _UNEXPECTED)

        return handled


class PageRouter(APIRouter):
    """Runs handlers on the pool of pages, apart from those that are coroutines already."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(route_class=PageRoute, include_in_schema=False)
        self._pool = pool

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if not iscoroutinefunction(endpoint):
            endpoint = pooled(self._pool)(endpoint)
        super().add_api_route(path, endpoint, **options)


def page_router(pages: Pages) -> APIRouter:
    return PageRouter(pages.runtime.pools.pages)

"""Middleware for Django, for synchronous and asynchronous views:

    class FailedLogins(TocsinMiddleware):
        def on_response(self, exchange: Exchange) -> None: ...

    MIDDLEWARE = ["shop.middleware.FailedLogins", ...]

The first middleware of the list sees every response.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction

from tocsin_client._requests import Exchange, report, unit_of_work


class TocsinMiddleware:
    """Gives each request a unit of work, and calls `on_response` with its response.

    All interactions that the views and `on_response` record have this `uowId`. Errors in
    `on_response` are logged.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self._get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def on_response(self, exchange: Exchange) -> None:
        """Override this to record interactions."""

    def __call__(self, request: Any) -> Any:
        if self._is_async:
            return self._respond_async(request)
        started = time.perf_counter()
        with unit_of_work():
            response = self._get_response(request)
            self._report(request, response, started)
        return response

    async def _respond_async(self, request: Any) -> Any:
        started = time.perf_counter()
        with unit_of_work():
            response = await self._get_response(request)
            self._report(request, response, started)
        return response

    def _report(self, request: Any, response: Any, started: float) -> None:
        seconds = time.perf_counter() - started
        headers = {name.lower(): value for name, value in request.headers.items()}
        method, path, status = request.method, request.path, response.status_code
        report(self.on_response, Exchange(method, path, status, seconds, headers, request))

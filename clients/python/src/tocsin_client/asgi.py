"""Middleware for ASGI applications, such as FastAPI and Starlette.

app.add_middleware(TocsinMiddleware, on_response=failed_logins)
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tocsin_client._requests import Exchange, OnResponse, report, unit_of_work

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class TocsinMiddleware:
    """Gives each request a unit of work, and calls `on_response` when its response begins.

    All interactions that the application and `on_response` record have this `uowId`. `on_response`
    runs in the event loop and must not block; its errors are logged.
    """

    def __init__(self, app: App, on_response: OnResponse | None = None) -> None:
        self._app = app
        self._on_response = on_response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        response = _Response(scope, send, self._on_response)
        with unit_of_work():
            try:
                await self._app(scope, receive, response.send)
            except BaseException:
                response.begin(500)
                raise


class _Response:
    """Reports the beginning of a response once."""

    def __init__(self, scope: Scope, send: Send, on_response: OnResponse | None) -> None:
        self._scope = scope
        self._send = send
        self._on_response = on_response
        self._started = time.perf_counter()
        self._has_begun = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begin(message["status"])
        await self._send(message)

    def begin(self, status: int) -> None:
        if self._has_begun:
            return
        self._has_begun = True
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in self._scope["headers"]
        }
        seconds = time.perf_counter() - self._started
        method, path = self._scope["method"], self._scope["path"]
        report(self._on_response, Exchange(method, path, status, seconds, headers, self._scope))

"""Answers HEAD on every route that accepts GET: the same headers, without the body."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadRequestMiddleware:
    """ASGI middleware that passes a HEAD on as a GET, and drops the body of the response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        # A copy: the server frames the response by the method of the original.
        as_get = {**scope, "method": "GET"}

        async def send_without_body(message: Message) -> None:
            is_body = message["type"] == "http.response.body"
            await send({**message, "body": b""} if is_body else message)

        try:
            await self._app(as_get, receive, send_without_body)
        finally:
            # The telemetry middleware, which is outside, measures requests by route.
            scope["route"] = as_get.get("route")

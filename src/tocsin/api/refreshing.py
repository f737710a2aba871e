"""Lets a request see what other nodes changed before it, such as keys and definitions."""

from __future__ import annotations

import time
from functools import partial

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from tocsin.api import interactions
from tocsin.api.auth import secret_of
from tocsin.api.problems import problem
from tocsin.errors import TocsinError
from tocsin.runtime import Runtime

# They use no definitions, or have to answer without the store.
_UNAFFECTED = ("/healthz", "/readyz", "/metrics")
_STATIC = "/web/static/"


class RefreshMiddleware:
    """ASGI middleware for nodes that share a store; one small query for each request.

    Recording with a known key goes without: it asks again for names that it does not know, and a
    key that another node has revoked is removed within a second.
    """

    def __init__(self, app: ASGIApp, runtime: Runtime) -> None:
        self._app = app
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._depends(scope):
            refresh = self._runtime.database.revisions.refresh
            try:
                await self._runtime.pools.refreshes.run(partial(refresh, time.monotonic()))
            except TocsinError as error:
                await problem(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _depends(self, scope: Scope) -> bool:
        path: str = scope["path"]
        if path in _UNAFFECTED or path.startswith(_STATIC):
            return False
        if scope["method"] == "POST" and path.startswith(interactions.PATH):
            return self._runtime.keys.identify(secret_of(Request(scope)) or "") is None
        return True

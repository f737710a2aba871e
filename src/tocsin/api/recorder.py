"""Records single interactions ahead of the framework, whose routing and dependencies take three
times as long as recording does. The route in `interactions.py` documents it, and means the same."""

from __future__ import annotations

from types import SimpleNamespace

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from tocsin.api.auth import authorize
from tocsin.api.interactions import PATH, record
from tocsin.api.problems import problem
from tocsin.errors import TocsinError
from tocsin.model.key import Role
from tocsin.runtime import Runtime

_ROUTE = SimpleNamespace(path_format=PATH)


class Recorder:
    """ASGI middleware: takes POST /api/interactions, passes on everything else."""

    def __init__(self, app: ASGIApp, runtime: Runtime) -> None:
        self._app = app
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        scope["route"] = _ROUTE
        request = Request(scope, receive)
        try:
            authorize(self._runtime, request, [Role.INGEST])
            response = await record(self._runtime, request)
        except TocsinError as error:
            response = problem(error)
        await response(scope, receive, send)

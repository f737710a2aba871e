"""Answers what is asked most ahead of the framework, whose routing and dependencies take longer
than recording an interaction or adding up partial results, and four times as long after a pause.

The routes document the same and mean the same: they call the same functions. Whatever is not asked
in a plain way is left to them.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tocsin.api import calculations, interactions
from tocsin.api.auth import authorize
from tocsin.api.bodies import read_body
from tocsin.api.metrics import PATH
from tocsin.api.parameters import AsOf, plain_as_of
from tocsin.api.problems import problem
from tocsin.api.telemetry import Observations
from tocsin.errors import TocsinError
from tocsin.model.ceilings import DEFINITION_BYTES
from tocsin.model.key import Role
from tocsin.runtime import Runtime

_ONE = re.compile(f"{PATH}/([0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})/calculate")


@dataclass(frozen=True, slots=True)
class _Asked:
    """The route that documents it, as requests are measured by; who may, and how it is answered."""

    route: str
    role: Role
    answer: Callable[[Request], Awaitable[Response]]


class Direct:
    """ASGI middleware: takes single interactions and calculations, passes on the rest."""

    def __init__(self, app: ASGIApp, runtime: Runtime, observations: Observations) -> None:
        self._app = app
        self._runtime = runtime
        self._observations = observations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        asked = self._asked(scope["path"], scope["query_string"]) if is_post else None
        if asked is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = SimpleNamespace(path_format=asked.route)
        request = Request(scope, receive)
        try:
            authorize(self._runtime, request, [asked.role])
            response = await asked.answer(request)
        except TocsinError as error:
            response = problem(error)
        await response(scope, receive, send)

    def _asked(self, path: str, query: bytes) -> _Asked | None:
        if path == interactions.PATH and not query:
            return _Asked(path, Role.INGEST, partial(interactions.record, self._runtime))
        as_of = plain_as_of(query) if path.startswith(PATH) else None
        if as_of is None:
            return None
        if path == f"{PATH}/preview":
            return _Asked(path, Role.READ, partial(self._preview, as_of))
        if path == f"{PATH}/calculate-all":
            return _Asked(path, Role.READ, partial(self._calculate_all, as_of))
        if one := _ONE.fullmatch(path):
            calculate = partial(self._calculate, UUID(one[1]), as_of)
            return _Asked(f"{PATH}/{{id}}/calculate", Role.READ, calculate)
        return None

    async def _preview(self, as_of: AsOf, request: Request) -> Response:
        body = await read_body(request, DEFINITION_BYTES)
        return await self._on_the_pool(calculations.preview, body, *as_of)

    async def _calculate_all(self, as_of: AsOf, _request: Request) -> Response:
        return await self._on_the_pool(calculations.calculate_all, *as_of)

    async def _calculate(self, id: UUID, as_of: AsOf, _request: Request) -> Response:
        return await self._on_the_pool(calculations.calculate, id, *as_of)

    async def _on_the_pool(self, answer: Callable[..., Response], *asked: object) -> Response:
        work = partial(answer, self._runtime, self._observations, *asked)
        return await self._runtime.pools.questions.run(work)

"""Renders pages from templates, for a signed-in viewer, with security headers.

Templates escape every value, and the headers forbid every script and style that is not a file of
this package. So a payload with markup is shown as text.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from tocsin import __version__
from tocsin.api.auth import caller_of
from tocsin.api.problems import retry_after
from tocsin.errors import TocsinError, Unauthenticated
from tocsin.model.key import Key, Role
from tocsin.process.audit import Actor
from tocsin.runtime import Runtime
from tocsin.web import assets, formatting
from tocsin.web.alert_status import AlertStatusCache
from tocsin.web.dashboard import Dashboard
from tocsin.web.forms import needs_original, problems_by_field
from tocsin.web.quoting import as_json, quoted
from tocsin.web.session import BrowserSessions
from tocsin.web.unknown_parameters import UnknownParameters

SIGN_IN = "/web/sign-in"
THEME_COOKIE = "tocsin_theme"
THEMES = ("light", "dark")
ZONE_COOKIE = "tocsin_zone"
ZONES = ("utc",)
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Viewer:
    """The key, the session and the address that a page is requested with."""

    key: Key
    session_id: UUID
    address: str | None

    @property
    def may_read(self) -> bool:
        return self.key.role.covers(Role.READ)

    @property
    def may_change(self) -> bool:
        return self.key.role.covers(Role.ADMIN)

    @property
    def actor(self) -> Actor:
        """The key and the address that changes of the viewer are logged with."""
        return Actor(self.key, self.address)


class Pages:
    """The templates, the sessions and the shared calculations of pages, on an open runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.sessions = BrowserSessions(runtime)
        self.dashboard = Dashboard(runtime)
        self.alert_status = AlertStatusCache(runtime)
        self._templates = Environment(
            loader=PackageLoader("tocsin.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(formatting.FILTERS)
        self._templates.filters.update(as_json=as_json, quoted=quoted)
        self._templates.tests["changed_by_a_form"] = needs_original
        self._templates.globals.update(asset=assets.url, version=__version__, formatting=formatting)

    def render(
        self, request: Request, template: str, status: int = 200, /, **context: Any
    ) -> Response:
        """The page of the template, with the variables of the context."""
        text = self._templates.get_template(template).render(
            viewer=self.viewer(request),
            theme=_choice_in_cookie(request, THEME_COOKIE, THEMES, "auto"),
            zone=_choice_in_cookie(request, ZONE_COOKIE, ZONES, "own"),
            path=request.url.path,
            **context,
        )
        return HTMLResponse(text, status, HEADERS)

    def viewer(self, request: Request) -> Viewer | None:
        """The signed-in viewer; reads memory only."""
        signed_in = self.sessions.find(request)
        if signed_in is None:
            return None
        return Viewer(signed_in.key, signed_in.session_id, caller_of(request).address)

    def render_form(
        self, request: Request, template: str, error: TocsinError | None, /, **context: Any
    ) -> Response:
        """The page of a form, with the problems of the error beside their fields."""
        status = HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK
        return self.render(request, template, status, problems=problems_by_field(error), **context)

    def render_unknown(self, request: Request, unknown: UnknownParameters) -> Response:
        """A page that names the unknown parameters, with links to addresses without them."""
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return self.render(request, "unknown.html", status, unknown=unknown)

    def render_error(self, request: Request, error: TocsinError) -> Response:
        """A page with the error; a viewer who is not signed in is redirected to do so."""
        if isinstance(error, Unauthenticated):
            return redirect(_sign_in_and_return(request))
        page = self.render(request, "error.html", error.status, error=error)
        page.headers.update(retry_after(error))
        return page


def redirect(path: str) -> Response:
    """A redirect that the browser follows with GET, as after a form."""
    return RedirectResponse(path, HTTPStatus.SEE_OTHER)


def _choice_in_cookie(request: Request, cookie: str, choices: Collection[str], default: str) -> str:
    choice = request.cookies.get(cookie, "")
    return choice if choice in choices else default


def _sign_in_and_return(request: Request) -> str:
    if request.method != "GET":
        return SIGN_IN
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return SIGN_IN if target == "/" else f"{SIGN_IN}?{urlencode({'next': target})}"


class _ViewerWith:
    """A dependency: the signed-in viewer, if its key has one of the roles.

    A coroutine, because it reads memory only and needs no thread.
    """

    def __init__(self, *roles: Role) -> None:
        self._roles = roles

    async def __call__(self, request: Request) -> Viewer:
        pages: Pages = request.app.state.pages
        viewer = pages.viewer(request)
        if viewer is None:
            raise Unauthenticated
        if not viewer.key.role.covers(*self._roles):
            describe = partial(caller_of, request)
            raise pages.runtime.access.forbid(viewer.key, self._roles, describe)
        return viewer


async def _pages(request: Request) -> Pages:
    pages: Pages = request.app.state.pages
    return pages


Site = Annotated[Pages, Depends(_pages)]
AnyRole = Annotated[Viewer, Depends(_ViewerWith(Role.INGEST, Role.READ))]
Reader = Annotated[Viewer, Depends(_ViewerWith(Role.READ))]
Admin = Annotated[Viewer, Depends(_ViewerWith(Role.ADMIN))]

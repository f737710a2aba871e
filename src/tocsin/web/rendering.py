"""Makes an answer of a page: its template, who looks at it, and the headers it goes with.

Templates escape whatever they are given, and the headers forbid every script and style that is
not a file of ours: what stands in a payload is text, and stays text.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
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
from tocsin.web.forms import needs_original, problems_by_field
from tocsin.web.quoting import as_json, quoted
from tocsin.web.session import Sessions
from tocsin.web.unknown_parameters import Unknown

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
    """Who looks at a page, and from where."""

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
        """The key and the address of the changes that the viewer makes."""
        return Actor(self.key, self.address)


class Pages:
    """The templates, on an open runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.sessions = Sessions(runtime)
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
        self._templates.globals.update(asset=assets.url, version=__version__, words=formatting)

    def show(self, request: Request, template: str, status: int = 200, /, **shown: Any) -> Response:
        """The page that the template makes of what is to be shown."""
        text = self._templates.get_template(template).render(
            viewer=self.viewer(request),
            theme=_chosen(request, THEME_COOKIE, THEMES, "auto"),
            zone=_chosen(request, ZONE_COOKIE, ZONES, "own"),
            path=request.url.path,
            **shown,
        )
        return HTMLResponse(text, status, HEADERS)

    def viewer(self, request: Request) -> Viewer | None:
        """Who is signed in; reads memory only."""
        signed_in = self.sessions.find(request)
        if signed_in is None:
            return None
        return Viewer(signed_in.key, signed_in.session_id, caller_of(request).address)

    def show_form(
        self, request: Request, template: str, error: TocsinError | None, /, **shown: Any
    ) -> Response:
        """The page of a form, with what is wrong beside the fields."""
        status = HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK
        return self.show(request, template, status, problems=problems_by_field(error), **shown)

    def show_unknown(self, request: Request, unknown: Unknown) -> Response:
        """A page that names what is unknown in the address, with links to what may be meant."""
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return self.show(request, "unknown.html", status, unknown=unknown)

    def show_error(self, request: Request, error: TocsinError) -> Response:
        """A page that says what went wrong; who has to sign in first is sent there."""
        if isinstance(error, Unauthenticated):
            return RedirectResponse(_sign_in_and_return(request), 303)
        page = self.show(request, "error.html", error.status, error=error)
        page.headers.update(retry_after(error))
        return page


def _chosen(request: Request, cookie: str, choices: Collection[str], otherwise: str) -> str:
    """What the viewer chose, as the browser remembers it."""
    chosen = request.cookies.get(cookie, "")
    return chosen if chosen in choices else otherwise


def _sign_in_and_return(request: Request) -> str:
    if request.method != "GET":
        return SIGN_IN
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return SIGN_IN if target == "/" else f"{SIGN_IN}?{urlencode({'next': target})}"


def _viewer_with(*roles: Role) -> Callable[[Request], Awaitable[Viewer]]:
    async def viewer(request: Request) -> Viewer:
        # On the event loop: it reads memory only, and needs no thread.
        pages: Pages = request.app.state.pages
        found = pages.viewer(request)
        if found is None:
            raise Unauthenticated
        if not found.key.role.covers(*roles):
            raise pages.runtime.access.forbid(found.key, roles, partial(caller_of, request))
        return found

    return viewer


Anyone = Annotated[Viewer, Depends(_viewer_with(Role.INGEST, Role.READ))]
Reader = Annotated[Viewer, Depends(_viewer_with(Role.READ))]
Admin = Annotated[Viewer, Depends(_viewer_with(Role.ADMIN))]


def go_to(path: str) -> Response:
    """What a form is answered with that did what it should: the page to look at next."""
    return RedirectResponse(path, 303)

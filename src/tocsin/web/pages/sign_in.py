"""Signs viewers in with a key, and out."""

from __future__ import annotations

from fastapi import Request, Response

from tocsin.api.bodies import Body
from tocsin.api.problems import retry_after
from tocsin.errors import TooManyWrongKeys, Unauthenticated
from tocsin.model.key import Role
from tocsin.web.forms import Form
from tocsin.web.rendering import SIGN_IN, Site, redirect
from tocsin.web.routing import PageRouter

_CATALOG = "/web/catalog"


router = PageRouter()


@router.get(SIGN_IN)
def sign_in_form(pages: Site, request: Request, next: str = "/") -> Response:
    return pages.render(request, "sign_in.html", next=next, problem=None)


@router.post(SIGN_IN)
def sign_in(pages: Site, request: Request, body: Body) -> Response:
    form = Form(body)
    target = _local_path(form.text("next"))
    response = redirect(target)
    try:
        key = pages.sessions.begin(form.text("key") or "", request, response)
    except Unauthenticated as error:
        return pages.render(request, "sign_in.html", 401, next=target, problem=error.detail)
    except TooManyWrongKeys as error:
        page = pages.render(request, "sign_in.html", 429, next=target, problem=error.detail)
        page.headers.update(retry_after(error))
        return page
    # A key with the role ingest may see the catalog only.
    if key.role is Role.INGEST:
        response.headers["location"] = _CATALOG
    return response


@router.post("/web/sign-out")
def sign_out(pages: Site, request: Request) -> Response:
    response = redirect(SIGN_IN)
    pages.sessions.end(request, response)
    return response


def _local_path(target: str | None) -> str:
    """The target if it is a path on this host, else `/`: an open redirect would help phishing."""
    is_local = target and target.startswith("/") and target[1:2] not in ("/", "\\")
    return target if target and is_local and target.isprintable() else "/"

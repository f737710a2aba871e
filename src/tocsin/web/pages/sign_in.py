"""Signing in with a key, and out."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from tocsin.api.bodies import Body
from tocsin.api.problems import retry_after
from tocsin.errors import TooManyWrongKeys, Unauthenticated
from tocsin.model.key import Role
from tocsin.web.forms import Form
from tocsin.web.rendering import SIGN_IN, Pages, go_to
from tocsin.web.routing import page_router

_CATALOG = "/web/catalog"


def routes(pages: Pages) -> APIRouter:
    router = page_router(pages)

    @router.get(SIGN_IN)
    def sign_in_form(request: Request, next: str = "/") -> Response:
        return pages.show(request, "sign_in.html", next=next, problem=None)

    @router.post(SIGN_IN)
    def sign_in(request: Request, body: Body) -> Response:
        form = Form(body)
        target = _own(form.text("next"))
        answer = go_to(target)
        try:
            key = pages.sessions.begin(form.text("key") or "", request, answer)
        except Unauthenticated as error:
            return pages.show(request, "sign_in.html", 401, next=target, problem=error.detail)
        except TooManyWrongKeys as error:
            page = pages.show(request, "sign_in.html", 429, next=target, problem=error.detail)
            page.headers.update(retry_after(error))
            return page
        # A key that only records may look at the catalog and at nothing else.
        if key.role is Role.INGEST:
            answer.headers["location"] = _CATALOG
        return answer

    @router.post("/web/sign-out")
    def sign_out(request: Request) -> Response:
        answer = go_to(SIGN_IN)
        pages.sessions.end(request, answer)
        return answer

    return router


def _own(target: str | None) -> str:
    """Only a path of ours: an address elsewhere would make of signing in a trap."""
    is_ours = target and target.startswith("/") and target[1:2] not in ("/", "\\")
    return target if target and is_ours and target.isprintable() else "/"

"""The page of erasures: a list, and a form that counts first.

The value is sent in bodies only, so that no address has it.
"""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from pydantic import ValidationError

from tocsin.api.bodies import Body
from tocsin.errors import InvalidInput, TocsinError
from tocsin.model.erasure import ErasureDraft
from tocsin.model.interactions.catalog import Kind
from tocsin.model.validation import problems_of
from tocsin.web.forms import Form
from tocsin.web.rendering import Admin, Pages, Site, redirect
from tocsin.web.routing import PageRouter

PATH = "/web/erasures"
_MEMBERS = ("userId", "resourceType", "resourceId")

router = PageRouter()


@router.get(PATH)
def erasures(pages: Site, request: Request, _viewer: Admin) -> Response:
    return _page(pages, request)


@router.post(PATH)
def count(pages: Site, request: Request, _viewer: Admin, body: Body) -> Response:
    """The counts of an erasure, and the button that makes it."""
    members = Form(body).members(*_MEMBERS)
    try:
        _, counts, definitions = pages.runtime.erasure_service.count(_read(members))
    except TocsinError as error:
        return _page(pages, request, error, members=members)
    return _page(pages, request, members=members, counts=counts, definitions=definitions)


@router.post(PATH + "/new")
def erase(pages: Site, request: Request, viewer: Admin, body: Body) -> Response:
    members = Form(body).members(*_MEMBERS)
    try:
        pages.runtime.erasure_service.create(_read(members), viewer.actor)
    except TocsinError as error:
        return _page(pages, request, error, members=members)
    return redirect(PATH)


def _page(
    pages: Pages, request: Request, error: TocsinError | None = None, **shown: Any
) -> Response:
    runtime = pages.runtime
    context: dict[str, Any] = {"members": {}, "counts": None, "definitions": [], **shown}
    context["members"] = {**dict.fromkeys(_MEMBERS), **context["members"]}
    return pages.render_form(
        request,
        "erasures.html",
        error,
        erasures=runtime.erasures.all(),
        types=runtime.catalog.mnemonics(Kind.RESOURCE_TYPE),
        **context,
    )


def _read(members: dict[str, Any]) -> ErasureDraft:
    try:
        return ErasureDraft.model_validate(members)
    except ValidationError as error:
        raise InvalidInput(problems=problems_of(error)) from error

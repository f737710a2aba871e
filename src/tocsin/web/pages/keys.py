"""The page of keys and sessions: create and revoke keys, end sessions.

A new key is shown once, in the response to the request that creates it.
"""

from __future__ import annotations

from uuid import UUID

from fastapi import Request, Response
from pydantic import ValidationError

from tocsin.api.bodies import Body
from tocsin.errors import InvalidInput
from tocsin.model.key import KeyDraft, Role
from tocsin.model.validation import problems_of
from tocsin.web.forms import Form
from tocsin.web.rendering import Admin, Pages, Site, Viewer, redirect
from tocsin.web.routing import PageRouter

PATH = "/web/keys"
MEANINGS = {
    Role.INGEST: "records interactions, reads the catalog",
    Role.READ: "reads and calculates everything",
    Role.ADMIN: "has full access",
}


router = PageRouter()


@router.get(PATH)
def keys(pages: Site, request: Request, viewer: Admin) -> Response:
    return _page(pages, request, viewer)


@router.post(PATH)
def create_key(pages: Site, request: Request, viewer: Admin, body: Body) -> Response:
    try:
        draft = KeyDraft.model_validate(Form(body).members("name", "role"))
    except ValidationError as error:
        return _page(pages, request, viewer, InvalidInput(problems=problems_of(error)))
    _, secret = pages.runtime.key_service.create(draft, viewer.actor)
    return _page(pages, request, viewer, secret=secret)


@router.post(PATH + "/{id:uuid}/revoke")
def revoke_key(pages: Site, viewer: Admin, id: UUID) -> Response:
    pages.runtime.key_service.revoke(id, viewer.actor)
    return redirect(PATH)


@router.post(PATH + "/sessions/{id:uuid}/end")
def end_session(pages: Site, viewer: Admin, id: UUID) -> Response:
    pages.runtime.key_service.end_session(id, viewer.actor)
    return redirect(PATH)


def _page(
    pages: Pages,
    request: Request,
    viewer: Viewer,
    error: InvalidInput | None = None,
    secret: str | None = None,
) -> Response:
    runtime = pages.runtime
    return pages.render_form(
        request,
        "keys.html",
        error,
        keys=runtime.keys.all(),
        sessions=[
            (session, key)
            for session in runtime.sessions.all(runtime.now())
            if (key := runtime.keys.find(session.key_id))
        ],
        own=viewer.key.key_id,
        own_session=viewer.session_id,
        meanings=MEANINGS,
        secret=secret,
    )

"""Keys: listed, made, revoked; and sessions: listed, ended.

A new key is shown once, on the page that answers its making.
"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from tocsin.access.service import key_fields
from tocsin.api.bodies import Body
from tocsin.errors import InvalidInput
from tocsin.model.key import KeyDraft, Role
from tocsin.model.validation import problems_of
from tocsin.web.forms import Form
from tocsin.web.rendering import Admin, Pages, Viewer, go_to
from tocsin.web.routing import page_router

PATH = "/web/keys"
MEANINGS = {
    Role.INGEST: "records interactions, reads the catalog",
    Role.READ: "reads and calculates everything",
    Role.ADMIN: "may do everything",
}


def routes(pages: Pages) -> APIRouter:
    router = page_router(pages)
    runtime = pages.runtime

    @router.get(PATH)
    def keys(request: Request, viewer: Admin) -> Response:
        return _shown(pages, request, viewer)

    @router.post(PATH)
    def create_key(request: Request, viewer: Admin, body: Body) -> Response:
        try:
            draft = KeyDraft.model_validate(Form(body).members("name", "role"))
        except ValidationError as error:
            return _shown(pages, request, viewer, InvalidInput(problems=problems_of(error)))
        key, secret = runtime.keys.create(draft.name, draft.role, runtime.now())
        viewer.actor.log_change("key created", **key_fields(key))
        return _shown(pages, request, viewer, secret=secret)

    @router.post(PATH + "/{id:uuid}/revoke")
    def revoke_key(viewer: Admin, id: UUID) -> Response:
        viewer.actor.log_change("key revoked", **key_fields(runtime.keys.revoke(id)))
        return go_to(PATH)

    @router.post(PATH + "/sessions/{id:uuid}/end")
    def end_session(viewer: Admin, id: UUID) -> Response:
        runtime.sessions.end(id)
        viewer.actor.log_change("session ended", session=str(id))
        return go_to(PATH)

    return router


def _shown(
    pages: Pages,
    request: Request,
    viewer: Viewer,
    error: InvalidInput | None = None,
    secret: str | None = None,
) -> Response:
    runtime = pages.runtime
    return pages.show_form(
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

"""The page of keys and sessions: create, rotate and revoke keys, end sessions.

A new secret is shown once, in the response to the request that creates it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from fastapi import Request, Response
from pydantic import ValidationError

from tocsin.api.bodies import Body
from tocsin.errors import InvalidInput
from tocsin.model.instant import format_instant
from tocsin.model.key import KeyDraft, Role, Rotation
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
LIFETIMES = {f"{days}d": timedelta(days=days) for days in (7, 30, 90, 365)}
GRACES = {"24h": "holds for 24 hours", "7d": "holds for 7 days", "0s": "ends immediately"}


router = PageRouter()


@router.get(PATH)
def keys(pages: Site, request: Request, viewer: Admin) -> Response:
    return _page(pages, request, viewer)


@router.post(PATH)
def create_key(pages: Site, request: Request, viewer: Admin, body: Body) -> Response:
    try:
        draft = KeyDraft.model_validate(_members(pages, Form(body)))
    except ValidationError as error:
        return _page(pages, request, viewer, InvalidInput(problems=problems_of(error)))
    _, secret = pages.runtime.key_service.create(draft, viewer.actor)
    return _page(pages, request, viewer, secret=secret)


@router.post(PATH + "/{id:uuid}/rotate")
def rotate_key(pages: Site, request: Request, viewer: Admin, id: UUID, body: Body) -> Response:
    try:
        rotation = Rotation.model_validate(Form(body).members("grace"))
    except ValidationError as error:
        return _page(pages, request, viewer, InvalidInput(problems=problems_of(error)))
    _, secret = pages.runtime.key_service.rotate(id, rotation, viewer.actor)
    return _page(pages, request, viewer, secret=secret)


@router.post(PATH + "/{id:uuid}/revoke")
def revoke_key(pages: Site, viewer: Admin, id: UUID) -> Response:
    pages.runtime.key_service.revoke(id, viewer.actor)
    return redirect(PATH)


@router.post(PATH + "/sessions/{id:uuid}/end")
def end_session(pages: Site, viewer: Admin, id: UUID) -> Response:
    pages.runtime.key_service.end_session(id, viewer.actor)
    return redirect(PATH)


def _members(pages: Pages, form: Form) -> dict[str, Any]:
    """The members of a new key. Its lifetime counts from now; a text that is not a choice stays an
    instant, which the validation rejects."""
    members = form.members("name", "role", "expiresAt")
    lifetime = LIFETIMES.get(members.get("expiresAt", ""))
    if lifetime:
        members["expiresAt"] = format_instant(pages.runtime.now() + lifetime)
    return members


def _page(
    pages: Pages,
    request: Request,
    viewer: Viewer,
    error: InvalidInput | None = None,
    secret: str | None = None,
) -> Response:
    runtime = pages.runtime
    now = runtime.now()
    return pages.render_form(
        request,
        "keys.html",
        error,
        keys=runtime.keys.all(),
        uses=runtime.key_uses.all(),
        now=now,
        sessions=[
            (session, key)
            for session in runtime.sessions.all(now)
            if (key := runtime.keys.find(session.key_id))
            and key.covers_session(session.created_date, now)
        ],
        own=viewer.key.key_id,
        own_session=viewer.session_id,
        meanings=MEANINGS,
        lifetimes=LIFETIMES,
        graces=GRACES,
        secret=secret,
    )

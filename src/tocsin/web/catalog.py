"""Resource types, actions and origins: looked at, added, changed and deleted."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from tocsin.api.body import Body
from tocsin.errors import InvalidInput, TocsinError
from tocsin.model.catalog import EntryDraft, Kind
from tocsin.model.problems import problems_of
from tocsin.web.forms import Form
from tocsin.web.pages import Admin, Anyone, Pages, go_to
from tocsin.web.routing import page_router

PATH = "/web/catalog"
_MEMBERS = ("mnemonic", "title", "description", "icon", "fontColorHex", "bgColorHex")


def routes(pages: Pages) -> APIRouter:
    router = page_router()
    runtime = pages.runtime

    @router.get(PATH)
    def catalog(request: Request, _viewer: Anyone) -> Response:
        shelves = {kind: runtime.catalog.entries(kind) for kind in Kind}
        return pages.show(request, "catalog.html", shelves=shelves)

    @router.get(PATH + "/{kind}/new")
    def new_entry(request: Request, _viewer: Admin, kind: Kind) -> Response:
        return _form(pages, request, kind, {})

    @router.post(PATH + "/{kind}/new")
    def create_entry(request: Request, _viewer: Admin, kind: Kind, body: Body) -> Response:
        said = Form(body).members(*_MEMBERS)
        try:
            entry = runtime.catalog.create(kind, _read(said), runtime.now())
        except TocsinError as error:
            return _form(pages, request, kind, said, error)
        return go_to(f"{PATH}#{entry.id}")

    @router.get(PATH + "/{kind}/{id:uuid}")
    def edit_entry(request: Request, _viewer: Admin, kind: Kind, id: UUID) -> Response:
        said = runtime.catalog.get(kind, id).said.model_dump(by_alias=True)
        return _form(pages, request, kind, said, editing=id)

    @router.post(PATH + "/{kind}/{id:uuid}")
    def replace_entry(
        request: Request, _viewer: Admin, kind: Kind, id: UUID, body: Body
    ) -> Response:
        said = Form(body).members(*_MEMBERS)
        try:
            runtime.catalog.replace(kind, id, _read(said), runtime.now())
        except TocsinError as error:
            return _form(pages, request, kind, said, error, editing=id)
        return go_to(f"{PATH}#{id}")

    @router.post(PATH + "/{kind}/{id:uuid}/delete")
    def delete_entry(_viewer: Admin, kind: Kind, id: UUID) -> Response:
        runtime.delete_entry(kind, id)
        return go_to(PATH)

    return router


def _form(
    pages: Pages,
    request: Request,
    kind: Kind,
    said: dict[str, Any],
    error: TocsinError | None = None,
    editing: UUID | None = None,
) -> Response:
    return pages.show_form(
        request,
        "entry_form.html",
        error,
        kind=kind,
        said={**dict.fromkeys(_MEMBERS), **said},
        editing=editing,
    )


def _read(said: dict[str, Any]) -> EntryDraft:
    try:
        return EntryDraft.model_validate(said)
    except ValidationError as error:
        raise InvalidInput(problems=problems_of(error)) from error

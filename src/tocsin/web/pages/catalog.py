"""Resource types, actions and origins: looked at, added, changed and deleted."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import ValidationError

from tocsin.api.bodies import Body
from tocsin.errors import InvalidInput, TocsinError
from tocsin.model.interactions.catalog import EntryDraft, Kind
from tocsin.model.validation import problems_of
from tocsin.web.forms import Form
from tocsin.web.rendering import Admin, Anyone, Pages, go_to
from tocsin.web.routing import page_router

PATH = "/web/catalog"
# Entries of each kind on a page.
SHOWN = 200
_MEMBERS = ("mnemonic", "title", "description", "icon", "fontColorHex", "bgColorHex")


def routes(pages: Pages) -> APIRouter:
    router = page_router(pages)
    runtime = pages.runtime

    @router.get(PATH)
    def catalog(
        request: Request,
        _viewer: Anyone,
        kind: Kind | None = None,
        start: Annotated[str, Query(alias="from")] = "",
    ) -> Response:
        """The first entries of each kind; of `kind` those whose mnemonics follow `from`."""
        shelves = {
            each: runtime.catalog.page(each, start if each is kind else "", SHOWN) for each in Kind
        }
        counts = {each: len(runtime.catalog.mnemonics(each)) for each in Kind}
        return pages.show(request, "catalog.html", shelves=shelves, counts=counts)

    @router.get(PATH + "/{kind}/new")
    def new_entry(request: Request, _viewer: Admin, kind: Kind) -> Response:
        return _form(pages, request, kind, {})

    @router.post(PATH + "/{kind}/new")
    def create_entry(request: Request, viewer: Admin, kind: Kind, body: Body) -> Response:
        said = Form(body).members(*_MEMBERS)
        try:
            entry = runtime.catalog_service.create(kind, _read(said), viewer.actor)
        except TocsinError as error:
            return _form(pages, request, kind, said, error)
        return _go_to_entry(kind, entry.id, entry.mnemonic)

    @router.get(PATH + "/{kind}/{id:uuid}")
    def edit_entry(request: Request, _viewer: Admin, kind: Kind, id: UUID) -> Response:
        said = runtime.catalog.get(kind, id).spec.model_dump(by_alias=True)
        return _form(pages, request, kind, said, editing=id)

    @router.post(PATH + "/{kind}/{id:uuid}")
    def replace_entry(
        request: Request, viewer: Admin, kind: Kind, id: UUID, body: Body
    ) -> Response:
        said = Form(body).members(*_MEMBERS)
        try:
            entry = runtime.catalog_service.replace(kind, id, _read(said), viewer.actor)
        except TocsinError as error:
            return _form(pages, request, kind, said, error, editing=id)
        return _go_to_entry(kind, id, entry.mnemonic)

    @router.post(PATH + "/{kind}/{id:uuid}/delete")
    def delete_entry(viewer: Admin, kind: Kind, id: UUID) -> Response:
        runtime.catalog_service.delete(kind, id, viewer.actor)
        return go_to(PATH)

    def _go_to_entry(kind: Kind, id: UUID, mnemonic: str) -> Response:
        shown, _ = runtime.catalog.page(kind, "", SHOWN)
        is_shown = id in {entry.id for entry in shown}
        query = "" if is_shown else f"?{urlencode({'kind': kind, 'from': mnemonic})}"
        return go_to(f"{PATH}{query}#{id}")

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

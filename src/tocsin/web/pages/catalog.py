"""The page and the form of catalog entries: resource types, actions and origins."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import ValidationError

from tocsin.api.bodies import Body
from tocsin.errors import InvalidInput, TocsinError
from tocsin.model.interactions.catalog import DRAFTS, EntryDraft, Kind
from tocsin.model.validation import problems_of
from tocsin.web.forms import Form
from tocsin.web.quoting import write_pairs
from tocsin.web.rendering import Admin, AnyRole, Pages, Site, redirect
from tocsin.web.routing import PageRouter

PATH = "/web/catalog"
SHOWN = 200
"""The number of entries of each kind on a page."""
_MEMBERS = ("mnemonic", "title", "description", "icon", "fontColorHex", "bgColorHex")


router = PageRouter()


@router.get(PATH)
def catalog(
    pages: Site,
    request: Request,
    _viewer: AnyRole,
    kind: Kind | None = None,
    start: Annotated[str, Query(alias="from")] = "",
) -> Response:
    """The first entries of each kind; of `kind` those whose mnemonics follow `from`."""
    entries = pages.runtime.catalog
    shelves = {each: entries.page(each, start if each is kind else "", SHOWN) for each in Kind}
    counts = {each: len(entries.mnemonics(each)) for each in Kind}
    return pages.render(request, "catalog.html", shelves=shelves, counts=counts)


@router.get(PATH + "/{kind}/new")
def new_entry(pages: Site, request: Request, _viewer: Admin, kind: Kind) -> Response:
    return _form(pages, request, kind, {})


@router.post(PATH + "/{kind}/new")
def create_entry(pages: Site, request: Request, viewer: Admin, kind: Kind, body: Body) -> Response:
    spec = _entered(body)
    try:
        entry = pages.runtime.catalog_service.create(kind, _read(kind, spec), viewer.actor)
    except TocsinError as error:
        return _form(pages, request, kind, spec, error)
    return _redirect_to_entry(pages, kind, entry.id, entry.mnemonic)


@router.get(PATH + "/{kind}/{id:uuid}")
def edit_entry(pages: Site, request: Request, _viewer: Admin, kind: Kind, id: UUID) -> Response:
    spec = pages.runtime.catalog.get(kind, id).spec.model_dump(mode="json", by_alias=True)
    return _form(pages, request, kind, spec, editing=id)


@router.post(PATH + "/{kind}/{id:uuid}")
def replace_entry(
    pages: Site, request: Request, viewer: Admin, kind: Kind, id: UUID, body: Body
) -> Response:
    spec = _entered(body)
    try:
        draft = _read(kind, spec)
        entry = pages.runtime.catalog_service.replace(kind, id, draft, viewer.actor)
    except TocsinError as error:
        return _form(pages, request, kind, spec, error, editing=id)
    return _redirect_to_entry(pages, kind, id, entry.mnemonic)


@router.post(PATH + "/{kind}/{id:uuid}/delete")
def delete_entry(pages: Site, viewer: Admin, kind: Kind, id: UUID) -> Response:
    pages.runtime.catalog_service.delete(kind, id, viewer.actor)
    return redirect(PATH)


def _redirect_to_entry(pages: Pages, kind: Kind, id: UUID, mnemonic: str) -> Response:
    """Redirect to the page of the catalog that lists the entry."""
    first_page, _ = pages.runtime.catalog.page(kind, "", SHOWN)
    is_on_first = id in {entry.id for entry in first_page}
    query = "" if is_on_first else f"?{urlencode({'kind': kind, 'from': mnemonic})}"
    return redirect(f"{PATH}{query}#{id}")


def _form(
    pages: Pages,
    request: Request,
    kind: Kind,
    spec: dict[str, Any],
    error: TocsinError | None = None,
    editing: UUID | None = None,
) -> Response:
    return pages.render_form(
        request,
        "entry_form.html",
        error,
        kind=kind,
        spec={**dict.fromkeys(_MEMBERS), **spec},
        redact=write_pairs({rule["field"]: rule["with"] for rule in spec.get("redact") or ()}, "="),
        editing=editing,
    )


def _entered(body: bytes) -> dict[str, Any]:
    form = Form(body)
    rules = [{"field": f, "with": treatment} for f, treatment in form.pairs("redact", "=").items()]
    return {**form.members(*_MEMBERS), **({"redact": rules} if rules else {})}


def _read(kind: Kind, spec: dict[str, Any]) -> EntryDraft:
    try:
        return DRAFTS[kind].model_validate(spec)
    except ValidationError as error:
        raise InvalidInput(problems=problems_of(error)) from error

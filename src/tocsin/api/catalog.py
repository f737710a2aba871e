"""Routes of the catalog: list, read, add, replace, patch, delete.

The handlers serve all three kinds; the kind is that of the path. The contract is "Catalog" in
docs/reference/api.md.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from tocsin.api.auth import requires
from tocsin.api.bodies import Body, created, decode, decode_as, json_response, validated
from tocsin.api.definitions import definition_of
from tocsin.api.dependencies import App, CurrentActor
from tocsin.api.openapi import describes, describes_patch, patch_of
from tocsin.api.schemas.catalog import ENTRY_SHAPES, entry_response
from tocsin.model.ceilings import LISTED_ENTRIES
from tocsin.model.interactions.catalog import DRAFTS, Entry, Kind
from tocsin.model.key import Role
from tocsin.model.merge_patch import patched
from tocsin.process.optimistic_locking import retry_changed

PATHS = {
    Kind.RESOURCE_TYPE: "/api/resource-types",
    Kind.ACTION: "/api/actions",
    Kind.ORIGIN: "/api/origins",
}
_EXAMPLE = {"mnemonic": "CUSTOMER", "title": "Customer", "bgColorHex": "#1F6FEB"}
_PATCH_EXAMPLE = {"title": "Customer", "icon": None}


async def _kind_of(request: Request) -> Kind:
    path: str = request.scope["path"]
    return next(kind for kind, prefix in PATHS.items() if path.startswith(prefix))


EntryKind = Annotated[Kind, Depends(_kind_of)]
EntryLimit = Annotated[int, Query(ge=1, le=LISTED_ENTRIES, description="The page size.")]
Start = Annotated[
    str,
    Query(
        alias="from",
        description="The first mnemonic of the page; if there is none such, the next one.",
    ),
]


def list_entries(
    runtime: App, kind: EntryKind, limit: EntryLimit = LISTED_ENTRIES, start: Start = ""
) -> Response:
    """List the entries by mnemonic. If there are more than the limit, the header `Link` has the
    address of the next page."""
    entries, following = runtime.catalog.page(kind, start, limit)
    response = json_response([entry_response(entry) for entry in entries])
    if following:
        query = urlencode({"limit": limit, "from": following})
        response.headers["Link"] = f'<{PATHS[kind]}?{query}>; rel="next"'
    return response


def get_entry(runtime: App, kind: EntryKind, id: UUID) -> Response:
    """Get one entry."""
    return json_response(entry_response(runtime.catalog.get(kind, id)))


def create_entry(runtime: App, actor: CurrentActor, kind: EntryKind, body: Body) -> Response:
    """Add an entry. No other entry may have its mnemonic, without regard to case."""
    draft = decode_as(DRAFTS[kind], body)
    entry = runtime.catalog_service.create(kind, draft, actor)
    return created(entry_response(entry), PATHS[kind], entry.id)


def replace_entry(
    runtime: App, actor: CurrentActor, kind: EntryKind, id: UUID, body: Body
) -> Response:
    """Replace an entry. Interactions hold ids, so a new mnemonic applies to all of them."""
    draft = decode_as(DRAFTS[kind], body)
    entry = runtime.catalog_service.replace(kind, id, draft, actor)
    return json_response(entry_response(entry))


def patch_entry(
    runtime: App, actor: CurrentActor, kind: EntryKind, id: UUID, body: Body
) -> Response:
    """Change members of an entry; null removes one."""
    runtime.catalog.get(kind, id)
    patch = decode(body)

    def change() -> Entry:
        former = runtime.catalog.get(kind, id)
        document = patched(definition_of(entry_response(former), DRAFTS[kind]), patch)
        draft = validated(DRAFTS[kind], document)
        return runtime.catalog_service.replace(kind, id, draft, actor, former)

    return json_response(entry_response(retry_changed(change)))


def delete_entry(runtime: App, actor: CurrentActor, kind: EntryKind, id: UUID) -> Response:
    """Delete an entry that no interaction and no metric uses."""
    runtime.catalog_service.delete(kind, id, actor)
    return Response(status_code=204)


def _router() -> APIRouter:
    router = APIRouter(tags=["Catalog"])
    reads, changes = requires(Role.INGEST, Role.READ), requires(Role.ADMIN)
    for kind, path in PATHS.items():
        shape, draft, entry_path = ENTRY_SHAPES[kind], DRAFTS[kind], path + "/{id:uuid}"
        listed = describes([shape], f"All {kind.words}s, by mnemonic")
        router.get(path, **reads, **listed)(list_entries)
        got = describes(shape, f"The {kind.words}", problems=[404])
        router.get(entry_path, **reads, **got)(get_entry)
        added = describes(shape, "Added", status=201, problems=[409], body=draft, example=_EXAMPLE)
        router.post(path, **changes, **added)(create_entry)
        replaced = describes(shape, "Replaced", problems=[404, 409], body=draft, example=_EXAMPLE)
        router.put(entry_path, **changes, **replaced)(replace_entry)
        changed = describes_patch(shape, [404, 409], patch_of(draft), _PATCH_EXAMPLE)
        router.patch(entry_path, **changes, **changed)(patch_entry)
        deleted = describes(None, "Deleted", status=204, problems=[404, 409])
        router.delete(entry_path, **changes, **deleted)(delete_entry)
    return router


router = _router()

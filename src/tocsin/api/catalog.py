"""Resource types, actions and origins: list, read, add, replace, delete."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from tocsin.api.auth import actor_of, requires
from tocsin.api.bodies import Body, answer, created, decode_as
from tocsin.api.openapi import documented
from tocsin.api.schemas import metrics
from tocsin.model.ceilings import LISTED_ENTRIES
from tocsin.model.instant import format_instant
from tocsin.model.interactions.catalog import Entry, EntryDraft, Kind
from tocsin.model.key import Role
from tocsin.runtime import Runtime

PATHS = {
    Kind.RESOURCE_TYPE: "/api/resource-types",
    Kind.ACTION: "/api/actions",
    Kind.ORIGIN: "/api/origins",
}
_SHAPES: dict[Kind, Any] = {
    Kind.RESOURCE_TYPE: metrics.ResourceType,
    Kind.ACTION: metrics.Action,
    Kind.ORIGIN: metrics.Origin,
}
Limit = Annotated[int, Query(ge=1, le=LISTED_ENTRIES, description="At most so many.")]
Start = Annotated[
    str, Query(alias="from", description="The mnemonic to begin with, or the next one after it.")
]
_EXAMPLE = {"mnemonic": "CUSTOMER", "title": "Customer", "bgColorHex": "#1F6FEB"}


def routes(runtime: Runtime) -> APIRouter:
    router = APIRouter()
    for kind in Kind:
        router.include_router(_routes_of(runtime, kind))
    return router


def _routes_of(runtime: Runtime, kind: Kind) -> APIRouter:
    path, shape = PATHS[kind], _SHAPES[kind]
    router = APIRouter(prefix=path, tags=["Catalog"])
    reads, changes = requires(Role.INGEST, Role.READ), requires(Role.ADMIN)

    @router.get("", **reads, **documented([shape], f"Every {kind.words}, by mnemonic"))
    def list_entries(limit: Limit = LISTED_ENTRIES, start: Start = "") -> Response:
        """List the entries by mnemonic. Where there are more than the limit, the header `Link` has
        the address of the next page."""
        entries, following = runtime.catalog.page(kind, start, limit)
        response = answer([shown(entry) for entry in entries])
        if following:
            query = urlencode({"limit": limit, "from": following})
            response.headers["Link"] = f'<{path}?{query}>; rel="next"'
        return response

    @router.get("/{id:uuid}", **reads, **documented(shape, f"The {kind.words}", problems=[404]))
    def get_entry(id: UUID) -> Response:
        """Get one entry."""
        return answer(shown(runtime.catalog.get(kind, id)))

    @router.post(
        "",
        **changes,
        **documented(shape, "Added", status=201, body=EntryDraft, example=_EXAMPLE, problems=[409]),
    )
    def create_entry(request: Request, body: Body) -> Response:
        """Add an entry. Its mnemonic must be free, without regard to case."""
        draft = decode_as(EntryDraft, body)
        entry = runtime.catalog_service.create(kind, draft, actor_of(request))
        return created(shown(entry), path, entry.id)

    @router.put(
        "/{id:uuid}",
        **changes,
        **documented(shape, "Replaced", body=EntryDraft, example=_EXAMPLE, problems=[404, 409]),
    )
    def replace_entry(request: Request, id: UUID, body: Body) -> Response:
        """Replace an entry. Interactions hold ids, so a new mnemonic shows everywhere."""
        draft = decode_as(EntryDraft, body)
        entry = runtime.catalog_service.replace(kind, id, draft, actor_of(request))
        return answer(shown(entry))

    @router.delete(
        "/{id:uuid}", **changes, **documented(None, "Deleted", status=204, problems=[404, 409])
    )
    def delete_entry(request: Request, id: UUID) -> Response:
        """Delete an entry that no interaction and no metric uses."""
        runtime.catalog_service.delete(kind, id, actor_of(request))
        return Response(status_code=204)

    return router


def shown(entry: Entry) -> dict[str, Any]:
    """An entry as the API answers it."""
    return {
        entry.kind.id_member: entry.id,
        **entry.spec.model_dump(by_alias=True),
        "isSystem": entry.is_system,
        "createdDate": format_instant(entry.created_date),
        "modifiedDate": format_instant(entry.modified_date),
    }

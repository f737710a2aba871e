"""Routes of silences: list, read, create, replace, delete; and the deliveries held back.

The contract is "Silences" in docs/reference/alerts.md.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from tocsin.api.auth import requires
from tocsin.api.bodies import Body, created, decode, json_response
from tocsin.api.definitions import definition_of
from tocsin.api.deliveries import read_cursor
from tocsin.api.dependencies import App, CurrentActor
from tocsin.api.openapi import describes, describes_patch, patch_of, schema_of
from tocsin.api.parameters import PageLimit
from tocsin.api.schemas.notifications import DeliveriesResponse
from tocsin.api.schemas.silences import SilenceResponse
from tocsin.model.key import Role
from tocsin.model.merge_patch import patched
from tocsin.model.notifications.silence import Silence
from tocsin.model.notifications.silence_draft import SilenceDraft, read_silence
from tocsin.process.optimistic_locking import retry_changed

PATH = "/api/silences"
EXAMPLE = {
    "labels": {"team": "payments"},
    "dimensions": {"interaction_country": "ZA"},
    "to": "2026-03-20T18:00:00.000Z",
    "from": "2026-03-20T14:00:00.000Z",
    "author": "ada",
    "reason": "planned maintenance",
}

_SPEC: dict[str, Any] = {"body": schema_of(SilenceDraft), "example": EXAMPLE}
_READS, _CHANGES = requires(Role.READ), requires(Role.ADMIN)

router = APIRouter(prefix=PATH, tags=["Silences"])


@router.get("", **_READS, **describes([SilenceResponse], "All silences, oldest first"))
def list_silences(runtime: App) -> Response:
    """List all silences, those that are over too."""
    at = runtime.now()
    return json_response([SilenceResponse.of(silence, at) for silence in runtime.silences.all()])


@router.get("/{id:uuid}", **_READS, **describes(SilenceResponse, "The silence", problems=[404]))
def get_silence(runtime: App, id: UUID) -> Response:
    """Get one silence."""
    return json_response(SilenceResponse.of(runtime.silences.get(id), runtime.now()))


@router.get(
    "/{id:uuid}/deliveries",
    **_READS,
    **describes(DeliveriesResponse, "A page, newest first", problems=[404, 422]),
)
def list_silenced_deliveries(
    runtime: App, id: UUID, limit: PageLimit = 100, cursor: str | None = None
) -> Response:
    """List the deliveries that the silence held back, those too that were sent later."""
    runtime.silences.get(id)
    page = runtime.deliveries.page(limit, before=read_cursor(cursor), silence_id=id)
    return json_response(DeliveriesResponse.of(page))


@router.post("", **_CHANGES, **describes(SilenceResponse, "Created", status=201, **_SPEC))
def create_silence(runtime: App, actor: CurrentActor, body: Body) -> Response:
    """Create a silence. Transitions go on; their deliveries are kept as `silenced`. When it ends,
    groups that fired during it and still fire are notified."""
    draft = read_silence(decode(body), runtime.now())
    silence = runtime.silence_service.create(draft, actor)
    return created(SilenceResponse.of(silence, runtime.now()), PATH, silence.silence_id)


@router.put(
    "/{id:uuid}", **_CHANGES, **describes(SilenceResponse, "Replaced", problems=[404], **_SPEC)
)
def replace_silence(runtime: App, actor: CurrentActor, id: UUID, body: Body) -> Response:
    """Replace a silence. Groups that it no longer silences and that still fire are notified."""
    runtime.silences.get(id)
    draft = read_silence(decode(body), runtime.now())
    silence = runtime.silence_service.replace(id, draft, actor)
    return json_response(SilenceResponse.of(silence, runtime.now()))


@router.patch(
    "/{id:uuid}",
    **_CHANGES,
    **describes_patch(
        SilenceResponse, [404, 409], patch_of(SilenceDraft), {"to": "2026-03-20T19:00:00.000Z"}
    ),
)
def patch_silence(runtime: App, actor: CurrentActor, id: UUID, body: Body) -> Response:
    """Change members of a silence; null removes one, so a dimension that is null is set by PUT
    only. Groups that it no longer silences and that still fire are notified."""
    runtime.silences.get(id)
    patch = decode(body)

    def change() -> Silence:
        former = runtime.silences.get(id)
        document = patched(
            definition_of(SilenceResponse.of(former, runtime.now()), SilenceDraft), patch
        )
        draft = read_silence(document, runtime.now())
        return runtime.silence_service.replace(id, draft, actor, former)

    return json_response(SilenceResponse.of(retry_changed(change), runtime.now()))


@router.delete("/{id:uuid}", **_CHANGES, **describes(None, "Deleted", status=204, problems=[404]))
def delete_silence(runtime: App, actor: CurrentActor, id: UUID) -> Response:
    """Delete a silence, which ends it: groups that fired during it and still fire are notified."""
    runtime.silence_service.delete(id, actor)
    return Response(status_code=204)

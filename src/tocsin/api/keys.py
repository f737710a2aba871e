"""Routes of keys: list, create, rotate and revoke. A secret is shown once, in the response to the
request that creates it.

The contract is "Keys" in docs/reference/api.md.
"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Response

from tocsin.api.auth import requires
from tocsin.api.bodies import Body, created, decode_as, json_response
from tocsin.api.dependencies import App, CurrentActor
from tocsin.api.openapi import describes
from tocsin.api.schemas.keys import KeyResponse, NewKey
from tocsin.model.key import KeyDraft, Role, Rotation

PATH = "/api/keys"
_EXAMPLE = {
    "name": "billing service",
    "role": "ingest",
    "expiresAt": "2027-03-20T14:30:00.000Z",
}
_ADMIN = requires(Role.ADMIN)

router = APIRouter(prefix=PATH, tags=["Keys"])


@router.get("", **_ADMIN, **describes([KeyResponse], "All keys, oldest first"))
def list_keys(runtime: App) -> Response:
    """List all keys by prefix; secrets are never shown."""
    now, uses = runtime.now(), runtime.key_uses.all()
    keys = runtime.keys.all()
    return json_response([KeyResponse.of(key, now, uses.get(key.key_id)) for key in keys])


@router.post(
    "", **_ADMIN, **describes(NewKey, "Created", status=201, body=KeyDraft, example=_EXAMPLE)
)
def create_key(runtime: App, actor: CurrentActor, body: Body) -> Response:
    """Create a key. `key`, its secret, is in this response and in no other."""
    draft = decode_as(KeyDraft, body)
    key, secret = runtime.key_service.create(draft, actor)
    return created(NewKey.of(key, runtime.now(), key=secret), PATH, key.key_id)


@router.post(
    "/{id:uuid}/rotate",
    **_ADMIN,
    **describes(NewKey, "Rotated", body=Rotation, example={"grace": "24h"}, problems=[404, 409]),
)
def rotate_key(runtime: App, actor: CurrentActor, id: UUID, body: Body) -> Response:
    """Replace the secret of a key. `key`, the new one, is in this response and in no other; the
    former one holds for `grace` from now."""
    # Without a body, the grace is the default.
    rotation = decode_as(Rotation, body) if body else Rotation()
    key, secret = runtime.key_service.rotate(id, rotation, actor)
    used = runtime.key_uses.all().get(id)
    return json_response(NewKey.of(key, runtime.now(), used, key=secret))


@router.delete(
    "/{id:uuid}", **_ADMIN, **describes(None, "Revoked", status=204, problems=[404, 409])
)
def revoke_key(runtime: App, actor: CurrentActor, id: UUID) -> Response:
    """Revoke a key immediately. The last key with the role admin cannot be revoked."""
    runtime.key_service.revoke(id, actor)
    return Response(status_code=204)

"""Routes of keys: list, create and revoke. The secret is shown once, when the key is created.

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
from tocsin.model.key import KeyDraft, Role

PATH = "/api/keys"
_EXAMPLE = {"name": "billing service", "role": "ingest"}
_ADMIN = requires(Role.ADMIN)

router = APIRouter(prefix=PATH, tags=["Keys"])


@router.get("", **_ADMIN, **describes([KeyResponse], "All keys, oldest first"))
def list_keys(runtime: App) -> Response:
    """List all keys by prefix; secrets are never shown."""
    return json_response([KeyResponse.of(key) for key in runtime.keys.all()])


@router.post(
    "", **_ADMIN, **describes(NewKey, "Created", status=201, body=KeyDraft, example=_EXAMPLE)
)
def create_key(runtime: App, actor: CurrentActor, body: Body) -> Response:
    """Create a key. `key`, its secret, is in this response and in no other."""
    draft = decode_as(KeyDraft, body)
    key, secret = runtime.key_service.create(draft, actor)
    return created(NewKey.of(key, key=secret), PATH, key.key_id)


@router.delete(
    "/{id:uuid}", **_ADMIN, **describes(None, "Revoked", status=204, problems=[404, 409])
)
def revoke_key(runtime: App, actor: CurrentActor, id: UUID) -> Response:
    """Revoke a key immediately. The last key with the role admin cannot be revoked."""
    runtime.key_service.revoke(id, actor)
    return Response(status_code=204)

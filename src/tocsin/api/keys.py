"""Keys: list, make, revoke. A key itself is shown once, when it is made."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from tocsin.access import key_fields
from tocsin.api.auth import actor_of, requires
from tocsin.api.bodies import Body, answer, created, decode_as
from tocsin.api.openapi import documented
from tocsin.api.schemas import metrics
from tocsin.model.instant import format_instant
from tocsin.model.key import Key, KeyDraft, Role
from tocsin.runtime import Runtime

PATH = "/api/keys"
_EXAMPLE = {"name": "billing service", "role": "ingest"}


def routes(runtime: Runtime) -> APIRouter:
    router = APIRouter(prefix=PATH, tags=["Keys"])
    admin = requires(Role.ADMIN)

    @router.get("", **admin, **documented([metrics.Key], "Every key, the first made first"))
    def list_keys() -> Response:
        """List all keys by prefix; none is shown."""
        return answer([shown(key) for key in runtime.keys.all()])

    @router.post(
        "",
        **admin,
        **documented(metrics.NewKey, "Made", status=201, body=KeyDraft, example=_EXAMPLE),
    )
    def create_key(request: Request, body: Body) -> Response:
        """Make a key. `key` is in this answer and in no other."""
        draft = decode_as(KeyDraft, body)
        key, secret = runtime.keys.create(draft.name, draft.role, runtime.now())
        actor_of(request).log_change("key created", **key_fields(key))
        return created({**shown(key), "key": secret}, PATH, key.key_id)

    @router.delete(
        "/{id:uuid}", **admin, **documented(None, "Revoked", status=204, problems=[404, 409])
    )
    def revoke_key(request: Request, id: UUID) -> Response:
        """Revoke a key, at once. The last one with the role admin stays."""
        actor_of(request).log_change("key revoked", **key_fields(runtime.keys.revoke(id)))
        return Response(status_code=204)

    return router


def shown(key: Key) -> dict[str, Any]:
    """A key as the API answers it."""
    return {
        "keyId": key.key_id,
        "name": key.name,
        "role": key.role,
        "prefix": key.prefix,
        "fromEnvironment": key.from_environment,
        "createdDate": format_instant(key.created_date),
    }

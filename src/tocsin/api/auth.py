"""May this request do that? Keys and roles are those of "Keys" in api.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import Depends, Request, Security
from fastapi.openapi.models import APIKey, APIKeyIn
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase

from tocsin.api.headers import header
from tocsin.api.known_parameters import refuse_unknown
from tocsin.errors import Forbidden, Unauthenticated
from tocsin.model.key import Role
from tocsin.runtime import Runtime

HEADER = "x-api-key"
SCHEME = "apiKey"


class _Authorize(SecurityBase):
    """Lets a request in whose key has one of the roles; reads memory only.

    The roles stand as the scopes of the security requirement, which is where OpenAPI 3.1 has
    them, so that the document and what is enforced cannot differ.
    """

    def __init__(self) -> None:
        self.scheme_name = SCHEME
        self.model = APIKey.model_validate({"in": APIKeyIn.header, "name": HEADER})

    async def __call__(self, request: Request, required: SecurityScopes) -> None:
        authorize(request.app.state.runtime, request, list(map(Role, required.scopes)))


_authorize = _Authorize()


def authorize(runtime: Runtime, request: Request, roles: Sequence[Role]) -> None:
    """Raises Unauthenticated or Forbidden unless the request's key has one of the roles; notes the
    key's own role in the request."""
    secret = _secret(request)
    if not secret:
        raise Unauthenticated
    role = runtime.keys.authenticate(secret)
    if role is None:
        raise Unauthenticated("This key is unknown, or was revoked")
    if not role.covers(*roles):
        needed = " or ".join(dict.fromkeys([*roles, Role.ADMIN]))
        raise Forbidden(f"This takes a key with the role {needed}; this one has {role}")
    request.state.role = role


def is_admin(request: Request) -> bool:
    """Whether the key of an authorized request has the role admin."""
    return bool(request.state.role.covers(Role.ADMIN))


def may_read(runtime: Runtime, request: Request) -> bool:
    """Whether the key of an authorized request reads interactions; it may be revoked by now."""
    role = runtime.keys.authenticate(_secret(request) or "")
    return role is not None and role.covers(Role.READ)


def requires(*roles: Role) -> dict[str, Any]:
    """The arguments of a route that any one of the roles may call, and an admin always.

    Only those who may are told which query parameters it takes.
    """
    role = Security(_authorize, scopes=[role.value for role in roles])
    return {"dependencies": [role, Depends(refuse_unknown)]}


def _secret(request: Request) -> str | None:
    if key := header(request, HEADER):
        return key
    scheme, _, credentials = (header(request, "authorization") or "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else None

"""Authorization of requests by their key ("Keys" in docs/reference/api.md)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from fastapi import Depends, Request, Security
from fastapi.openapi.models import APIKey, APIKeyIn
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase

from tocsin.access.identification import Caller
from tocsin.api.headers import header
from tocsin.api.known_parameters import reject_unknown
from tocsin.model.key import Key, Role
from tocsin.process.audit import Actor
from tocsin.runtime import Runtime

HEADER = "x-api-key"
SCHEME = "apiKey"
_LOGGED_PATH = 200


class _Authorize(SecurityBase):
    """Authorizes a request if its key has one of the roles; reads memory only.

    The roles are the scopes of the security requirement, where OpenAPI 3.1 has them, so that the
    document and the enforcement cannot differ.
    """

    def __init__(self) -> None:
        self.scheme_name = SCHEME
        self.model = APIKey.model_validate({"in": APIKeyIn.header, "name": HEADER})

    async def __call__(self, request: Request, required: SecurityScopes) -> None:
        roles = list(map(Role, required.scopes))
        request.state.key = authorize(request.app.state.runtime, request, roles)


_authorize = _Authorize()


def authorize(runtime: Runtime, request: Request, roles: Sequence[Role]) -> Key:
    """The request's key. Raises Unauthenticated, TooManyWrongKeys, or Forbidden if the key has none
    of the roles."""
    describe = partial(caller_of, request)
    key = runtime.access.identify(secret_of(request), describe)
    if not key.role.covers(*roles):
        raise runtime.access.forbid(key, roles, describe)
    return key


def caller_of(request: Request) -> Caller:
    """The caller, by the address of the connection: anybody can send the headers of a proxy."""
    address = request.client.host if request.client else None
    # Not decoded: it might hold control sequences of a terminal.
    path = request.scope.get("raw_path") or b""
    return Caller(address, request.method, path[:_LOGGED_PATH].decode("ascii", "replace"))


def actor_of(request: Request) -> Actor:
    """The key of an authorized request, and the address of its connection."""
    return Actor(request.state.key, caller_of(request).address)


def is_admin(request: Request) -> bool:
    """Whether the key of an authorized request has the role admin."""
    return bool(request.state.key.role.covers(Role.ADMIN))


def may_read(runtime: Runtime, request: Request) -> bool:
    """Whether the key of an authorized request may read interactions; it may be revoked by now."""
    role = runtime.keys.authenticate(secret_of(request) or "")
    return role is not None and role.covers(Role.READ)


def requires(*roles: Role) -> dict[str, Any]:
    """The arguments of a route that requires one of the roles; the role admin covers all.

    Query parameters are checked after the key: their names are for authorized callers only.
    """
    role = Security(_authorize, scopes=[role.value for role in roles])
    return {"dependencies": [role, Depends(reject_unknown)]}


def secret_of(request: Request) -> str | None:
    """The key that a request gives."""
    if key := header(request, HEADER):
        return key
    scheme, _, credentials = (header(request, "authorization") or "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else None

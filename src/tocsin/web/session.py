"""Who is looking? A cookie that names a key and is signed, so that nobody can make one up.

It holds the key's id, never the secret, and is looked up at each request: a session ends when its
key is revoked. What signs it is made at the first start and kept in the store.
"""

from __future__ import annotations

import secrets
from uuid import UUID

from fastapi import Request, Response
from itsdangerous import BadData, URLSafeTimedSerializer

from tocsin.api.headers import header
from tocsin.errors import Unauthenticated
from tocsin.model.key import Key
from tocsin.runtime import Runtime

COOKIE = "tocsin_session"
LONGEST_SECONDS = 14 * 24 * 3600

_FACT = "what signs sessions"
_SALT = "session"


class Sessions:
    def __init__(self, runtime: Runtime) -> None:
        self._keys = runtime.keys
        self._signer = URLSafeTimedSerializer(_signing_secret(runtime), salt=_SALT)

    def begin(self, secret: str, request: Request, response: Response) -> Key:
        """Remember the key with this secret in the browser; raises Unauthenticated."""
        key = self._keys.identify(secret)
        if key is None:
            raise Unauthenticated("This key is unknown, or was revoked")
        response.set_cookie(
            COOKIE,
            str(self._signer.dumps(str(key.key_id))),
            max_age=LONGEST_SECONDS,
            httponly=True,
            samesite="lax",
            secure=_is_encrypted(request),
        )
        return key

    def key_of(self, request: Request) -> Key | None:
        """The key that the browser signed in with, unless it was revoked; reads memory only."""
        try:
            id = self._signer.loads(request.cookies.get(COOKIE, ""), max_age=LONGEST_SECONDS)
            return self._keys.find(UUID(id))
        except (BadData, ValueError, AttributeError):
            return None

    def end(self, response: Response) -> None:
        response.delete_cookie(COOKIE, httponly=True, samesite="lax")


def _signing_secret(runtime: Runtime) -> str:
    secret = runtime.facts.get(_FACT)
    if secret is None:
        secret = secrets.token_hex(32)
        runtime.facts.set(_FACT, secret)
    return secret


def _is_encrypted(request: Request) -> bool:
    """Also where a proxy in front of us does it; who lies here only harms themselves."""
    return "https" in (request.url.scheme, header(request, "x-forwarded-proto"))

"""Signs browsers in and out: a cookie with a random token names a session of the store.

The cookie never has a key. A session ends when the browser signs out, when an admin ends it, or
when its key is revoked. The API accepts no cookies.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from fastapi import Request, Response

from tocsin.api.auth import caller_of
from tocsin.model.key import Key
from tocsin.process.audit import Actor
from tocsin.runtime import Runtime
from tocsin.web.csrf import is_encrypted

_COOKIE = "tocsin_session"
# Browsers accept a cookie of this name only from the host itself and over TLS, so that no other
# host can set it.
_SECURE_COOKIE = "__Host-tocsin_session"
# The store ends a session earlier if it is not used.
_COOKIE_SECONDS = 14 * 24 * 3600


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The key that a browser signed in with, and its session."""

    key: Key
    session_id: UUID


class BrowserSessions:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def begin(self, secret: str, request: Request, response: Response) -> Key:
        """Sign the browser in with a key; raises Unauthenticated or TooManyWrongKeys.

        An earlier session of the browser is ended.
        """
        key = self._runtime.access.identify(secret, partial(caller_of, request))
        self._end(request)
        address = caller_of(request).address
        token = self._runtime.sessions.begin(key.key_id, address, self._runtime.now())
        Actor(key, address).log_change("session started")
        is_secure = is_encrypted(request)
        response.set_cookie(
            _SECURE_COOKIE if is_secure else _COOKIE,
            token,
            max_age=_COOKIE_SECONDS,
            httponly=True,
            samesite="lax",
            secure=is_secure,
        )
        return key

    def find(self, request: Request) -> SignedIn | None:
        """The session of the browser, unless it ended or its key was revoked or has expired; reads
        memory only."""
        now = self._runtime.now()
        token = request.cookies.get(_name(request), "")
        session = self._runtime.sessions.use(token, now)
        key = self._runtime.keys.find(session.key_id) if session else None
        if not session or not key or not key.covers_session(session.created_date, now):
            return None
        self._runtime.key_uses.note(key.key_id, now)
        return SignedIn(key, session.session_id)

    def end(self, request: Request, response: Response) -> None:
        """End the session on the server, and delete the cookie."""
        self._end(request)
        is_secure = is_encrypted(request)
        response.delete_cookie(_name(request), httponly=True, samesite="lax", secure=is_secure)

    def _end(self, request: Request) -> None:
        if signed_in := self.find(request):
            self._runtime.sessions.end(signed_in.session_id)
            Actor(signed_in.key, caller_of(request).address).log_change("session ended")


def _name(request: Request) -> str:
    return _SECURE_COOKIE if is_encrypted(request) else _COOKIE

"""Identifies keys, limits wrong keys by address, and logs rejected requests.

A valid key is never limited, so that a sender with a wrong key does not lock out others behind the
same address. The exception is a guessable key of the environment: past the limit, it is rejected
from that address, too, because a limit must not admit the right guess.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from tocsin.access.wrong_keys import WrongKeys, network_of
from tocsin.errors import Forbidden, TooManyWrongKeys, Unauthenticated
from tocsin.model.instant import format_instant
from tocsin.model.key import Key, Role, is_guessable
from tocsin.process.audit import Actor
from tocsin.process.clock import Clock
from tocsin.process.log_config import ThrottledLog
from tocsin.store.key_rows import KnownSecret
from tocsin.store.key_uses import KeyUses

log = structlog.get_logger()


class KeyLookup(Protocol):
    def recall(self, secret: str) -> KnownSecret | None: ...


@dataclass(frozen=True, slots=True)
class Caller:
    """The origin and the target of a request, as fields of a log line."""

    address: str | None
    method: str
    path: str

    @property
    def fields(self) -> dict[str, Any]:
        return {"address": self.address, "method": self.method, "path": self.path}


# Called only to log, so that an admitted request does not pay for it.
Describe = Callable[[], Caller]


class Access:
    """Any number of threads may use it; it reads memory only."""

    def __init__(
        self,
        keys: KeyLookup,
        uses: KeyUses,
        clock: Clock,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = keys
        self._uses = uses
        self._clock = clock
        self._wrong_keys = WrongKeys(seconds)
        self._refusals = ThrottledLog()
        self._limits_environment_key = False

    def guard_environment_key(self, secret: str | None) -> None:
        """If the environment's key is guessable, limit it, too, and log a warning."""
        self._limits_environment_key = secret is not None and is_guessable(secret)
        if self._limits_environment_key:
            log.warning(
                "admin key guessable",
                setting="TOCSIN_ADMIN_KEY",
                advice="use a random one, such as that of: openssl rand -hex 24",
            )

    def identify(self, secret: str | None, describe: Describe) -> Key:
        """The key with this secret; raises Unauthenticated or TooManyWrongKeys. The clock of this
        machine decides whether a key has expired."""
        if not secret:
            self._refusals.warning("key refused", reason="missing", **describe().fields)
            raise Unauthenticated
        known = self._keys.recall(secret)
        key = known.key if known else None
        if key is None or (self._limits_environment_key and key.from_environment):
            self._limit(key, describe())
        if known is None:
            self._refusals.warning("key refused", reason="unknown", **describe().fields)
            raise Unauthenticated("This key is unknown, or was revoked")
        now = self._clock.now()
        if known.is_over(now):
            raise self._ended(known, describe())
        self._uses.note(known.key_id, now)
        return known.key

    def _ended(self, known: KnownSecret, caller: Caller) -> Unauthenticated:
        """Log the use of a secret that has ended; returns the error to raise. It is not limited,
        because it was no guess."""
        key = known.key
        # A former secret may have ended before its key expired.
        is_expired = known.end == key.expires_at
        reason = "expired" if is_expired else "rotated"
        by = Actor(key, caller.address).fields
        self._refusals.warning("key refused", reason=reason, **{**caller.fields, **by})
        end = format_instant(known.end) if known.end else ""
        if is_expired:
            return Unauthenticated(f"This key expired at {end}")
        return Unauthenticated(f"This key was rotated: this former secret ended at {end}")

    def _limit(self, key: Key | None, caller: Caller) -> None:
        source = network_of(caller.address)
        seconds = self._wrong_keys.wait(source) if key else self._wrong_keys.count(source)
        if seconds:
            self._refusals.warning("wrong keys limited", seconds=seconds, **caller.fields)
            raise TooManyWrongKeys(seconds)

    def forbid(self, key: Key, roles: Sequence[Role], describe: Describe) -> Forbidden:
        """Log that the key has none of the roles; returns the error to raise."""
        caller = describe()
        by = {**Actor(key, caller.address).fields, "role": key.role.value}
        self._refusals.warning("role refused", **{**caller.fields, **by})
        needed = " or ".join(dict.fromkeys([*roles, Role.ADMIN]))
        return Forbidden(
            f"This requires a key with the role {needed}; the given key has the role {key.role}"
        )

    def forbid_foreign(self, caller: Caller) -> Forbidden:
        """Log a form that was not sent by Tocsin's pages; returns the error to raise."""
        self._refusals.warning("foreign form refused", **caller.fields)
        return Forbidden("This was sent from another site, or by a browser that does not say")

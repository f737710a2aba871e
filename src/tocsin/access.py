"""Identifies keys, limits wrong keys by address, and logs rejected requests.

A valid key is never limited, so that a sender with a wrong key does not lock out others behind the
same address. The exception is a guessable key of the environment: past the limit, it is rejected
from that address, too, because a limit must not admit the right guess.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Protocol

import structlog

from tocsin.errors import Forbidden, TooManyWrongKeys, Unauthenticated
from tocsin.model.ceilings import WRONG_KEYS
from tocsin.model.key import Key, Role, is_guessable
from tocsin.model.notifications.channel import Channel
from tocsin.process.audit import Actor
from tocsin.process.log_config import ThrottledLog

log = structlog.get_logger()

_WINDOW_SECONDS = 60.0
# Each takes some 200 bytes. Past the limit, the oldest window is dropped.
MAX_ADDRESSES = 10_000
# A customer of a provider gets an IPv6 network of at least this size.
_IPV6_PREFIX = 64


class KeyLookup(Protocol):
    def identify(self, secret: str) -> Key | None: ...


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

    def __init__(self, keys: KeyLookup, clock: Callable[[], float] = time.monotonic) -> None:
        self._keys = keys
        self._wrong_keys = WrongKeys(clock)
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
        """The key with this secret; raises Unauthenticated or TooManyWrongKeys."""
        if not secret:
            self._refusals.warning("key refused", reason="missing", **describe().fields)
            raise Unauthenticated
        key = self._keys.identify(secret)
        if key is None or (self._limits_environment_key and key.from_environment):
            self._limit(key, describe())
        if key is None:
            self._refusals.warning("key refused", reason="unknown", **describe().fields)
            raise Unauthenticated("This key is unknown, or was revoked")
        return key

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


class WrongKeys:
    """Counts wrong keys by address, in windows of one minute from the first wrong key."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # The end of the window and the wrong keys in it. Windows are in the order of their start,
        # so that the expired ones are first.
        self._windows: dict[str, tuple[float, int]] = {}

    def count(self, source: str) -> int:
        """Count a wrong key; returns the same as `wait`."""
        with self._lock:
            now = self._clock()
            self._forget(now)
            end, count = self._windows.get(source, (now + _WINDOW_SECONDS, 0))
            self._windows[source] = (end, count + 1)
            return _seconds(end - now) if count >= WRONG_KEYS else 0

    def wait(self, source: str) -> int:
        """The seconds for which the address stays over the limit; 0 if it is not over it."""
        with self._lock:
            end, count = self._windows.get(source, (0.0, 0))
            left = end - self._clock()
            return _seconds(left) if count >= WRONG_KEYS and left > 0 else 0

    def __len__(self) -> int:
        """The number of addresses in memory."""
        return len(self._windows)

    def _forget(self, now: float) -> None:
        while self._windows:
            oldest = next(iter(self._windows))
            if self._windows[oldest][0] > now and len(self._windows) < MAX_ADDRESSES:
                return
            del self._windows[oldest]


def _seconds(left: float) -> int:
    return max(math.ceil(left), 1)


def network_of(address: str | None) -> str:
    """The source by which wrong keys are counted: an IPv4 address, or the /64 network of an IPv6
    address."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return address or ""
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed, _IPV6_PREFIX), strict=False))


def key_fields(key: Key) -> dict[str, Any]:
    """A key that was changed, as fields of a log line."""
    return {"key": str(key.key_id), "key_name": key.name, "role": key.role.value}


def channel_fields(channel: Channel) -> dict[str, Any]:
    """A channel that was changed, as fields of a log line: its settings may be secrets."""
    return {
        "channel": str(channel.channel_id),
        "channel_name": channel.spec.name,
        "kind": channel.kind.value,
    }

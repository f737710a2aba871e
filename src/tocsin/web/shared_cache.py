"""A cache whose entries are computed once for all viewers.

The first caller that finds an entry expired computes it again; concurrent callers get the expired
one. So the cost does not depend on the number of viewers, and is zero without any.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

CachedValue = TypeVar("CachedValue")
CacheKey = TypeVar("CacheKey", bound=Hashable)

# A value that took long to compute is kept longer: computing takes a tenth of the time at most.
_REST = 10
_MAX_ENTRIES = 1_000


@dataclass(frozen=True, slots=True)
class _Entry(Generic[CachedValue]):
    value: CachedValue
    expires: float
    """On the monotonic clock, in seconds."""


class SharedCache(Generic[CacheKey, CachedValue]):
    """Values that are the same for all viewers, kept for some seconds."""

    def __init__(self, compute: Callable[[CacheKey], CachedValue], seconds: float) -> None:
        self._compute = compute
        self._seconds = seconds
        self._entries: dict[CacheKey, _Entry[CachedValue]] = {}
        self._computing: dict[CacheKey, threading.Lock] = {}
        self._changing = threading.Lock()

    def get(self, key: CacheKey) -> CachedValue:
        """The value, which expired at most a moment ago; raises the errors of computing it."""
        entry = self._entries.get(key)
        if entry and time.monotonic() < entry.expires:
            return entry.value
        lock = self._lock(key)
        # A caller that has an expired value does not wait for the new one.
        if not lock.acquire(blocking=entry is None):
            assert entry
            return entry.value
        try:
            latest = self._entries.get(key)
            # Another caller may have computed it while this one waited.
            return self._renew(key) if latest is None or latest is entry else latest.value
        finally:
            lock.release()

    def forget(self) -> None:
        """Drop all values, because something that they depend on was changed."""
        with self._changing:
            self._entries = {}

    def _renew(self, key: CacheKey) -> CachedValue:
        started = time.monotonic()
        value = self._compute(key)
        now = time.monotonic()
        expires = now + max(self._seconds, (now - started) * _REST)
        with self._changing:
            if len(self._entries) >= _MAX_ENTRIES:
                self._entries = {}
            self._entries[key] = _Entry(value, expires)
        return value

    def _lock(self, key: CacheKey) -> threading.Lock:
        with self._changing:
            if len(self._computing) >= _MAX_ENTRIES:
                self._computing = {}
            return self._computing.setdefault(key, threading.Lock())

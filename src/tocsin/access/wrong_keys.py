"""Counts wrong keys by address."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network

from tocsin.model.ceilings import WRONG_KEYS

_WINDOW_SECONDS = 60.0
# Each takes some 200 bytes. Past the limit, the oldest window is dropped.
MAX_ADDRESSES = 10_000
# A customer of a provider gets an IPv6 network of at least this size.
_IPV6_PREFIX = 64


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

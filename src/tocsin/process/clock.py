"""The clock of the process, which tests replace by one that they set."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

_UNINTERRUPTED = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


MAX_CLOCK_DIFFERENCE = timedelta(seconds=1)
"""Between this machine and a server. A revoked key, a claim and an evaluation mean the same instant
on every node."""


class Clock(Protocol):
    def now(self) -> datetime:
        """The current instant, in UTC."""


class SystemClock:
    """The operating system's clock, cut to the millisecond as all instants of the API are."""

    def now(self) -> datetime:
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


def seconds_of_machine() -> float:
    """Seconds of a clock that is never set. Where the system has such a clock, it counts the time
    in which the machine was suspended, so that a lease does not seem to be valid after that."""
    return time.clock_gettime(_UNINTERRUPTED)


def clock_difference(read: Callable[[], datetime]) -> timedelta:
    """The least difference between this machine's clock and that of a server, which `read` asks."""
    started = time.perf_counter()
    before = datetime.now(UTC)
    server = read()
    elapsed = timedelta(seconds=time.perf_counter() - started)
    # The server read its clock at some instant between the request and the answer.
    return max(before - server, server - before - elapsed, timedelta())

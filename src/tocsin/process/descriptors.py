"""Raises the limit of open files, and divides it between the engine and connections."""

from __future__ import annotations

import os
import resource
from contextlib import suppress

import structlog

from tocsin.model.ceilings import CONNECTIONS

log = structlog.get_logger()

# With fewer, the engine keeps all parts compact, and reads them at half the speed (decision 55).
NEEDED = 16_384
# For the engine under a low limit: enough for appends and calculations without large merges.
ENGINE_RESERVE = 200
# More connections than this cost memory and gain nothing: each may hold a head of 64 KiB.
_FEWEST_CONNECTIONS = 16


def raise_limit() -> int:
    """Raise the soft limit for open files to the hard one; returns the limit in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Fails if the hard limit exceeds the kernel's limit for one process.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    limit = soft if soft != resource.RLIM_INFINITY else 2**31 - 1
    if limit < NEEDED:
        log.warning(
            "open files limited",
            allowed=limit,
            needed=NEEDED,
            remedy="LimitNOFILE=65536 in the systemd unit, or ulimit -Hn 65536 before the start",
        )
    return limit


def connections_within(limit: int) -> int:
    """The number of connections that leave enough descriptors for the engine, considering those
    that are open now."""
    free = limit - len(os.listdir("/dev/fd")) - ENGINE_RESERVE
    return max(min(free, CONNECTIONS), _FEWEST_CONNECTIONS)

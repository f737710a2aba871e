"""Sets up the allocator of the embedded engine, which reads its options when it is loaded."""

from __future__ import annotations

import os

OPTIONS = "JE_MALLOC_CONF"
"""The variable of jemalloc in chDB; one that an operator has set is kept."""
_RETURN_SOONER = "dirty_decay_ms:500,muzzy_decay_ms:0"


def return_memory_sooner() -> None:
    """Return freed memory to the system after half a second instead of five.

    Calculations and merges take turns, each with a few hundred megabytes: a server that records and
    calculates has a quarter of a gigabyte less resident at its peak, and is as fast (decision 104).
    """
    os.environ.setdefault(OPTIONS, _RETURN_SOONER)

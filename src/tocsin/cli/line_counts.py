"""Counts how often each line occurred before in a file, also in files far larger than memory.

64 bits of its digest identify a line. Nearly all lines occur once, so finding that a line is new
must be fast: sorted runs of numbers hold eight bytes per line. They are merged as they grow, and
large runs are kept in a temporary file. If two different lines have the same 64 bits, the second
one is given the id of a repeat, consistently on every import.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LineKeys = NDArray[np.int64]

# 32 MiB: a larger run is kept on disk and no longer merged.
DISK_KEYS = 4 * 1024 * 1024
_DIGEST = 20

_COUNT_UP = """INSERT INTO line_counts VALUES (?, 1)
               ON CONFLICT DO UPDATE SET times = times + 1 RETURNING times"""


class LineCounts:
    """Counts lines by their SHA-1 digests."""

    def __init__(self, disk_keys: int = DISK_KEYS) -> None:
        self._disk_keys = disk_keys
        self._runs: list[LineKeys] = []
        # A database without a name is temporary, and moves to disk when it exceeds its cache.
        self._counts = sqlite3.connect("", isolation_level=None)
        self._counts.execute("CREATE TABLE line_counts (key INTEGER PRIMARY KEY, times INTEGER)")
        self._counts.execute("BEGIN")

    def before(self, digests: Sequence[bytes]) -> list[int]:
        """The number of earlier occurrences of each digest; adds the digests."""
        keys = _keys(digests)
        ordered = np.unique(keys)
        known = self._known(ordered)
        self._remember(ordered[~known])
        if len(ordered) == len(keys) and not known.any():
            return [0] * len(keys)
        return self._count(keys.tolist(), set(ordered[known].tolist()))

    def _known(self, ordered: LineKeys) -> NDArray[np.bool_]:
        known = np.zeros(len(ordered), dtype=np.bool_)
        for run in self._runs:
            places = np.searchsorted(run, ordered)
            places[places == len(run)] = 0
            known |= run[places] == ordered
        return known

    def _remember(self, fresh: LineKeys) -> None:
        if not len(fresh):
            return
        while self._runs and len(self._runs[-1]) <= min(2 * len(fresh), self._disk_keys):
            fresh = np.concatenate([self._runs.pop(), fresh])
            fresh.sort(kind="stable")
        self._runs.append(_on_disk(fresh) if len(fresh) > self._disk_keys else fresh)

    def _count(self, keys: list[int], known: set[int]) -> list[int]:
        counts = []
        for key in keys:
            counts.append(self._count_up(key) if key in known else 0)
            known.add(key)
        return counts

    def _count_up(self, key: int) -> int:
        return int(self._counts.execute(_COUNT_UP, (key,)).fetchone()[0])


def _keys(digests: Sequence[bytes]) -> LineKeys:
    table = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, _DIGEST)
    return table[:, :8].copy().view(np.int64).ravel()


def _on_disk(run: LineKeys) -> LineKeys:
    with tempfile.TemporaryFile() as file:
        run.tofile(file)
        file.flush()
        return np.memmap(file, dtype=np.int64, mode="r")

"""A Bloom filter in memory over all recorded interaction ids: 3 bytes an id, one false positive in
100,000 (decision 3).

There are no false negatives, so only ids that the filter contains are looked up in the engine, and
new ids nearly never cost a look-up.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_BITS_PER_ID = 24
_PROBES = 8
_FIRST_CAPACITY = 1 << 18
_LARGEST_CAPACITY = 1 << 23
# The positions of an id's bits take 130 bytes while they are computed.
_CHUNK = 1 << 16

IdHalves = NDArray[np.uint64]
_MIX_1, _MIX_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)


class IdFilter:
    """Grows by segments, each twice the size of the one before. Any thread may add ids; others
    find an id when its `add` has returned."""

    def __init__(self) -> None:
        self._adding = threading.Lock()
        self._segments = [_Segment(_FIRST_CAPACITY)]

    def add(self, ids: Sequence[bytes]) -> None:
        """Add UUIDs, given as their 16 bytes, or many of them joined."""
        self.add_halves(_halves(ids))

    def add_halves(self, halves: IdHalves) -> None:
        """Add UUIDs, given as rows of their upper and lower 64 bits."""
        with self._adding:
            while len(halves):
                room = self._segments[-1].room
                if room == 0:
                    capacity = min(self._segments[-1].capacity * 2, _LARGEST_CAPACITY)
                    self._segments.append(_Segment(capacity))
                    continue
                count = min(room, _CHUNK)
                self._segments[-1].add(halves[:count])
                halves = halves[count:]

    def might_contain(self, ids: Sequence[bytes]) -> list[bytes]:
        """The ids that may have been added; all others certainly were not."""
        if not ids:
            return []
        halves = _halves(ids)
        contained = np.zeros(len(ids), dtype=bool)
        for segment in self._segments:
            contained |= segment.might_contain(halves)
        return [ids[index] for index in np.flatnonzero(contained).tolist()]


class _Segment:
    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.room = capacity
        self._bits = np.zeros(capacity * _BITS_PER_ID // 8, dtype=np.uint8)

    def add(self, halves: IdHalves) -> None:
        positions = self._positions(halves).ravel()
        masks = np.left_shift(np.uint8(1), (positions & np.uint64(7)).astype(np.uint8))
        np.bitwise_or.at(self._bits, positions >> np.uint64(3), masks)
        self.room -= len(halves)

    def might_contain(self, halves: IdHalves) -> NDArray[np.bool_]:
        positions = self._positions(halves)
        bits = self._bits[positions >> np.uint64(3)] >> (positions & np.uint64(7)).astype(np.uint8)
        return np.asarray((bits & 1).all(axis=1))

    def _positions(self, halves: IdHalves) -> NDArray[np.uint64]:
        """The positions of each id's bits. Both halves are mixed, because ids need not be
        random."""
        mixed = (halves[:, 0] * _MIX_1) ^ (halves[:, 1] * _MIX_2)
        mixed ^= mixed >> np.uint64(29)
        mixed *= _MIX_1
        stride = (mixed >> np.uint64(32)) | np.uint64(1)
        probes = np.arange(_PROBES, dtype=np.uint64)
        spread = mixed[:, None] + stride[:, None] * probes[None, :]
        return np.asarray(spread % np.uint64(len(self._bits) * 8))


def _halves(ids: Sequence[bytes]) -> IdHalves:
    return np.frombuffer(b"".join(ids), dtype=">u8").reshape(-1, 2).astype(np.uint64)

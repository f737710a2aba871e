"""A Bloom filter in memory over recorded interaction ids (decisions 3, 97 and 101).

There are no false negatives, so only ids that the filter contains are looked up in the engine, and
new ids nearly never cost a look-up.

An id has two bits in each word of one block, which is a line of the processor's cache: an id costs
one access to memory, and a chunk of ids costs a few array operations.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tocsin.model.ceilings import ID_FILTER_BYTES

BITS_PER_ID = 24
"""Before the filter has the size that it may have; two of 100,000 other ids are then false
positives."""
_WORDS = 8
_BLOCK_BYTES = 8 * _WORDS
_FIRST_CAPACITY = 1 << 18
# A filter that is smaller doubles when it is full; a larger one grows by a quarter.
_DOUBLING_CAPACITY = 1 << 23
# The bits of a chunk's ids fit into the processor's cache.
_CHUNK = 1 << 14

IdHalves = NDArray[np.uint64]
_Words = NDArray[np.uint64]
_MIX_1, _MIX_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
# Odd numbers, by which each word gets bits of its own.
_SALTS = _MIX_1 * np.arange(1, 2 * _WORDS, 2, dtype=np.uint64) ^ (_MIX_2 << np.uint64(1))
_HALF, _BIT, _ONE = np.uint64(32), np.uint64(63), np.uint64(1)


class IdFilter:
    """Grows by segments, up to a number of bytes; then ids share fewer bits, and more others are
    false positives. Any thread may add ids; others find an id when its `add` has returned."""

    def __init__(self, most_bytes: int = ID_FILTER_BYTES) -> None:
        self.most_bytes = most_bytes
        self._adding = threading.Lock()
        self._segments: list[Segment] = []

    @property
    def segments(self) -> Sequence[Segment]:
        """Those that there are now; ids may be added to them meanwhile."""
        return self._segments

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(segment.size for segment in self._segments)

    @property
    def ids(self) -> int:
        """The number of ids; one that was added twice may count twice."""
        return sum(segment.ids for segment in self._segments)

    def reserve(self, count: int) -> None:
        """Have room for as many ids in all, and some more, by one segment: it has fewer false
        positives than several."""
        with self._adding:
            missing = count - sum(segment.capacity for segment in self._segments)
            if missing > 0:
                self._grow(missing + max(count // 4, _FIRST_CAPACITY))

    def adopt(self, segments: Sequence[Segment]) -> None:
        """Contain the ids of these segments, too. Small segments that are there already may then be
        past the bytes that the filter may have."""
        with self._adding:
            self._segments = [*segments, *self._segments]

    def add(self, ids: Sequence[bytes]) -> None:
        """Add UUIDs, given as their 16 bytes, or many of them joined."""
        self._add_halves(_halves(ids))

    def learn(self, halves: IdHalves) -> None:
        """Add UUIDs, given as rows of their upper and lower 64 bits, some of which may have been
        added before."""
        self._add_halves(halves, may_repeat=True)

    def _add_halves(self, halves: IdHalves, *, may_repeat: bool = False) -> None:
        for start in range(0, len(halves), _CHUNK):
            hashed = _Hashed.of(halves[start : start + _CHUNK])
            if may_repeat:
                hashed = hashed.only(~self._contained(hashed))
            with self._adding:
                self._emptiest().add(hashed)

    def might_contain(self, ids: Sequence[bytes]) -> list[bytes]:
        """The ids that may have been added; all others certainly were not."""
        if not ids:
            return []
        contained = self._contained(_Hashed.of(_halves(ids)))
        return [ids[index] for index in np.flatnonzero(contained).tolist()]

    def _contained(self, hashed: _Hashed) -> NDArray[np.bool_]:
        contained = np.zeros(len(hashed.masks), dtype=bool)
        for segment in self._segments:
            contained |= segment.might_contain(hashed)
        return contained

    def _emptiest(self) -> Segment:
        """The segment with the most bits for each of its ids; a new one, if all are full."""
        if all(_fullness(segment) >= 1 for segment in self._segments):
            total = sum(segment.capacity for segment in self._segments)
            self._grow(total if total < _DOUBLING_CAPACITY else total // 4)
        return min(self._segments, key=_fullness)

    def _grow(self, capacity: int) -> None:
        """Add a segment, with less capacity if it would be too large; none if there is hardly any
        room for one."""
        room = (self.most_bytes - self.size) * 8 // BITS_PER_ID
        if not self._segments or room >= _FIRST_CAPACITY:
            segment = Segment(min(max(capacity, _FIRST_CAPACITY), room))
            # Replaced as a whole, because others read it.
            self._segments = [*self._segments, segment]


def _fullness(segment: Segment) -> float:
    return segment.ids / segment.capacity


class _Hashed:
    """The bits of each id, and a number that chooses its block."""

    def __init__(self, place: NDArray[np.uint64], masks: _Words) -> None:
        self._place = place
        self.masks = masks

    @classmethod
    def of(cls, halves: IdHalves) -> _Hashed:
        # Both halves are mixed, because ids need not be random.
        mixed = (halves[:, 0] * _MIX_1) ^ (halves[:, 1] * _MIX_2)
        mixed ^= mixed >> np.uint64(29)
        mixed *= _MIX_1
        place = mixed >> _HALF
        mixed = (mixed ^ place) * _MIX_2
        bits = (mixed[:, None] * _SALTS) >> np.uint64(52)
        return cls(place, (_ONE << (bits & _BIT)) | (_ONE << (bits >> np.uint64(6))))

    def only(self, chosen: NDArray[np.bool_]) -> _Hashed:
        """Some of the ids."""
        return _Hashed(self._place[chosen], self.masks[chosen])

    def blocks(self, count: int) -> NDArray[np.uint64]:
        return np.asarray((self._place * np.uint64(count)) >> _HALF)


class Segment:
    def __init__(self, capacity: int, ids: int = 0) -> None:
        """`capacity` is the number of ids for which it has BITS_PER_ID bits each; a caller with
        `ids` fills the words."""
        self.capacity = capacity
        self.ids = ids
        self._words: _Words = np.zeros((_block_count(capacity), _WORDS), dtype=np.uint64)
        self.size = self._words.nbytes

    @staticmethod
    def size_of(capacity: int) -> int:
        """The bytes of a segment of this capacity."""
        return _block_count(capacity) * _BLOCK_BYTES

    @property
    def words(self) -> memoryview:
        """Its bytes, which change while ids are added."""
        return self._words.data.cast("B")

    def add(self, hashed: _Hashed) -> None:
        self.ids += len(hashed.masks)
        blocks, masks = hashed.blocks(len(self._words)), hashed.masks
        while len(blocks):
            self._words[blocks] |= masks
            # Of several ids in a block, only the last one was stored.
            is_missing = ((self._words[blocks] & masks) != masks).any(axis=1)
            blocks, masks = blocks[is_missing], masks[is_missing]

    def might_contain(self, hashed: _Hashed) -> NDArray[np.bool_]:
        words = self._words[hashed.blocks(len(self._words))]
        return np.asarray(((words & hashed.masks) == hashed.masks).all(axis=1))


def _block_count(capacity: int) -> int:
    return max(capacity * BITS_PER_ID // 8 // _BLOCK_BYTES, 1)


def _halves(ids: Sequence[bytes]) -> IdHalves:
    return np.frombuffer(b"".join(ids), dtype=">u8").reshape(-1, 2).astype(np.uint64)

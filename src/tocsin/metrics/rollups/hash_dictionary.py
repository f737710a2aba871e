"""Which number does a text have? Distinct texts are counted by small numbers instead of strings.

A text is told by its 128-bit hash, as the engine itself tells texts apart when it counts them.
"""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from tocsin.errors import Unavailable

Hashes = NDArray[np.uint64]
Run = tuple[Hashes, Hashes, NDArray[np.uint32]]
"""Lower halves in their order, upper halves, numbers."""

_AT_ONCE = 1 << 18


class Numbering:
    """Numbers 128-bit hashes from 0 up, in the order in which they come.

    Kept as sorted runs, each at least twice as long as the next, so that new hashes are put in
    order without touching all the old ones.
    """

    def __init__(self) -> None:
        self._runs: list[Run] = []
        self._changing = threading.Lock()
        self.count = 0

    @property
    def bytes(self) -> int:
        return sum(low.nbytes + high.nbytes + numbers.nbytes for low, high, numbers in self._runs)

    def numbers(self, hashes: Hashes) -> NDArray[np.uint32]:
        """The numbers of some hashes, given as rows of two halves; unknown ones get new numbers."""
        numbers = np.empty(len(hashes), dtype=np.uint32)
        for start in range(0, len(hashes), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            with self._changing:
                numbers[some] = self._some(hashes[some])
        return numbers

    def _some(self, hashes: Hashes) -> NDArray[np.int64]:
        low, high = np.ascontiguousarray(hashes[:, 0]), np.ascontiguousarray(hashes[:, 1])
        found = np.full(len(low), -1, dtype=np.int64)
        for run in self._runs:
            self._find(run, low, high, found)
        new = np.flatnonzero(found < 0)
        if len(new):
            found[new] = self._add(low[new], high[new])
        return found

    @staticmethod
    def _find(run: Run, low: Hashes, high: Hashes, found: NDArray[np.int64]) -> None:
        lows, highs, numbers = run
        place = np.minimum(np.searchsorted(lows, low), len(lows) - 1)
        same = lows[place] == low
        _refuse_collisions(highs[place[same]] != high[same])
        found[same] = numbers[place[same]]

    def _add(self, low: Hashes, high: Hashes) -> NDArray[np.int64]:
        lows, first, inverse = np.unique(low, return_index=True, return_inverse=True)
        highs = high[first]
        _refuse_collisions(highs[inverse] != high)
        numbers = np.arange(self.count, self.count + len(lows), dtype=np.uint32)
        self.count += len(lows)
        run = (lows, highs, numbers)
        while self._runs and len(self._runs[-1][0]) < 2 * len(run[0]):
            run = _merged(self._runs.pop(), run)
        self._runs.append(run)
        return numbers.astype(np.int64)[inverse]


def _merged(one: Run, other: Run) -> Run:
    low = np.concatenate([one[0], other[0]])
    high = np.concatenate([one[1], other[1]])
    numbers = np.concatenate([one[2], other[2]])
    order = np.argsort(low, kind="stable")
    return low[order], high[order], numbers[order]


def _refuse_collisions(differ: NDArray[np.bool_]) -> None:
    """Half a hash tells texts apart but for one pair in 10^19; where it does not, it is noticed."""
    if differ.any():
        raise Unavailable("Two texts share half a hash: they are counted without a rollup")

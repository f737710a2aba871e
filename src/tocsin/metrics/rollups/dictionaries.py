"""Dictionaries that replace texts by numbers: of groups, and of values that are counted once.

A text that is counted once is identified by its 128-bit hash, as `uniqExact` of the engine does.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tocsin.errors import Unavailable
from tocsin.metrics.decimals import Integers
from tocsin.metrics.rollups.arrow_columns import Codes
from tocsin.metrics.rollups.partials import occurring
from tocsin.metrics.row_selection import GroupTexts

Hashes = NDArray[np.uint64]
Run = tuple[Hashes, Hashes, NDArray[np.uint32]]
"""Lower halves in ascending order, upper halves, numbers."""

_TEXTS_PER_CHUNK = 10_000
"""Texts that become an Arrow column in one step, of about a millisecond."""
_HASHES_PER_CHUNK = 1 << 18


class GroupDictionary:
    """Numbers groups from 0 on, in the order of their first occurrence.

    The texts are kept twice: as tuples for answers, and as Arrow columns, which are compared
    without holding the interpreter.
    """

    def __init__(self) -> None:
        self.texts: list[GroupTexts] = []
        self._numbers: dict[GroupTexts, int] = {}
        self._lock = threading.Lock()
        self._table: pa.Table | None = None
        self._table_lock = threading.Lock()

    def table(self) -> pa.Table:
        """The texts of all groups so far: a column `d0`, `d1`, ... for each field, and a row for
        each group by its number."""
        with self._table_lock:
            table = self._table
            rows = 0 if table is None else len(table)
            for start in range(rows, len(self.texts), _TEXTS_PER_CHUNK):
                columns = zip(*self.texts[start : start + _TEXTS_PER_CHUNK], strict=True)
                arrays = [pa.array(column, pa.large_string()) for column in columns]
                chunk = pa.table({f"d{n}": array for n, array in enumerate(arrays)})
                table = chunk if table is None else pa.concat_tables([table, chunk])
            assert table is not None
            if len(table) > rows:
                # Rows of many chunks are slow to take.
                self._table = table = table.combine_chunks()
        return table

    def texts_of(self, numbers: Integers) -> list[GroupTexts]:
        """The texts of groups, by their numbers."""
        return [self.texts[number] for number in numbers.tolist()]

    def number(self, texts: GroupTexts) -> int:
        """The number of a group; an unknown group gets the next one."""
        number = self._numbers.get(texts)
        if number is None:
            with self._lock:
                number = self._numbers.setdefault(texts, len(self.texts))
                if number == len(self.texts):
                    self.texts.append(texts)
        return number

    def numbers(self, dimensions: Sequence[Codes], rows: int) -> Integers:
        """The number of each row's group, given the codes of its dimensions; 0 without any."""
        codes = np.zeros(rows, dtype=np.int64)
        if not dimensions:
            return codes
        count = 1
        for indices, values in dimensions:
            width = len(values) + 1
            keys, codes = occurring(codes * width + indices + 1, count * width)
            count = len(keys)
        representatives = np.empty(count, dtype=np.int64)
        representatives[codes] = np.arange(rows)
        columns = [_texts(values, indices[representatives]) for indices, values in dimensions]
        groups: list[GroupTexts] = list(zip(*columns, strict=True))
        numbers = np.asarray([self.number(texts) for texts in groups], dtype=np.int64)
        return numbers[codes] if count else codes


def _texts(values: pa.Array, indices: Integers) -> list[str | None]:
    texts = [*values.to_pylist(), None]
    return [texts[index] for index in indices.tolist()]


class HashDictionary:
    """Numbers 128-bit hashes from 0 on, in the order of their first occurrence.

    Hashes are kept as sorted runs, each at least twice as long as the next, so new hashes are
    inserted without touching all the old ones. Any number of threads may use the object.
    """

    def __init__(self) -> None:
        self._runs: list[Run] = []
        self._lock = threading.Lock()
        self.count = 0

    @property
    def bytes(self) -> int:
        return sum(low.nbytes + high.nbytes + numbers.nbytes for low, high, numbers in self._runs)

    def numbers(self, hashes: Hashes) -> NDArray[np.uint32]:
        """The numbers of hashes, given as rows of two halves; unknown hashes get the next numbers.

        Raises Unavailable if two different hashes have an equal half."""
        numbers = np.empty(len(hashes), dtype=np.uint32)
        for start in range(0, len(hashes), _HASHES_PER_CHUNK):
            chunk = slice(start, start + _HASHES_PER_CHUNK)
            with self._lock:
                numbers[chunk] = self._numbers_of_chunk(hashes[chunk])
        return numbers

    def _numbers_of_chunk(self, hashes: Hashes) -> NDArray[np.int64]:
        low, high = np.ascontiguousarray(hashes[:, 0]), np.ascontiguousarray(hashes[:, 1])
        numbers = np.full(len(low), -1, dtype=np.int64)
        for run in self._runs:
            self._look_up(run, low, high, numbers)
        new = np.flatnonzero(numbers < 0)
        if len(new):
            numbers[new] = self._add(low[new], high[new])
        return numbers

    @staticmethod
    def _look_up(run: Run, low: Hashes, high: Hashes, out: NDArray[np.int64]) -> None:
        """Write the numbers of the hashes that a run holds."""
        lows, highs, numbers = run
        place = np.minimum(np.searchsorted(lows, low), len(lows) - 1)
        is_equal = lows[place] == low
        _reject_collisions(highs[place[is_equal]] != high[is_equal])
        out[is_equal] = numbers[place[is_equal]]

    def _add(self, low: Hashes, high: Hashes) -> NDArray[np.int64]:
        lows, first, inverse = np.unique(low, return_index=True, return_inverse=True)
        highs = high[first]
        _reject_collisions(highs[inverse] != high)
        numbers = np.arange(self.count, self.count + len(lows), dtype=np.uint32)
        self.count += len(lows)
        run = (lows, highs, numbers)
        while self._runs and len(self._runs[-1][0]) < 2 * len(run[0]):
            run = _merged(self._runs.pop(), run)
        self._runs.append(run)
        return numbers.astype(np.int64)[inverse]


def _merged(left: Run, right: Run) -> Run:
    low = np.concatenate([left[0], right[0]])
    high = np.concatenate([left[1], right[1]])
    numbers = np.concatenate([left[2], right[2]])
    order = np.argsort(low, kind="stable")
    return low[order], high[order], numbers[order]


def _reject_collisions(differ: NDArray[np.bool_]) -> None:
    """Two different texts share half a hash with a probability of one in 10^19; it is detected."""
    if differ.any():
        raise Unavailable("Two texts share half a hash: they are counted without a rollup")

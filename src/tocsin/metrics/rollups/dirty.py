"""In which minutes, hours, days and months was something recorded lately?

A moment is the number of the last interaction that was known to be on disk: what has that number or
a smaller one was read, what has a greater one was not. A partial result of a moment holds as long
as nothing was recorded in its cell after it. The committer tells of every block after it is on disk
and before its senders are answered, so whatever was acknowledged is seen by every calculation that
starts afterwards.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tocsin.metrics.rollups.buckets import LENGTHS
from tocsin.metrics.rollups.partials import unique

MAX_CELLS = 200_000


class Touched:
    """Any number of threads may use the object."""

    def __init__(self, number: int) -> None:
        """`number` is that of the last interaction before."""
        self._moment = number
        self._epoch = 0
        self._cells: tuple[dict[int, int], ...] = tuple({} for _ in LENGTHS)
        self._changing = threading.Lock()

    @property
    def now(self) -> int:
        """The number up to which everything can be read."""
        return self._moment

    @property
    def epoch(self) -> int:
        """Another one after all was forgotten: what was made before does not hold."""
        return self._epoch

    def tell(self, timestamps: Sequence[int], number: int) -> None:
        """Interactions with these timestamps, in milliseconds, have been recorded; the last of them
        has that number."""
        instants = np.asarray(timestamps, dtype=np.int64)
        with self._changing:
            for length, touched in zip(LENGTHS, self._cells, strict=True):
                cells = unique(-(-instants // length))
                touched.update(dict.fromkeys(cells.tolist(), number))
            self._moment = number
            if len(self._cells[0]) > MAX_CELLS:
                self._forget()

    def forget(self) -> None:
        """Interactions of any time may have gone: nothing that is kept holds any more."""
        with self._changing:
            self._forget()

    def since(self, level: int, cell: int) -> int:
        """The moment at which something was last recorded in a cell; 0 if that is long ago."""
        return self._cells[level].get(cell, 0)

    def _forget(self) -> None:
        self._epoch += 1
        self._cells = tuple({} for _ in LENGTHS)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a calculation as of some moment has to see of what was recorded."""

    touched: Touched
    moment: int

    def since(self, level: int, cell: int) -> int:
        """The moment as of which a cell must have been made at least."""
        return min(self.touched.since(level, cell), self.moment)

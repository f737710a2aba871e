"""In which minutes, hours, days and months was something recorded lately?

A partial result holds as long as nothing was recorded in its cell since the scan that made it
began. The committer tells of every block after it is on disk and before its senders are answered,
so whatever was acknowledged is seen by every calculation that starts afterwards.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from tocsin.sql.cells import LENGTHS

MAX_CELLS = 200_000


class Touched:
    """Any number of threads may use the object."""

    def __init__(self) -> None:
        self._moment = 1
        self._forgotten = 0
        self._cells: tuple[dict[int, int], ...] = tuple({} for _ in LENGTHS)
        self._changing = threading.Lock()

    @property
    def now(self) -> int:
        """The moment before which everything that was told can be read."""
        return self._moment

    def tell(self, timestamps: Sequence[int]) -> None:
        """Interactions with these timestamps, in milliseconds, have been recorded."""
        instants = np.asarray(timestamps, dtype=np.int64)
        with self._changing:
            moment = self._moment + 1
            for length, touched in zip(LENGTHS, self._cells, strict=True):
                cells = np.unique(-(-instants // length))
                touched.update(dict.fromkeys(cells.tolist(), moment))
            self._moment = moment
            if len(self._cells[0]) > MAX_CELLS:
                self._forget()

    def forget(self) -> None:
        """Interactions of any time may have gone: nothing that is kept holds any more."""
        with self._changing:
            self._forget()

    def since(self, level: int, cell: int) -> int:
        """The moment at which something was last recorded in a cell, or that all was forgotten."""
        return max(self._cells[level].get(cell, 0), self._forgotten)

    def _forget(self) -> None:
        self._moment += 1
        self._forgotten = self._moment
        self._cells = tuple({} for _ in LENGTHS)

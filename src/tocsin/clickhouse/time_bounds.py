"""Of when are the earliest and the latest interaction?

Noted before each append, and from the table at the start. What is known may be too wide (after an
append that failed, or when months were dropped), never too narrow: a query can be slower than it
needs to be, but never count what is dated outside of its window.
"""

from __future__ import annotations

import threading

from tocsin.clickhouse.sql.extent import EMPTY, Extent
from tocsin.model.instant import from_milliseconds


class RecordedExtent:
    """Shared by the threads of one process: `now` only widens, and is replaced as a whole."""

    def __init__(self) -> None:
        self.current: Extent = EMPTY
        self._noting = threading.Lock()

    def note(self, first: int, last: int) -> None:
        """From now on something may be dated from `first` to `last`, in milliseconds."""
        with self._noting:
            self.current = self.current.including(from_milliseconds(first), from_milliseconds(last))

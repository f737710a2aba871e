"""Tracks the earliest and the latest recorded timestamp.

Updated before each append, and loaded from the table at the start. The extent may be too wide
(after a failed append, or after months were dropped), never too narrow: a query may be slower than
necessary, but never counts interactions outside of its window.
"""

from __future__ import annotations

import threading

from tocsin.clickhouse.sql.extent import EMPTY, Extent
from tocsin.model.instant import from_milliseconds


class RecordedExtent:
    """Shared by the threads of one process: `current` only widens, and is replaced as a whole."""

    def __init__(self) -> None:
        self.current: Extent = EMPTY
        self._widening = threading.Lock()

    def include(self, first: int, last: int) -> None:
        """Widen the extent to the timestamps from `first` to `last`, in milliseconds."""
        with self._widening:
            self.current = self.current.including(from_milliseconds(first), from_milliseconds(last))

"""Of when is the latest interaction: can anything be dated after an instant?

Noted before each append, and from the table at the start. What is known may be too late, never too
early: a query can be slower than it needs to be, but never count what is dated after its instant.
"""

from __future__ import annotations

import threading
from datetime import datetime

from tocsin.model.instant import from_milliseconds


class Latest:
    """Shared by the threads of one process."""

    def __init__(self) -> None:
        self._milliseconds = 0
        self._noting = threading.Lock()

    @property
    def at(self) -> datetime:
        return from_milliseconds(self._milliseconds)

    def note(self, milliseconds: int) -> None:
        with self._noting:
            self._milliseconds = max(self._milliseconds, milliseconds)

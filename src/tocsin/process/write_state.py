"""Tracks whether the last write of the engine or of the store failed, and why."""

from __future__ import annotations

import time

# Without another write, a failure is reported for this long.
_MEMORY_SECONDS = 30


class WriteState:
    """Set by the threads that write, read by those that report: a single attribute, no lock."""

    def __init__(self) -> None:
        self._failure: tuple[float, str] | None = None

    def fail(self, reason: str) -> None:
        self._failure = (time.monotonic(), reason)

    def succeed(self) -> None:
        self._failure = None

    @property
    def failure(self) -> str | None:
        """The reason why the last write failed; None if it succeeded, or is older than 30 s."""
        failure = self._failure
        if failure is None or time.monotonic() - failure[0] > _MEMORY_SECONDS:
            return None
        return failure[1]

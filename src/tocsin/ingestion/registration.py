"""Registers new catalog entries on a dedicated thread.

The store may be locked by another process for seconds. Only requests that name new entries wait
for it then; all others are recorded meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from tocsin.errors import Stopping, Unavailable

T = TypeVar("T")

LONGEST_WAIT_SECONDS = 20


class Registration:
    """Runs registrations sequentially, so that each sees the room that its predecessors left."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="register")

    def submit(self, register: Callable[[], T]) -> Future[T]:
        """A future of the result; Unavailable if its turn does not come in time.

        Raises Stopping after `close`.
        """
        latest = time.monotonic() + LONGEST_WAIT_SECONDS

        def run() -> T:
            if time.monotonic() > latest:
                raise Unavailable("New catalog entries cannot be stored; try again in a moment")
            return register()

        try:
            return self._thread.submit(run)
        except RuntimeError:
            raise Stopping from None

    def close(self) -> None:
        """Discard the waiting registrations; does not wait for a running one."""
        self._thread.shutdown(wait=False, cancel_futures=True)

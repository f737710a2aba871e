"""Notes what keeps an event loop from everything else."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

LIMIT_SECONDS = 0.1
_SAMPLE_SECONDS = 0.01


class _Watch:
    """Times every callback of every event loop: the seconds it computes, and those for which it
    stays at one instruction while other threads could run, as if it waited for a lock or a disk.

    A wall clock would blame a callback for a busy machine, or for tests that compute in the same
    process and hold the interpreter.
    """

    def __init__(self) -> None:
        self.slow: list[str] = []
        self.is_paused = False
        self._running: dict[int, int] = {}
        self._number = 0
        self._is_over = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        # There is no public way to time each callback of an event loop, or to see the stack of
        # another thread.
        self._run = asyncio.Handle._run  # noqa: SLF001 see above

    def begin(self) -> None:
        # A full collection of all that pytest holds takes as long; the server spares itself those.
        gc.collect()
        gc.freeze()
        watch, run = self, self._run

        def timed(self: asyncio.Handle) -> None:
            thread, began = threading.get_ident(), time.thread_time()
            watch._number += 1
            watch._running[thread] = watch._number
            try:
                run(self)
            finally:
                del watch._running[thread]
                watch._note("computed", time.thread_time() - began, repr(self))

        asyncio.Handle._run = timed  # type: ignore[method-assign]  # noqa: SLF001 see __init__
        self._sampler.start()

    def end(self) -> None:
        asyncio.Handle._run = self._run  # type: ignore[method-assign]  # noqa: SLF001 see __init__
        self._is_over.set()
        self._sampler.join()
        gc.unfreeze()

    def _note(self, what: str, seconds: float, where: str) -> None:
        if seconds > LIMIT_SECONDS and not self.is_paused:
            test = os.environ.get("PYTEST_CURRENT_TEST", "")
            self.slow.append(f"{what} for {seconds:.3f} s in {test}: {where}")

    def _note_wait(self, stack: traceback.StackSummary) -> None:
        # An executor waits for its new thread to begin, which takes what the machine takes.
        if not any(
            frame_summary.name == "start" and "threading" in frame_summary.filename
            for frame_summary in stack
        ):
            self._note("waited", LIMIT_SECONDS * 1.01, "".join(traceback.format_list(stack[-8:])))

    def _sample(self) -> None:
        """A callback that waits holds no interpreter, so this thread sees it at the same place in
        each of its samples."""
        seen: dict[int, tuple[object, int]] = {}
        while not self._is_over.wait(_SAMPLE_SECONDS):
            frames = sys._current_frames()  # noqa: SLF001 see __init__
            for thread, number in list(self._running.items()):
                frame = frames.get(thread)
                place = (number, frame, frame.f_lasti) if frame else None
                former, times = seen.get(thread, (None, 0))
                seen[thread] = (place, times + 1 if place == former else 0)
                is_long = seen[thread][1] * _SAMPLE_SECONDS == LIMIT_SECONDS
                # Asked before the stack is read, during which a pause may end.
                if is_long and frame and not self.is_paused:
                    self._note_wait(traceback.extract_stack(frame))


_watches: list[_Watch] = []


@contextmanager
def never_blocked() -> Iterator[None]:
    """Fails if a callback of any event loop computed or waited for longer than the limit."""
    watch = _Watch()
    _watches.append(watch)
    watch.begin()
    try:
        yield
    finally:
        watch.end()
        _watches.remove(watch)
    assert not watch.slow, "the event loop was blocked: " + "; ".join(watch.slow)


@contextmanager
def not_watched() -> Iterator[None]:
    """For a test whose client itself computes on the event loop."""
    for watch in _watches:
        watch.is_paused = True
    try:
        yield
    finally:
        for watch in _watches:
            watch.is_paused = False

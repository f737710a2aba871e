"""Writes the log on a dedicated thread, so that logging never blocks the caller.

A pipe that nobody reads, a closed pipe or a full disk behind the descriptor costs log lines, which
are counted, and has no other effect.
"""

from __future__ import annotations

import io
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable

MAX_BYTES = 4 * 1024 * 1024
MAX_LINES = 20_000
# The time for waiting lines at the end of the process.
FLUSH_SECONDS = 1.0
# The longest wait before another write to a non-blocking descriptor.
_RETRY_SECONDS = 0.5


class LogWriter:
    """A bounded queue of lines before a file descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._dropped = 0
        self._reported = 0
        self._is_writing = False
        self._changed = threading.Condition()
        # Called from the writing thread with the number of lines that were lost before.
        self.on_recovery: Callable[[int], None] | None = None
        threading.Thread(target=self._write_for_ever, name="log writer", daemon=True).start()

    @property
    def dropped(self) -> int:
        """The number of lines that were lost since the start."""
        return self._dropped

    def put(self, line: bytes) -> None:
        """Queue a line, or count it as dropped where the queue is full."""
        with self._changed:
            if self._size + len(line) > MAX_BYTES or len(self._lines) >= MAX_LINES:
                self._dropped += 1
                return
            self._lines.append(line)
            self._size += len(line)
            self._changed.notify_all()

    def flush(self, seconds: float = FLUSH_SECONDS) -> None:
        """Wait until all lines are written, but for at most `seconds`."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while self._lines or self._is_writing:
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    return
                self._changed.wait(remaining)

    def _write_for_ever(self) -> None:
        while True:
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()
                while not self._lines:
                    self._changed.wait()
                line = self._lines.popleft()
                self._size -= len(line)
                self._is_writing = True
            self._write(line)

    def _write(self, line: bytes) -> None:
        try:
            _write_whole(self._descriptor, line)
        except OSError:
            with self._changed:
                self._dropped += 1
            return
        dropped = self._dropped - self._reported
        # Only when there is room, so that the report itself is not dropped.
        if dropped and self.on_recovery and len(self._lines) < MAX_LINES // 2:
            self._reported += dropped
            self.on_recovery(dropped)


def _write_whole(descriptor: int, line: bytes) -> None:
    remaining = memoryview(line)
    while remaining:
        try:
            remaining = remaining[os.write(descriptor, remaining) :]
        except BlockingIOError:
            # Another process that shares the terminal may have made it non-blocking.
            poll = select.poll()
            poll.register(descriptor, select.POLLOUT)
            poll.poll(_RETRY_SECONDS * 1000)


class LogStream(io.TextIOBase):
    """Replaces sys.stdout or sys.stderr, so that no print of any library can block or fail."""

    def __init__(self, writer: LogWriter, descriptor: int) -> None:
        self._writer = writer
        self._descriptor = descriptor

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def fileno(self) -> int:
        return self._descriptor

    def write(self, text: str) -> int:
        if text:
            self._writer.put(text.encode("utf-8", "backslashreplace"))
        return len(text)

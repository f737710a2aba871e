"""A client that sends from a thread of its own."""

from __future__ import annotations

import threading
from datetime import datetime
from types import TracebackType
from uuid import UUID

import httpx2 as httpx

from tocsin_client._http import send
from tocsin_client._metrics import Row, failed, request_of, rows_of
from tocsin_client._process import close_at_exit_of_child
from tocsin_client._recorder import EXIT_SECONDS, Recorder


class Client(Recorder):
    """Records interactions in the background, from any thread.

    The first interaction starts the thread, so a client may be created before a server forks its
    workers. Each process has its own queue: a child starts with an empty one, and its parent sends
    what was queued before the fork. At the exit of the process the queue is flushed for at most
    5 seconds.
    """

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until everything recorded so far is on the server, rejected or dropped.

        Sends without waiting for full batches. False if `timeout` seconds did not suffice.
        """
        done = threading.Event()
        self._outbox.flush(done.set)
        if done.is_set():
            return True
        if not self._start():
            return self._drain(EXIT_SECONDS if timeout is None else timeout)
        self._wakeup.set()
        return done.wait(timeout)

    def close(self, timeout: float = EXIT_SECONDS) -> None:
        """Flush for at most `timeout` seconds, then stop. The rest is dropped, counted and logged,
        as is everything that is recorded afterwards."""
        self.flush(timeout)
        self._outbox.close()
        self._is_stopping = True
        self._wakeup.set()
        if self._thread:
            # It may be within a request that does not end.
            self._thread.join(1)

    def calculate(self, metric_id: UUID | str, *, at: datetime | None = None) -> list[Row]:
        """The rows of a metric now, or as of `at`. Raises TocsinError if there is no answer."""
        request = request_of(metric_id, at)
        try:
            with httpx.Client(**self._options) as http:
                response = http.post(**request)
        except httpx.HTTPError as error:
            raise failed(error) from error
        return rows_of(response)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        self.close()

    def _reset(self) -> None:
        super()._reset()
        self._wakeup = threading.Event()
        self._is_stopping = False
        self._starting = threading.RLock()
        self._thread: threading.Thread | None = None

    def _wake(self) -> None:
        self._start()
        self._wakeup.set()

    def _start(self) -> bool:
        """Start the thread unless it runs; False if the interpreter exits and starts no more."""
        with self._starting:
            if self._thread and self._thread.is_alive():
                return True
            thread = threading.Thread(target=self._run, name="tocsin-client", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return False
            self._thread = thread
            close_at_exit_of_child()
            return True

    def _run(self) -> None:
        try:
            with httpx.Client(**self._options) as http:
                while not self._is_stopping:
                    if batch := self._outbox.take():
                        self._report_items(self._outbox.settle(send(http, batch)))
                    else:
                        self._wakeup.wait(self._outbox.seconds_until_due())
                        self._wakeup.clear()
        finally:
            self._outbox.restore()

    def _close_at_exit(self) -> None:
        self.close()

"""Thread pools by purpose: recording, pages and readiness never wait for calculations.

Questions that may be slow share as many threads as queries may run concurrently, and a short
queue. Calls that exceed it are rejected immediately, instead of waiting until the caller has
disconnected.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from tocsin.errors import Busy, Stopping
from tocsin.model.ceilings import PAGE_QUESTION_QUEUE, QUEUE_FOR_EACH_THREAD

T = TypeVar("T")

RECORDING_THREADS = 40
UNPACKING_THREADS = 4
READINESS_THREADS, READINESS_QUEUE = 2, 16
SEARCH_THREADS, EXPORT_THREADS = 2, 2
PAGE_THREADS = 16
PAGE_QUESTION_THREADS = 2
QUEUE_SECONDS = 20
CLOSING_SECONDS = 2


class Pool:
    """Threads for one purpose, used from any number of event loops."""

    def __init__(self, name: str, threads: int, queue: int | None = None) -> None:
        """At most `queue` calls wait for a thread, for QUEUE_SECONDS; None for no limit.

        `refused` counts the calls since the start that got no thread in time."""
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most = None if queue is None else threads + queue
        self._admitted = 0
        self._changed = threading.Condition()
        self._is_stopping = False
        self.name = name
        self.refused = 0

    async def run(self, work: Callable[[], T]) -> T:
        """The result of the work. Raises Busy if it gets no thread in time, or Stopping."""
        future = self._submit(work)
        loop = asyncio.get_running_loop()
        # Cancelling has no effect on work that has begun.
        expiry = loop.call_later(QUEUE_SECONDS, future.cancel) if self._most else None
        try:
            return await asyncio.wrap_future(future, loop=loop)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task and task.cancelling():
                raise
            raise self._refusal() from None
        finally:
            if expiry:
                expiry.cancel()

    def stop(self) -> None:
        """Reject waiting and new calls."""
        self._is_stopping = True

    def close(self, patience: float = CLOSING_SECONDS) -> None:
        """Stop, and wait at most `patience` seconds for running calls; later ones end with the
        process."""
        self.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._changed:
            self._changed.wait_for(lambda: not self._admitted, patience)

    def _submit(self, work: Callable[[], T]) -> Future[T]:
        with self._changed:
            if self._is_stopping or (self._most is not None and self._admitted >= self._most):
                raise self._refusal()
            self._admitted += 1
        try:
            future = self._threads.submit(self._run, work)
        except RuntimeError:
            self._leave(None)
            raise Stopping from None
        future.add_done_callback(self._leave)
        return future

    def _run(self, work: Callable[[], T]) -> T:
        if self._is_stopping:
            raise Stopping
        return work()

    def _leave(self, _: object) -> None:
        with self._changed:
            self._admitted -= 1
            self._changed.notify_all()

    def _refusal(self) -> Stopping | Busy:
        if self._is_stopping:
            return Stopping()
        self.refused += 1
        return Busy()


class Pools:
    """The pools of a server; everything else runs on the framework's threads."""

    def __init__(self, query_concurrency: int) -> None:
        self.recording = Pool("record", RECORDING_THREADS)
        # Separate from recording, whose threads wait for the disk: a single interaction must not.
        self.unpacking = Pool("unpack", UNPACKING_THREADS)
        self.readiness = Pool("ready", READINESS_THREADS, READINESS_QUEUE)
        self.searches = Pool("search", SEARCH_THREADS, QUEUE_FOR_EACH_THREAD * SEARCH_THREADS)
        # Pages without calculations: they read memory and the store, and write to the store.
        self.pages = Pool("page", PAGE_THREADS)
        # Calculations that pages share, separate from questions, so that slow questions through the
        # API do not block pages. The queue holds the trends of two lists of metrics, which a proxy
        # may request concurrently.
        self.page_questions = Pool("page-question", PAGE_QUESTION_THREADS, PAGE_QUESTION_QUEUE)
        # Exports wait without limit: rejecting one after it began would cut it off.
        self.exports = Pool("export", EXPORT_THREADS)
        # For the changes of other nodes; without others, its thread does not exist.
        self.refreshes = Pool("refresh", 1)
        self.questions = Pool(
            "question", query_concurrency, QUEUE_FOR_EACH_THREAD * query_concurrency
        )

    @property
    def all(self) -> tuple[Pool, ...]:
        return *self._reading, self.pages, self.readiness, self.recording, self.unpacking

    @property
    def _reading(self) -> tuple[Pool, ...]:
        return self.questions, self.page_questions, self.searches, self.exports

    def stop_questions(self) -> None:
        """Reject calls that read interactions; recording continues."""
        for pool in self._reading:
            pool.stop()

    def close(self) -> None:
        """Close all pools; together they get the time limit of one."""
        end = time.monotonic() + CLOSING_SECONDS
        for pool in (*self.all, self.refreshes):
            pool.close(max(end - time.monotonic(), 0))

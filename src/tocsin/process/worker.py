"""One life cycle for background work: a thread that runs a task when it is woken or due."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable

import structlog

from tocsin.errors import Unavailable

log = structlog.get_logger()

RETRY_SECONDS = 1.0


def attempt(run: Callable[[], object], failure: str, **fields: str) -> None:
    """Run one of several tasks; an error is logged as `failure`, and does not stop the others."""
    try:
        run()
    except Exception:
        log.exception(failure, **fields)


class Worker(ABC):
    """Background work on a dedicated thread; a subclass implements `run_once`.

    `start` runs it immediately. It runs again after each `wake`, and at the latest after the
    seconds that the last run returned. No thread exists before `start`, so that a test can call
    `run_once` itself. A run that raises is logged with the worker's name and repeated after
    `retry_seconds`.
    """

    def __init__(self, name: str, *, retry_seconds: float = RETRY_SECONDS) -> None:
        self.name = name
        self._retry_seconds = retry_seconds
        self._woken = threading.Event()
        self._is_stopping = False
        self._thread: threading.Thread | None = None

    @abstractmethod
    def run_once(self) -> float | None:
        """Do what is due. Returns the seconds until the next run, or None to wait for `wake`."""

    def start(self) -> None:
        """Start the thread; once in the life of a worker."""
        assert self._thread is None, "a worker is started once"
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Cause a run, and another one if a run is under way. Any thread may call it."""
        self._woken.set()

    def stop(self) -> None:
        """Let the current run end, then end the thread. May be called more than once."""
        self._is_stopping = True
        self._woken.set()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._is_stopping:
            # Before the run: a wake during it must not be lost.
            self._woken.clear()
            pause = self._attempt()
            # `stop` sets the flag first, so that the clear above cannot hide it.
            if not self._is_stopping:
                self._woken.wait(pause)

    def _attempt(self) -> float | None:
        try:
            return self.run_once()
        except Unavailable as error:
            # A server is away, which is no fault of the code: the reason says more than a trace.
            log.warning("worker run failed", worker=self.name, reason=error.detail)
            return self._retry_seconds
        except Exception:
            log.exception("worker run failed", worker=self.name)
            return self._retry_seconds

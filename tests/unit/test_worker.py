"""The life cycle of background work: runs, wakes, failures and the stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest
import structlog

from tocsin.errors import Unavailable
from tocsin.process.worker import Worker

PATIENCE = 20.0


class Counting(Worker):
    """Counts its runs. `pauses` has what each run returns, or raises; the last one repeats."""

    def __init__(self, *pauses: float | Exception | None) -> None:
        super().__init__("counting", retry_seconds=0.01)
        self.runs = 0
        self.pauses: Sequence[float | Exception | None] = pauses
        self.is_in_run = threading.Event()
        self.may_end = threading.Event()
        self.may_end.set()

    def run_once(self) -> float | None:
        pause = self.pauses[min(self.runs, len(self.pauses) - 1)]
        self.is_in_run.set()
        self.may_end.wait(PATIENCE)
        self.runs += 1
        if isinstance(pause, Exception):
            raise pause
        return pause


@pytest.fixture
def stopping() -> Iterator[list[Worker]]:
    workers: list[Worker] = []
    yield workers
    for worker in workers:
        worker.stop()


def until(is_true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_constructor_starts_no_thread_and_a_run_needs_none() -> None:
    before = threading.active_count()
    worker = Counting(None)
    assert worker.run_once() is None
    assert (worker.runs, threading.active_count()) == (1, before)
    worker.stop()


def test_a_worker_runs_at_the_start_and_after_each_wake(stopping: list[Worker]) -> None:
    worker = Counting(None)
    stopping.append(worker)
    worker.start()
    for runs in (1, 2, 3):

        def has_run(runs: int = runs) -> bool:
            return worker.runs == runs

        until(has_run)
        worker.wake()


def test_a_worker_runs_again_after_the_seconds_that_a_run_returned(stopping: list[Worker]) -> None:
    worker = Counting(0.01, 0.01, 60.0)
    stopping.append(worker)
    worker.start()
    until(lambda: worker.runs == 3)
    time.sleep(0.1)
    assert worker.runs == 3


def test_a_wake_during_a_run_causes_another_run(stopping: list[Worker]) -> None:
    worker = Counting(None)
    stopping.append(worker)
    worker.may_end.clear()
    worker.start()
    assert worker.is_in_run.wait(PATIENCE)
    worker.wake()
    worker.may_end.set()
    until(lambda: worker.runs == 2)


def test_a_failure_is_logged_with_the_name_and_the_work_goes_on(stopping: list[Worker]) -> None:
    with structlog.testing.capture_logs() as logged:
        worker = Counting(ValueError("broken"), None)
        stopping.append(worker)
        worker.start()
        until(lambda: worker.runs == 2)
    assert [(line["event"], line["worker"]) for line in logged] == [
        ("worker run failed", "counting")
    ]


def test_a_server_that_is_away_is_logged_without_a_traceback(stopping: list[Worker]) -> None:
    with structlog.testing.capture_logs() as logged:
        worker = Counting(Unavailable("The store does not answer"), None)
        stopping.append(worker)
        worker.start()
        until(lambda: worker.runs == 2)
    assert logged == [
        {
            "event": "worker run failed",
            "log_level": "warning",
            "worker": "counting",
            "reason": "The store does not answer",
        }
    ]


def test_a_stop_lets_the_run_end_and_none_follows() -> None:
    worker = Counting(0.0)
    worker.may_end.clear()
    worker.start()
    assert worker.is_in_run.wait(PATIENCE)
    stop = threading.Thread(target=worker.stop)
    stop.start()
    worker.wake()
    worker.may_end.set()
    stop.join(PATIENCE)
    assert not stop.is_alive()
    assert worker.runs == 1
    worker.stop()

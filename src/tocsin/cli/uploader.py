"""Uploads batches of lines concurrently, with retries, and counts the results.

Every line has an id, so sending a batch again records nothing twice. All failures that may be
temporary are retried.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, TextIO

import tenacity
import zstandard

from tocsin.cli.client import CONNECTIONS, Client, RejectedByServer, Unreachable
from tocsin.cli.ndjson import MAX_BYTES, LineBatch
from tocsin.cli.routes import HISTORY, IMPORT
from tocsin.ingestion.decompression import Unreadable

IN_FLIGHT = 2 * CONNECTIONS
PATIENCE_SECONDS = 300
QUIET_ATTEMPTS = 2
_TEMPORARY = {429, 502, 503, 504}
_TOO_LONG = [{"field": "", "message": f"is longer than {MAX_BYTES:,} bytes"}]
BACKOFF = tenacity.wait_exponential_jitter(multiplier=0.2, max=10)


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A line that the server rejected, with all errors."""

    name: str
    line: int
    errors: list[dict[str, str]]

    def __str__(self) -> str:
        reasons = "; ".join(
            f"{e['field']}: {e['message']}" if e.get("field") else e["message"] for e in self.errors
        )
        return f"{self.name}:{self.line}: {reasons}"


@dataclass
class UploadTally:
    """Counts accepted, duplicate and rejected lines.

    Keeps the first rejected lines, and writes all of them to `sink`.
    """

    keep: int
    sink: TextIO | None = None
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    first: list[RejectedLine] = field(default_factory=list)

    @property
    def answered(self) -> int:
        return self.accepted + self.duplicates + self.rejected

    def add(self, batch: LineBatch, answer: dict[str, Any]) -> None:
        self.accepted += answer["accepted"]
        self.duplicates += answer["duplicates"]
        for line in answer["rejected"]:
            self._reject(RejectedLine(batch.name, batch.numbers[line["index"]], line["errors"]))
        for number in batch.too_long:
            self._reject(RejectedLine(batch.name, number, _TOO_LONG))
        for number, errors in batch.wrong:
            self._reject(RejectedLine(batch.name, number, errors))

    def _reject(self, rejection: RejectedLine) -> None:
        self.rejected += 1
        if len(self.first) < self.keep:
            self.first.append(rejection)
        if self.sink:
            record = {"file": rejection.name, "line": rejection.line, "errors": rejection.errors}
            self.sink.write(json.dumps(record, ensure_ascii=False) + "\n")


class BatchUploader:
    """Sends batches over several connections and counts the responses in a tally."""

    def __init__(self, client: Client, tally: UploadTally, notify: Callable[[str], None]) -> None:
        """`notify` gets a message when a batch is retried, on any thread."""
        self._client = client
        self._tally = tally
        self._notify = notify
        self._stopped = threading.Event()

    def send_all(self, batches: Iterable[LineBatch], after: Callable[[], None]) -> None:
        """Send every batch, and call `after` whenever batches are done.

        Raises errors that retries do not solve; the tally has the responses until then.
        """
        pending: set[Future[tuple[LineBatch, Any]]] = set()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            try:
                for batch in batches:
                    pending.add(pool.submit(self._send, batch))
                    # Exports are sent one batch at a time, because numbers are given in order.
                    if len(pending) >= (1 if batch.is_export else IN_FLIGHT):
                        done, pending = wait(pending, return_when=FIRST_COMPLETED)
                        self._count(done)
                        after()
                done, pending = wait(pending)
                self._count(done)
            except BaseException as error:
                # Batches that were read before the file became unreadable are still sent.
                if not isinstance(error, Unreadable):
                    self._stopped.set()
                self._count_answered(wait(pending).done)
                raise
            finally:
                after()

    def _count(self, done: Iterable[Future[tuple[LineBatch, Any]]]) -> None:
        failures = self._count_answered(done)
        if failures:
            raise failures[0]

    def _count_answered(self, done: Iterable[Future[tuple[LineBatch, Any]]]) -> list[BaseException]:
        failures = []
        for future in done:
            if failure := future.exception():
                failures.append(failure)
            else:
                self._tally.add(*future.result())
        return failures

    def _send(self, batch: LineBatch) -> tuple[LineBatch, Any]:
        if not batch.lines:
            return batch, {"accepted": 0, "duplicates": 0, "rejected": []}
        path = IMPORT if batch.is_export else HISTORY
        packed = zstandard.compress(b"\n".join(batch.lines), 1)
        return batch, self._retrying()(self._client.post_lines, path, packed, "zstd")

    def _retrying(self) -> tenacity.Retrying:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_temporary),
            wait=_pause,
            stop=tenacity.stop_after_delay(PATIENCE_SECONDS)
            | tenacity.stop_when_event_set(self._stopped),
            sleep=tenacity.sleep_using_event(self._stopped),
            before_sleep=self._announce,
            reraise=True,
        )

    def _announce(self, state: tenacity.RetryCallState) -> None:
        if state.attempt_number <= QUIET_ATTEMPTS:
            return
        self._notify(f"{_error_of(state)} Retrying in {state.upcoming_sleep:.1f} s.")


def _is_temporary(error: BaseException) -> bool:
    if isinstance(error, RejectedByServer):
        return error.status_code in _TEMPORARY
    return isinstance(error, Unreachable)


def _pause(state: tenacity.RetryCallState) -> float:
    """Seconds until the next attempt: the Retry-After of the response, else exponential."""
    retry_after = getattr(_error_of(state), "retry_after", None)
    return BACKOFF(state) if retry_after is None else float(retry_after)


def _error_of(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None

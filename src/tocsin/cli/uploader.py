"""How do batches of lines get to the server: several at once, patiently, each counted.

Sending a batch again does no harm, for every line in it has an id; so whatever may pass is tried
again.
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

from tocsin.cli.client import CONNECTIONS, Client, Refused, Unreachable
from tocsin.cli.ndjson import MAX_BYTES, Batch
from tocsin.cli.routes import HISTORY, IMPORT
from tocsin.ingestion.decompression import Unreadable

IN_FLIGHT = 2 * CONNECTIONS
PATIENCE_SECONDS = 300
QUIET_ATTEMPTS = 2
_PASSING = {429, 502, 503, 504}
_TOO_LONG = [{"field": "", "message": f"is longer than {MAX_BYTES:,} bytes"}]
_backoff = tenacity.wait_exponential_jitter(multiplier=0.2, max=10)


@dataclass(frozen=True, slots=True)
class Rejection:
    """A line that was not recorded, and every reason."""

    name: str
    line: int
    errors: list[dict[str, str]]

    def __str__(self) -> str:
        reasons = "; ".join(
            f"{e['field']}: {e['message']}" if e.get("field") else e["message"] for e in self.errors
        )
        return f"{self.name}:{self.line}: {reasons}"


@dataclass
class Tally:
    """What became of the lines; the first rejections are kept, all of them go to `sink`."""

    keep: int
    sink: TextIO | None = None
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    first: list[Rejection] = field(default_factory=list)

    @property
    def answered(self) -> int:
        return self.accepted + self.duplicates + self.rejected

    def add(self, batch: Batch, answer: dict[str, Any]) -> None:
        self.accepted += answer["accepted"]
        self.duplicates += answer["duplicates"]
        for line in answer["rejected"]:
            self._reject(Rejection(batch.name, batch.numbers[line["index"]], line["errors"]))
        for number in batch.too_long:
            self._reject(Rejection(batch.name, number, _TOO_LONG))

    def _reject(self, rejection: Rejection) -> None:
        self.rejected += 1
        if len(self.first) < self.keep:
            self.first.append(rejection)
        if self.sink:
            said = {"file": rejection.name, "line": rejection.line, "errors": rejection.errors}
            self.sink.write(json.dumps(said, ensure_ascii=False) + "\n")


class Sender:
    """Sends batches over a few connections and counts the answers in a tally."""

    def __init__(self, client: Client, tally: Tally, tell: Callable[[str], None]) -> None:
        """`tell` is called, from any thread, with a sentence when something has to be repeated."""
        self._client = client
        self._tally = tally
        self._tell = tell
        self._stopped = threading.Event()

    def send_all(self, batches: Iterable[Batch], after: Callable[[], None]) -> None:
        """Send every batch, calling `after` whenever some are done; raises what cannot be mended.

        What was answered until then is counted in the tally.
        """
        pending: set[Future[tuple[Batch, Any]]] = set()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            try:
                for batch in batches:
                    pending.add(pool.submit(self._send, batch))
                    # One at a time keeps the order of an export, in which numbers are given.
                    if len(pending) >= (1 if batch.is_export else IN_FLIGHT):
                        done, pending = wait(pending, return_when=FIRST_COMPLETED)
                        self._count(done)
                        after()
                done, pending = wait(pending)
                self._count(done)
            except BaseException as error:
                # A file that breaks off is no reason to give up what was read from it.
                if not isinstance(error, Unreadable):
                    self._stopped.set()
                self._count_answered(wait(pending).done)
                raise
            finally:
                after()

    def _count(self, done: Iterable[Future[tuple[Batch, Any]]]) -> None:
        failures = self._count_answered(done)
        if failures:
            raise failures[0]

    def _count_answered(self, done: Iterable[Future[tuple[Batch, Any]]]) -> list[BaseException]:
        failures = []
        for future in done:
            if failure := future.exception():
                failures.append(failure)
            else:
                self._tally.add(*future.result())
        return failures

    def _send(self, batch: Batch) -> tuple[Batch, Any]:
        if not batch.lines:
            return batch, {"accepted": 0, "duplicates": 0, "rejected": []}
        path = IMPORT if batch.is_export else HISTORY
        packed = zstandard.compress(b"\n".join(batch.lines), 1)
        return batch, self._patient()(self._client.post_lines, path, packed, "zstd")

    def _patient(self) -> tenacity.Retrying:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(_may_pass),
            wait=_pause,
            stop=tenacity.stop_after_delay(PATIENCE_SECONDS)
            | tenacity.stop_when_event_set(self._stopped),
            sleep=tenacity.sleep_using_event(self._stopped),
            before_sleep=self._say,
            reraise=True,
        )

    def _say(self, state: tenacity.RetryCallState) -> None:
        if state.attempt_number <= QUIET_ATTEMPTS:
            return
        self._tell(f"{_error_of(state)} Trying again in {state.upcoming_sleep:.1f} s.")


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, Refused):
        return error.status_code in _PASSING
    return isinstance(error, Unreachable)


def _pause(state: tenacity.RetryCallState) -> float:
    """Seconds until the next attempt: what the server asked for, else longer each time."""
    asked = getattr(_error_of(state), "retry_after", None)
    return _backoff(state) if asked is None else float(asked)


def _error_of(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None

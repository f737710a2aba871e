"""Calculations that pages share: each runs once for all viewers, on a pool, and is kept for a
while.

Callers that wait for a calculation hold no thread, so that slow ones delay only the pages that
show them.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from tocsin.errors import Busy, QueryTooHeavy, Stopping, TocsinError
from tocsin.process.pools import Pool

CalculationKey = TypeVar("CalculationKey", bound=Hashable)
Calculated = TypeVar("Calculated")

# A calculation that took long is kept longer: it uses a tenth of the engine's time at most.
_REST = 10
# A failure of the engine or the store may be over soon; a question that is too heavy stays so.
_FAILURE_SECONDS = 5
# An answer that expired this long ago is still shown while the next one is calculated.
_STALE_SECONDS = 60
_MOST_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class _Kept(Generic[Calculated]):
    """The outcome of a calculation, an answer or a failure."""

    until: float
    answers: tuple[Calculated, ...] = ()
    failure: TocsinError | None = None

    def get(self) -> Calculated:
        """Raises the failure."""
        if self.failure:
            # Without the frames of those who raised it before.
            raise self.failure.with_traceback(None)
        return self.answers[0]


@dataclass(slots=True)
class _Generation(Generic[CalculationKey, Calculated]):
    """The answers kept and the calculations running since the last change of a definition."""

    kept: dict[CalculationKey, _Kept[Calculated]] = field(default_factory=dict)
    running: dict[CalculationKey, Future[Calculated]] = field(default_factory=dict)

    def keep(
        self,
        key: CalculationKey,
        seconds: float,
        *answers: Calculated,
        failure: TocsinError | None = None,
    ) -> None:
        if len(self.kept) >= _MOST_KEPT:
            self.kept.clear()
        self.kept[key] = _Kept(time.monotonic() + seconds, answers, failure)


class SharedCalculation(Generic[CalculationKey, Calculated]):
    """Runs on a pool, from any number of event loops."""

    def __init__(
        self, calculate: Callable[[CalculationKey], Calculated], seconds: float, pool: Pool
    ) -> None:
        """`seconds` is how long an answer is kept at least."""
        self._calculate = calculate
        self._seconds = seconds
        self._pool = pool
        self._changing = threading.Lock()
        self._generation: _Generation[CalculationKey, Calculated] = _Generation()

    async def get(self, key: CalculationKey) -> Calculated:
        """The kept answer, or a new one; a failure is kept and raised likewise.

        Raises Busy if the pool has no room and no answer of the last minute is kept.
        """
        generation, now = self._generation, time.monotonic()
        kept = generation.kept.get(key)
        if kept and now < kept.until:
            return kept.get()
        with self._changing:
            running = generation.running.get(key)
            own: Future[Calculated] = Future()
            if running is None:
                generation.running[key] = own
        stale = kept if kept and now < kept.until + _STALE_SECONDS else None
        if running is None:
            return await self._run(key, generation, own, stale)
        if stale:
            return stale.get()
        return await asyncio.shield(asyncio.wrap_future(running))

    def forget(self) -> None:
        """Discard every answer, also those that are being calculated: a definition changed."""
        with self._changing:
            self._generation = _Generation()

    async def _run(
        self,
        key: CalculationKey,
        generation: _Generation[CalculationKey, Calculated],
        shared: Future[Calculated],
        stale: _Kept[Calculated] | None,
    ) -> Calculated:
        """Calculate, and pass the outcome to all that wait for `shared`."""
        try:
            answer = await self._pool.run(partial(self._calculate_and_keep, key, generation))
        except Busy as error:
            shared.set_exception(error)
            if stale:
                return stale.get()
            raise
        except BaseException as error:
            # The request of the caller is cancelled only by a stop.
            shared.set_exception(error if isinstance(error, Exception) else Stopping())
            raise
        else:
            shared.set_result(answer)
            return answer
        finally:
            generation.running.pop(key, None)

    def _calculate_and_keep(
        self, key: CalculationKey, generation: _Generation[CalculationKey, Calculated]
    ) -> Calculated:
        started = time.monotonic()
        try:
            answer = self._calculate(key)
        except QueryTooHeavy as error:
            generation.keep(key, self._seconds_after(started), failure=error)
            raise
        except Stopping:
            raise
        except TocsinError as error:
            generation.keep(key, _FAILURE_SECONDS, failure=error)
            raise
        generation.keep(key, self._seconds_after(started), answer)
        return answer

    def _seconds_after(self, started: float) -> float:
        """How long the outcome of a calculation is kept that ends now."""
        return max(self._seconds, (time.monotonic() - started) * _REST)

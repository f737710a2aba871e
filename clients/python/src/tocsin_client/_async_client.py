"""A client that sends from a task of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from uuid import UUID

import httpx2 as httpx

from tocsin_client._http import send_async
from tocsin_client._metrics import Row, failed, request_of, rows_of
from tocsin_client._recorder import EXIT_SECONDS, Recorder


class AsyncClient(Recorder):
    """Records interactions in the background, by a task of the event loop.

    `record` is not awaited and may be called from any thread. The task is started by `async with`
    or by the first interaction that is recorded in the loop. Close the client before the loop
    ends; what is queued then is sent at the exit of the process, for at most 5 seconds.
    """

    async def flush(self, timeout: float | None = None) -> bool:
        """Wait until everything recorded so far is on the server, rejected or dropped.

        Sends without waiting for full batches. False if `timeout` seconds did not suffice.
        """
        done = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._outbox.flush(lambda: _call_in(loop, done.set))
        self._wake()
        return await _is_set_within(done, timeout)

    async def close(self, timeout: float = EXIT_SECONDS) -> None:
        """Flush for at most `timeout` seconds, then stop. The rest is dropped, counted and logged,
        as is everything that is recorded afterwards."""
        await self.flush(timeout)
        self._outbox.close()
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def calculate(self, metric_id: UUID | str, *, at: datetime | None = None) -> list[Row]:
        """The rows of a metric now, or as of `at`. Raises TocsinError if there is no answer."""
        request = request_of(metric_id, at)
        try:
            async with httpx.AsyncClient(**self._options) as http:
                response = await http.post(**request)
        except httpx.HTTPError as error:
            raise failed(error) from error
        return rows_of(response)

    async def __aenter__(self) -> AsyncClient:
        self._wake()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        await self.close()

    def _reset(self) -> None:
        super()._reset()
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wakeup = asyncio.Event()

    def _wake(self) -> None:
        with suppress(RuntimeError):  # there is no running loop in this thread
            loop = asyncio.get_running_loop()
            if self._task is None or self._task.done():
                self._loop, self._wakeup = loop, asyncio.Event()
                self._task = loop.create_task(self._run(), name="tocsin-client")
                return
        if self._loop:
            _call_in(self._loop, self._wakeup.set)

    async def _run(self) -> None:
        try:
            async with httpx.AsyncClient(**self._options) as http:
                while True:
                    if batch := self._outbox.take():
                        outcome = await send_async(http, batch)
                        self._report_items(self._outbox.settle(outcome))
                    else:
                        await _is_set_within(self._wakeup, self._outbox.seconds_until_due())
                        self._wakeup.clear()
        finally:
            self._outbox.restore()

    def _close_at_exit(self) -> None:
        if self._outbox.stats.queued:
            self._outbox.restore()
            self._drain(EXIT_SECONDS)
        self._outbox.close()


def _call_in(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    """Call in the thread of the loop, unless the loop has ended."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(callback)


async def _is_set_within(event: asyncio.Event, seconds: float | None) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except asyncio.TimeoutError:  # another class than TimeoutError in Python 3.10
        return False
    return True

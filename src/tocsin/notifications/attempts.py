"""Makes attempts to send, on one event loop with a thread of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any, Protocol, TypeVar

import structlog

from tocsin.errors import TocsinError
from tocsin.model.notifications.channel import Channel
from tocsin.model.notifications.delivery import Attempt, Delivery, SendResult
from tocsin.model.notifications.message import Message, message_of
from tocsin.notifications.senders.senders import Senders
from tocsin.notifications.templates.rendering import MessageRenderer
from tocsin.process.clock import Clock, seconds_of_machine
from tocsin.store.channels import Channels

log = structlog.get_logger()

T = TypeVar("T")


class PayloadReader(Protocol):
    def complete(self, delivery: Delivery) -> Delivery:
        """The delivery with the payload that it lacks; raises TocsinError."""


class Attempts:
    """Any number of attempts run concurrently. `counts` has them by kind of channel and outcome,
    since the process started."""

    def __init__(
        self,
        channels: Channels,
        history: PayloadReader,
        renderer: MessageRenderer,
        senders: Senders,
        clock: Clock,
    ) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._channels = channels
        self._history = history
        self._renderer = renderer
        self._senders = senders
        self._clock = clock
        # Apart, so that a slow template does not delay the reading of a payload. One thread each:
        # templates are rendered one by one anyway.
        self._templates = ThreadPoolExecutor(1, thread_name_prefix="dispatcher-template")
        self._reads = ThreadPoolExecutor(1, thread_name_prefix="dispatcher-read")
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_stopping = False
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="dispatcher-loop", daemon=True
        )
        self._thread.start()

    def stop(self, grace_seconds: float) -> None:
        """Give the attempts in flight this long, then cancel them. The cancelled ones have no
        result: their deliveries are attempted again after the next start."""
        self._is_stopping = True
        if self._thread and self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._finish(grace_seconds), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
        for pool in (self._templates, self._reads):
            pool.shutdown()

    def deliver(self, delivery: Delivery, latest: float) -> Future[Attempt | None]:
        """Render and send a delivery. It is not sent after `latest`, in seconds of the machine: the
        result is None then. Only `stop` cancels the future."""
        return asyncio.run_coroutine_threadsafe(
            self._tracked(self._deliver(delivery, latest)), self._loop
        )

    def send(self, channel: Channel, message: Message) -> Future[Attempt]:
        """Send a message."""
        return asyncio.run_coroutine_threadsafe(
            self._tracked(self._send(channel, message)), self._loop
        )

    async def _tracked(self, attempt: Coroutine[Any, Any, T]) -> T:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await attempt

    async def _finish(self, grace_seconds: float) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_seconds)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._senders.close()

    async def _deliver(self, delivery: Delivery, latest: float) -> Attempt | None:
        try:
            return await self._render_and_send(delivery, latest)
        except (Exception, asyncio.CancelledError) as error:
            # Only a stop may leave a delivery without a result: it would keep its slot forever.
            if self._is_stopping:
                raise
            log.exception("delivery attempt failed", delivery=str(delivery.delivery_id))
            return self._failed(f"could not be sent: {type(error).__name__}")

    async def _render_and_send(self, delivery: Delivery, latest: float) -> Attempt | None:
        try:
            if delivery.lacks_payload:
                delivery = await self._on(self._reads, self._history.complete, delivery)
            # Not on the template thread, where it would wait for templates.
            content = self._renderer.plain(delivery)
            if content is None:
                content = await self._on(self._templates, self._renderer.render, delivery)
        except TocsinError as error:
            return self._failed(f"The interaction could not be read: {error.detail}")
        except Exception:
            log.exception("rendering a message failed", delivery=str(delivery.delivery_id))
            return self._failed("The message could not be rendered")
        channel = self._channels.find(delivery.channel_id)
        if channel is None:
            return self._failed("The channel was deleted")
        if seconds_of_machine() > latest:
            # The process was stopped, or other messages took long: another node may send it.
            log.warning("delivery not sent in time", delivery=str(delivery.delivery_id))
            return None
        return await self._send(channel, message_of(delivery, content, self._clock.now()))

    async def _send(self, channel: Channel, message: Message) -> Attempt:
        started = time.perf_counter()
        result = await self._senders.send(channel, message)
        outcome = "sent" if result.is_sent else "skipped" if result.skip_reason else "failed"
        self.counts[channel.kind, outcome] += 1
        return Attempt(message.at, result, timedelta(seconds=time.perf_counter() - started))

    def _failed(self, reason: str) -> Attempt:
        return Attempt(self._clock.now(), SendResult(reason), timedelta(0))

    async def _on(self, pool: ThreadPoolExecutor, call: Callable[..., T], *arguments: Any) -> T:
        return await self._loop.run_in_executor(pool, call, *arguments)

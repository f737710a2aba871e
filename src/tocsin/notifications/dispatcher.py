"""Sends what is due: claims it, tries it, keeps what came of it, and records how it ended.

Each channel has a lane of its own, a few tries wide, so a slow or dead receiver delays nobody
else. All lanes live in one event loop, on a thread of its own; whatever touches the store happens
on another thread, in as few transactions as there are moments to write.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar
from uuid import UUID

import structlog

from tocsin.errors import TocsinError
from tocsin.model.notifications.channel import Channel
from tocsin.model.notifications.delivery import (
    RETRY_DELAYS,
    Attempt,
    Delivery,
    Receipt,
    Try,
    judge,
    resting_until,
)
from tocsin.model.notifications.ending import ending
from tocsin.model.notifications.message import Message, message_of
from tocsin.notifications.senders.senders import Senders

log = structlog.get_logger()

LANE_WIDTH = 8
IDLE_SECONDS = 0.25
FAILED_SECONDS = 5.0
GRACE_SECONDS = 3.0

_ENDS_AT_ONCE = 500

T = TypeVar("T")


class Claims(Protocol):
    def claim(self, room: Mapping[UUID, int], at: datetime) -> list[Delivery]: ...
    def finish(self, tries: Sequence[Try]) -> None: ...
    def ended(self, limit: int) -> list[Delivery]: ...
    def note_recorded(self, ids: Sequence[UUID]) -> None: ...


class Channels(Protocol):
    def all(self) -> list[Channel]: ...
    def find(self, id: UUID) -> Channel | None: ...
    def disable(self, id: UUID, reason: str, at: datetime) -> None: ...
    def rest(self, id: UUID, until: datetime | None) -> None: ...


class Rendering(Protocol):
    def plain(self, delivery: Delivery) -> tuple[str, str] | None: ...
    def render(self, delivery: Delivery) -> tuple[str, str]: ...


class Notifier:
    """Works from when it is made until it is closed; `attempts` counts since then."""

    def __init__(
        self,
        claims: Claims,
        channels: Channels,
        rendering: Rendering,
        senders: Senders,
        *,
        complete: Callable[[Delivery], Delivery],
        settle: Callable[[], None],
        record: Callable[[Sequence[dict[str, Any]]], None],
        now: Callable[[], datetime],
        delays: Sequence[timedelta] = RETRY_DELAYS,
    ) -> None:
        """`complete` reads a payload that a delivery lacks, `settle` decides what is in doubt,
        `record` keeps interactions; all may block."""
        self._claims = claims
        self._channels = channels
        self._rendering = rendering
        self._senders = senders
        self._complete = complete
        self._settle = settle
        self._record = record
        self._now = now
        self._delays = delays
        self.attempts: Counter[tuple[str, str]] = Counter()
        self._under_way: Counter[UUID] = Counter()
        self._tries: list[Try] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closing = False
        # Apart, so that a slow template delays neither a payload that is read nor an end that is
        # recorded; templates are rendered one by one anyway.
        self._storing, self._templating, self._reading, self._recording = (
            ThreadPoolExecutor(1, thread_name_prefix=f"notifier-{purpose}")
            for purpose in ("store", "template", "read", "record")
        )
        self._loop = asyncio.new_event_loop()
        self._woken = asyncio.Event()
        self._tried = asyncio.Event()
        self._thread = threading.Thread(target=self._live, name="notifier", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something is pending; called from any thread."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._woken.set)

    def send(self, channel: Channel, message: Message) -> Attempt:
        """One try, immediately and outside of any lane; blocks until it is known what came of it.
        It ends a rest of the channel, unless the receiver asks for another one."""
        trying = self._attempt(channel, message)
        attempt = asyncio.run_coroutine_threadsafe(trying, self._loop).result()
        self._channels.rest(channel.channel_id, resting_until(attempt.receipt, self._now()))
        self.wake()
        return attempt

    def close(self) -> None:
        """Let what is being sent end, if it does so soon; the rest is sent after the next start."""
        self._is_closing = True
        self.wake()
        self._thread.join()
        for pool in (self._storing, self._templating, self._reading, self._recording):
            pool.shutdown()

    def _live(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._work())

    async def _work(self) -> None:
        others = [asyncio.create_task(self._keep()), asyncio.create_task(self._record_ends())]
        while not self._is_closing:
            self._woken.clear()
            idle = IDLE_SECONDS if await self._turn() else FAILED_SECONDS
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), idle)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=GRACE_SECONDS)
        for task in [*self._tasks, *others]:
            task.cancel()
        await self._keep_some()
        await self._senders.close()

    async def _turn(self) -> bool:
        """Claim what is due, as far as the lanes have room, and begin to send it; False if that
        could not be found out."""
        try:
            await self._stored(self._settle)
            due = await self._stored(self._claim, self._now())
        except Exception:
            log.exception("deliveries wait")
            return False
        for delivery in due:
            self._under_way[delivery.channel_id] += 1
            task = asyncio.create_task(self._deliver(delivery))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return True

    def _claim(self, at: datetime) -> list[Delivery]:
        """On the thread that stores, so that a rest that was just stored is seen."""
        return self._claims.claim(self._room(at), at)

    def _room(self, at: datetime) -> dict[UUID, int]:
        return {
            channel.channel_id: room
            for channel in self._channels.all()
            if channel.spec.enabled
            and not channel.rests_until(at)
            and (room := LANE_WIDTH - self._under_way[channel.channel_id]) > 0
        }

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            attempt = await self._attempted(delivery)
        except (Exception, asyncio.CancelledError) as error:
            # Only a stop may leave a try without a result: it would keep its place in the lane.
            if self._is_closing:
                raise
            log.exception("delivery failed", delivery=str(delivery.delivery_id))
            receipt = Receipt(f"could not be sent: {type(error).__name__}")
            attempt = Attempt(self._now(), receipt, timedelta(0))
        verdict = judge(
            delivery.tries + 1,
            attempt.receipt,
            self._now(),
            random.uniform(-1, 1),
            self._delays,
        )
        self._tries.append(Try(delivery, attempt, verdict))
        self._tried.set()

    async def _attempted(self, delivery: Delivery) -> Attempt:
        try:
            if delivery.lacks_payload:
                delivery = await self._on(self._reading, self._complete, delivery)
            # Without a thread, so that it waits for no template.
            text = self._rendering.plain(delivery)
            if text is None:
                text = await self._on(self._templating, self._rendering.render, delivery)
        except TocsinError as error:
            reason = f"The interaction could not be read: {error.detail}"
            return Attempt(self._now(), Receipt(reason), timedelta(0))
        except Exception:
            log.exception("a message could not be made", delivery=str(delivery.delivery_id))
            return Attempt(self._now(), Receipt("The message could not be made"), timedelta(0))
        channel = self._channels.find(delivery.channel_id)
        if channel is None:
            return Attempt(self._now(), Receipt("The channel was deleted"), timedelta(0))
        return await self._attempt(channel, message_of(delivery, *text, self._now()))

    async def _attempt(self, channel: Channel, message: Message) -> Attempt:
        started = time.perf_counter()
        receipt = await self._senders.send(channel, message)
        self.attempts[channel.kind, "sent" if receipt.is_sent else "failed"] += 1
        return Attempt(message.at, receipt, timedelta(seconds=time.perf_counter() - started))

    async def _keep(self) -> None:
        while True:
            await self._tried.wait()
            self._tried.clear()
            await self._keep_some()

    async def _keep_some(self) -> None:
        """Write whatever has been tried meanwhile, then make room for more of it."""
        tries, self._tries = self._tries, []
        try:
            await self._stored(self._finish, tries)
        except Exception:
            # Their claims end by themselves; then they are tried again, under the same ids.
            log.exception("what was sent could not be kept")
        self._under_way.subtract(one.delivery.channel_id for one in tries)
        self._woken.set()

    def _finish(self, tries: Sequence[Try]) -> None:
        # A Retry-After pauses the whole channel, before its lane has room again.
        for one in tries:
            if one.verdict.resting_until:
                self._channels.rest(one.delivery.channel_id, one.verdict.resting_until)
        if tries:
            self._claims.finish(tries)
        for channel_id in {t.delivery.channel_id for t in tries if t.attempt.receipt.is_gone}:
            log.warning("channel disabled: it answered 410 Gone", channel=str(channel_id))
            self._channels.disable(channel_id, "It answered 410 Gone", self._now())

    async def _record_ends(self) -> None:
        while True:
            idle = IDLE_SECONDS
            try:
                await self._on(self._recording, self._record_some)
            except Exception:
                log.exception("ends of deliveries wait to be recorded")
                idle = FAILED_SECONDS
            await asyncio.sleep(idle)

    def _record_some(self) -> None:
        while ended := self._claims.ended(_ENDS_AT_ONCE):
            self._record([ending(one, self._channels.find(one.channel_id)) for one in ended])
            self._claims.note_recorded([one.delivery_id for one in ended])

    async def _stored(self, call: Callable[..., T], *arguments: Any) -> T:
        return await self._on(self._storing, call, *arguments)

    async def _on(self, pool: ThreadPoolExecutor, call: Callable[..., T], *arguments: Any) -> T:
        return await self._loop.run_in_executor(pool, call, *arguments)

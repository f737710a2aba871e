"""A pool runs what it has threads for, keeps a few callers waiting, and refuses the others."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tocsin.errors import Busy, Stopping
from tocsin.process import pools
from tocsin.process.pools import Pool


async def begun(pool: Pool, gate: threading.Event) -> asyncio.Task[int]:
    """A call that runs until the gate opens."""
    is_running = asyncio.Event()
    loop = asyncio.get_running_loop()

    def work() -> int:
        loop.call_soon_threadsafe(is_running.set)
        gate.wait()
        return 1

    task = asyncio.create_task(pool.run(work))
    await is_running.wait()
    return task


def test_who_finds_no_place_in_the_queue_is_refused_and_who_waits_is_answered() -> None:
    async def calls() -> None:
        pool, gate = Pool("test", threads=1, queue=2), threading.Event()
        running = await begun(pool, gate)
        waiting = [asyncio.create_task(pool.run(lambda: 2)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await pool.run(lambda: 3)
        gate.set()
        assert await asyncio.gather(running, *waiting) == [1, 2, 2]
        assert await pool.run(lambda: 4) == 4
        pool.close()

    asyncio.run(calls())


def test_who_waited_too_long_is_refused_and_never_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "QUEUE_SECONDS", 0.01)
    ran: list[int] = []

    async def calls() -> None:
        pool, gate = Pool("test", threads=1, queue=1), threading.Event()
        running = await begun(pool, gate)
        with pytest.raises(Busy):
            await pool.run(lambda: ran.append(1))
        gate.set()
        assert await running == 1
        assert await pool.run(lambda: 2) == 2
        pool.close()

    asyncio.run(calls())
    assert not ran


def test_a_stop_refuses_who_waits_and_who_comes_and_answers_who_runs() -> None:
    async def calls() -> None:
        pool, gate = Pool("test", threads=1, queue=1), threading.Event()
        running = await begun(pool, gate)
        waiting = asyncio.create_task(pool.run(lambda: 2))
        await asyncio.sleep(0)
        pool.stop()
        with pytest.raises(Stopping):
            await pool.run(lambda: 3)
        gate.set()
        assert await running == 1
        with pytest.raises(Stopping):
            await waiting
        pool.close()
        with pytest.raises(Stopping):
            await pool.run(lambda: 4)

    asyncio.run(calls())


def test_an_error_of_the_work_is_the_callers_and_the_thread_is_free_again() -> None:
    def fail() -> int:
        raise KeyError("mine")

    async def calls() -> None:
        pool = Pool("test", threads=1, queue=0)
        for _ in range(3):
            with pytest.raises(KeyError):
                await pool.run(fail)
        pool.close()

    asyncio.run(calls())


def test_a_caller_that_is_cancelled_is_cancelled_and_leaves_its_place() -> None:
    async def calls() -> None:
        pool, gate = Pool("test", threads=1, queue=1), threading.Event()
        running = await begun(pool, gate)
        waiting = asyncio.create_task(pool.run(lambda: 2))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        gate.set()
        assert await running == 1
        assert await pool.run(lambda: 3) == 3
        pool.close()

    asyncio.run(calls())
